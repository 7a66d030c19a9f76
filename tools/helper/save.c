// SPDX-License-Identifier: Apache-2.0
/*
 * Saving: the guest is asked to suspend itself, then its memory and state are written. What of the domain is changed
 * here is undone here; that it goes on after a failure is libxl's caller's, who had it suspended.
 *
 * Live, its memory is written before that, while it runs: first all, then in rounds what it has written to meanwhile,
 * until little enough is left to stand still for, or it is clear that there will not be less.
 */
#include "tools/helper/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/hvm/params.h>

#include "tools/helper/libxl.h"
#include "tools/helper/track.h"

#define PROGRESS_CHUNKS 8          /* 16 MiB */
#define MOST_ROUNDS     20
#define MOST_TIMES      3          /* as much as there is memory is sent at most */
#define DOWNTIME_NS     UINT64_C(100000000)   /* of the last round, estimated */
#define FEW_PAGES       64u        /* with so few left another round is not worth its cost */

static int write_failed(struct helper *h, int error) { return error ? helper_stream_fail(h, error) : 0; }

static int enter_header(struct sleep *s)
{
    struct helper *h = s->context;
    struct domain_record domain = { 0 };
    bool suspended;
    int error = helper_look(h, &domain.vcpus, &domain.pages, &suspended);

    if (error)
        return helper_fail(h, error, "the domain cannot be looked at: %s", strerror(-error));
    domain.flags = h->changes_only ? DOMAIN_CHANGES : 0;
    h->pages = malloc(CHUNK_PAGES * STREAM_PAGE_SIZE);
    if (!h->pages)
        return helper_fail(h, -ENOMEM, "out of memory");
    error = writer_header(&h->stream);
    if (!error)
        error = writer_record(&h->stream, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1);
    if (error)
        free(h->pages);
    return write_failed(h, error);
}

static void leave_header(struct sleep *s)
{
    struct helper *h = s->context;

    free(h->pages);
}

/* libxl says that the guest is suspended also when it did not answer for a minute. */
static int enter_suspend(struct sleep *s)
{
    struct helper *h = s->context;
    bool suspended = false;
    uint32_t vcpus;
    uint64_t pages;
    int error;

    if (!libxl_suspend())
        return helper_fail(h, -EBUSY, "the guest did not suspend itself");
    error = helper_look(h, &vcpus, &pages, &suspended);
    if (error)
        return helper_fail(h, error, "the domain cannot be looked at: %s", strerror(-error));
    return suspended ? 0 : helper_fail(h, -ETIMEDOUT, "the guest did not answer the request to suspend itself");
}

/* The pages of chunk->known. first: what is not there is not told. */
static int write_chunk(struct helper *h, struct chunk_record *chunk, bool first)
{
    struct piece pieces[] = { { chunk, sizeof(*chunk) }, { h->pages, 0 } };
    unsigned data;
    int error = memory_read(&h->memory, chunk, h->pages);

    if (error)
        return helper_fail(h, error, "its memory at GFN 0x%llx cannot be read: %s", (unsigned long long)chunk->gfn,
                           strerror(-error));
    if (first && !chunk_count(chunk->ram))
        return 0;
    data = chunk_count(chunk->data);
    pieces[1].size = (size_t)data * STREAM_PAGE_SIZE;
    error = writer_record(&h->stream, RECORD_CHUNK, pieces, 2);
    if (error)
        return helper_stream_fail(h, error);
    h->chunks++;
    h->data_pages += data;
    return 0;
}

static int find_end(struct helper *h)
{
    int error = memory_used_chunks(&h->memory, &h->used_chunks);

    return error ? helper_fail(h, error, "the hypervisor does not say where its memory ends: %s", strerror(-error)) : 0;
}

static int write_all(struct helper *h)
{
    int error = 0;

    for (uint64_t i = 0; i < h->used_chunks && !error; i++) {
        struct chunk_record chunk = { .gfn = memory_chunk_gfn(i) };

        if (i % PROGRESS_CHUNKS == 0)
            libxl_progress("Frames", i * CHUNK_PAGES, h->used_chunks * CHUNK_PAGES);
        memset(chunk.known, 0xff, sizeof(chunk.known));
        error = write_chunk(h, &chunk, true);
    }
    return error;
}

/* What was written to since the last time. */
static int write_dirty(struct helper *h)
{
    int error = 0;

    for (uint64_t i = 0; i < h->used_chunks && !error; i++) {
        struct chunk_record chunk = { .gfn = memory_chunk_gfn(i) };

        track_dirty(chunk.gfn, chunk.known);
        if (chunk_count(chunk.known))
            error = write_chunk(h, &chunk, false);
    }
    return error;
}

static int enter_memory(struct sleep *s)
{
    struct helper *h = s->context;
    int error = find_end(h);

    return error ? error : write_all(h);
}

static int track_failed(struct helper *h, int error)
{
    if (error == -ESTALE)
        return helper_fail(h, error, "another program asked what it has written to, and was told a part of it");
    if (error == -EBUSY)
        return helper_fail(h, error, "another program is saving it");
    return error ? helper_fail(h, error, "the hypervisor does not track what it writes to: %s", strerror(-error)) : 0;
}

static int enter_track(struct sleep *s)
{
    struct helper *h = s->context;
    int error = find_end(h);

    if (error)
        return error;
    return track_failed(h, h->changes_only ? track_go_on(&h->memory, h->used_chunks, h->period)
                                           : track_begin(&h->memory, h->used_chunks));
}

/* After a checkpoint that did not come to its end nobody knows what has changed since the one before. */
static void leave_track(struct sleep *s)
{
    struct helper *h = s->context;

    if (h->checkpoint && !s->error)
        track_leave_on(&h->memory);
    else
        track_end(&h->memory);
}

static int take_dirty(struct helper *h, uint64_t *pages) { return track_failed(h, track_take(&h->memory, pages)); }

/*
 * Whether so many pages are few enough for the guest to stand still for, at the rate at which `sent` pages took `ns`.
 */
static bool is_little(uint64_t pages, uint64_t sent, uint64_t ns)
{
    return pages <= FEW_PAGES || (sent && pages * (ns / sent) <= DOWNTIME_NS);
}

static int enter_precopy(struct sleep *s)
{
    struct helper *h = s->context;
    uint64_t began = s->now_ns(), dirty = 0, all;
    int error = h->changes_only ? 0 : write_all(h);

    all = h->changes_only ? h->used_chunks * CHUNK_PAGES : h->data_pages;
    for (unsigned round = 1; !error; round++) {
        char text[40];

        error = take_dirty(h, &dirty);
        if (error)
            break;
        snprintf(text, sizeof(text), "Frames iteration %u", round);
        libxl_progress(text, h->used_chunks * CHUNK_PAGES - dirty, h->used_chunks * CHUNK_PAGES);
        error = write_dirty(h);
        if (is_little(dirty, h->data_pages, s->now_ns() - began) || round >= MOST_ROUNDS ||
            h->data_pages > MOST_TIMES * all)
            break;
    }
    return error;
}

/* The guest stands still: what is left. */
static int enter_rest(struct sleep *s)
{
    struct helper *h = s->context;
    uint64_t dirty;
    int error = take_dirty(h, &dirty);

    return error ? error : write_dirty(h);
}

/* Those that mean the same after a restore; the ports are the new domain's own. */
static const uint32_t saved_params[] = { HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_STORE_PFN, HVM_PARAM_CONSOLE_PFN };

#define SAVED_PARAMS (sizeof(saved_params) / sizeof(saved_params[0]))

static int write_params(struct helper *h)
{
    struct param_record params[SAVED_PARAMS];

    for (unsigned i = 0; i < SAVED_PARAMS; i++) {
        params[i].index = saved_params[i];
        if (xc_hvm_param_get(h->memory.xc, h->memory.domid, saved_params[i], &params[i].value))
            return helper_fail(h, -errno, "its parameter %u cannot be read: %s", saved_params[i], strerror(errno));
    }
    return write_failed(h, writer_record(&h->stream, RECORD_PARAMS, &(struct piece){ params, sizeof(params) }, 1));
}

/*
 * What gethvmcontext gives, behind its length and with zeroes up to a multiple of 8. *total: bytes. NULL: h->error
 * says why.
 */
static uint8_t *get_state(struct helper *h, size_t *total, int *error)
{
    int size = xc_domain_hvm_getcontext(h->memory.xc, h->memory.domid, NULL, 0);
    uint64_t length;
    uint8_t *state;

    if (size <= 0 || (unsigned)size > STREAM_MAX_STATE) {
        *error = size < 0 ? -errno : -E2BIG;
        helper_fail(h, *error, "the hypervisor does not give its state: %s (xl dmesg may say why)", strerror(-*error));
        return NULL;
    }
    *total = sizeof(length) + ((size_t)size + 7) / 8 * 8;
    state = calloc(1, *total);
    if (!state) {
        *error = helper_fail(h, -ENOMEM, "out of memory");
        return NULL;
    }
    size = xc_domain_hvm_getcontext(h->memory.xc, h->memory.domid, state + sizeof(length), (uint32_t)size);
    if (size <= 0) {
        *error = size < 0 ? -errno : -EIO;
        helper_fail(h, *error, "the hypervisor does not give its state: %s (xl dmesg may say why)", strerror(-*error));
        free(state);
        return NULL;
    }
    length = (uint64_t)size;
    memcpy(state, &length, sizeof(length));
    return state;
}

static int enter_state(struct sleep *s)
{
    struct helper *h = s->context;
    size_t total;
    int error = write_params(h);
    uint8_t *state = error ? NULL : get_state(h, &total, &error);

    if (!state)
        return error;
    error = writer_record(&h->stream, RECORD_STATE, &(struct piece){ state, total }, 1);
    free(state);
    return write_failed(h, error);
}

static int enter_end(struct sleep *s)
{
    struct helper *h = s->context;
    struct end_record end = { .chunks = h->chunks, .pages = h->data_pages };

    return write_failed(h, writer_record(&h->stream, RECORD_END, &(struct piece){ &end, sizeof(end) }, 1));
}

/* What comes after this checkpoint. */
static int enter_mark(struct sleep *s)
{
    struct helper *h = s->context;
    struct track_record track = { .domid = h->memory.domid, .period = track_period() };

    return write_failed(h, writer_record(&h->stream, RECORD_TRACK, &(struct piece){ &track, sizeof(track) }, 1));
}

static const struct sleep_stage header_stage = { "header", enter_header, leave_header };
static const struct sleep_stage suspend_stage = { "suspend", enter_suspend, NULL };
static const struct sleep_stage memory_stage = { "memory", enter_memory, NULL };
static const struct sleep_stage track_stage = { "track", enter_track, leave_track };
static const struct sleep_stage precopy_stage = { "precopy", enter_precopy, NULL };
static const struct sleep_stage rest_stage = { "rest", enter_rest, NULL };
static const struct sleep_stage state_stage = { "state", enter_state, NULL };
static const struct sleep_stage mark_stage = { "mark", enter_mark, NULL };
static const struct sleep_stage end_stage = { "end", enter_end, NULL };

static const struct sleep_stage *const save_stages[] = {
    &connect_stage, &header_stage, &suspend_stage, &memory_stage, &state_stage, &end_stage,
};

static const struct sleep_stage *const live_stages[] = {
    &connect_stage, &header_stage, &track_stage, &precopy_stage, &suspend_stage, &rest_stage, &state_stage, &end_stage,
};

static const struct sleep_stage *const checkpoint_stages[] = {
    &connect_stage, &header_stage, &track_stage, &precopy_stage, &hold_stage, &suspend_stage,
    &rest_stage,    &state_stage,  &go_on_stage, &out_stage,     &mark_stage, &end_stage,
};

const struct sleep_list save_list = { "save", save_stages, ARRAY_SIZE(save_stages) };
const struct sleep_list live_list = { "live", live_stages, ARRAY_SIZE(live_stages) };
const struct sleep_list checkpoint_list = { "checkpoint", checkpoint_stages, ARRAY_SIZE(checkpoint_stages) };
