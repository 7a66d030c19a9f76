// SPDX-License-Identifier: Apache-2.0
/*
 * Saving: the guest is asked to suspend itself, then its memory and state are written. Changes made here to the domain
 * are undone here; that it goes on after a failure is for libxl's caller, which had it suspended.
 *
 * Live, its memory is written before that, while it runs: first all, then in rounds the pages that it has written to
 * meanwhile, until precopy.h says that it is to stand still.
 */
#include "tools/helper/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/hvm/params.h>

#include "tools/helper/libxl.h"
#include "tools/helper/needs.h"
#include "tools/helper/recorder.h"
#include "tools/helper/sync.h"
#include "tools/helper/throttle.h"
#include "tools/helper/track.h"

#define NS_PER_MS UINT64_C(1000000)

static int write_failed(struct helper *h, int error) { return error ? helper_stream_fail(h, error) : 0; }

static void tell_begin(const struct helper *h, const struct sleep *s, uint64_t ram_pages)
{
    struct report r = { .kind = REPORT_BEGIN, .begin = {
        .ram_pages = ram_pages, .max_downtime_ms = s->list != &save_list ? h->options.max_downtime_ms : 0,
        .compressed = h->options.compress } };

    recorder_tell(&r);
}

/* Not of a checkpoint, whose file is put together of many; nor where the hypervisor does not tell. */
static int read_needs(struct helper *h, uint8_t *needs, size_t *size)
{
    int error = h->checkpoint ? -ENOSYS : needs_read(&h->memory, needs, size);

    if (error == -ENOSYS) {
        *size = 0;
        return 0;
    }
    return error ? helper_fail(h, error, "the hypervisor does not tell what CPU it has: %s", strerror(-error)) : 0;
}

static int enter_header(struct sleep *s)
{
    uint8_t needs[sizeof(uint64_t) + STREAM_MAX_NEEDS];
    struct helper *h = s->context;
    struct domain_record domain = { 0 };
    size_t needs_size;
    bool suspended;
    int error = helper_look(h, &domain.vcpus, &domain.pages, &suspended);

    if (error)
        return helper_fail(h, error, "the domain cannot be looked at: %s", strerror(-error));
    domain.flags = h->changes_only ? DOMAIN_CHANGES : 0;
    tell_begin(h, s, domain.pages);
    error = read_needs(h, needs, &needs_size);
    if (error)
        return error;
    error = h->options.compress ? writer_compress(&h->stream) : 0;
    if (!error)
        error = writer_header(&h->stream, needs_size);
    if (!error)
        error = writer_record(&h->stream, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1);
    if (!error && needs_size)
        error = writer_record(&h->stream, RECORD_NEEDS, &(struct piece){ needs, needs_size }, 1);
    return write_failed(h, error);
}

static void speed_up(const struct helper *h)
{
    if (throttle_end())
        libxl_log(XTL_ERROR, "domain %u still has the cap that slowed it down: xl sched-credit2 -d %u -c 0",
                  h->memory.domid, h->memory.domid);
}

/*
 * libxl says that the guest is suspended also when it did not answer for a minute. The guest suspends itself at its own
 * speed: it stops its processes first, and the rest is downtime.
 */
static int enter_suspend(struct sleep *s)
{
    struct helper *h = s->context;
    bool suspended = false;
    uint32_t vcpus;
    uint64_t pages;
    int error;

    speed_up(h);
    h->asked_ns = s->now_ns();
    recorder_tell(&(struct report){ .kind = REPORT_ASKED, .at_ns = h->asked_ns });
    if (!libxl_suspend())
        return helper_fail(h, -EBUSY, "the guest did not suspend itself");
    error = helper_look(h, &vcpus, &pages, &suspended);
    if (error)
        return helper_fail(h, error, "the domain cannot be looked at: %s", strerror(-error));
    if (!suspended)
        return helper_fail(h, -ETIMEDOUT, "the guest did not answer the request to suspend itself");
    recorder_tell(&(struct report){ .kind = REPORT_SUSPENDED });
    return 0;
}

/* The pages of chunk->known. first: absent pages are not told. */
static int write_chunk(struct helper *h, struct chunk_record *chunk, bool first)
{
    int error = memory_read(&h->memory, chunk);

    if (error)
        return helper_fail(h, error, "its memory at GFN 0x%llx cannot be read: %s", (unsigned long long)chunk->gfn,
                           strerror(-error));
    if (first && !chunk_count(chunk->ram))
        return 0;
    error = writer_chunk(&h->stream, chunk, h->memory.pages);
    if (error)
        return helper_stream_fail(h, error);
    h->chunks++;
    h->data_pages += chunk_count(chunk->data);
    return 0;
}

static int find_end(struct helper *h)
{
    int error = memory_used_chunks(&h->memory, &h->used_chunks);

    return error ? helper_fail(h, error, "the hypervisor does not say where its memory ends: %s", strerror(-error)) : 0;
}

/* All memory from that chunk on. */
static int write_from(struct helper *h, uint64_t first)
{
    int error = 0;

    for (uint64_t i = first; i < h->used_chunks && !error; i++) {
        struct chunk_record chunk = { .gfn = memory_chunk_gfn(i) };

        helper_progress(h, i * CHUNK_PAGES, h->used_chunks * CHUNK_PAGES);
        memset(chunk.known, 0xff, sizeof(chunk.known));
        error = write_chunk(h, &chunk, true);
    }
    return error;
}

static int write_all(struct helper *h) { return write_from(h, 0); }

/* Memory that the guest was given above the end that it had when tracking began, of which no round knew. */
static int write_grown(struct helper *h)
{
    uint64_t end = h->used_chunks;
    int error = find_end(h);

    return error ? error : write_from(h, end);
}

/* The pages that were taken: so many. */
static int write_dirty(struct helper *h, uint64_t pages)
{
    uint64_t done = 0;
    int error = 0;

    for (uint64_t i = 0; i < h->used_chunks && !error; i++) {
        struct chunk_record chunk = { .gfn = memory_chunk_gfn(i) };

        track_dirty(chunk.gfn, chunk.known);
        if (!chunk_count(chunk.known))
            continue;
        helper_progress(h, done, pages);
        done += chunk_count(chunk.known);
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

/* How much CPU time it has, of which some may be taken from it. */
static int enter_throttle(struct sleep *s)
{
    struct helper *h = s->context;
    struct precopy_limits limits = {
        .max_downtime_ns = h->options.max_downtime_ms * NS_PER_MS, .fixed_ns = h->options.fixed_ns,
    };
    bool suspended;
    uint32_t vcpus;
    uint64_t pages;
    int error = helper_look(h, &vcpus, &pages, &suspended);

    if (!error && h->options.throttle)
        error = throttle_full(h->memory.xc, h->memory.domid, vcpus, &limits.full_cap);
    precopy_begin(&h->precopy, &limits);
    return error ? helper_fail(h, error, "its scheduler's cap cannot be read: %s", strerror(-error)) : 0;
}

static void leave_throttle(struct sleep *s) { speed_up(s->context); }

/* A round while it goes on. */
struct passage {
    uint64_t start_ns, end_ns;
    uint64_t dirty;                /* pages that are sent in it */
    uint64_t data, bytes;          /* as h->data_pages and the stream's position when it began */
};

static struct passage begin_passage(const struct helper *h, uint64_t now_ns, uint64_t dirty)
{
    return (struct passage){ .start_ns = now_ns, .dirty = dirty, .data = h->data_pages, .bytes = h->stream.position };
}

static void tell_round(const struct helper *h, const struct passage *p, unsigned cap, uint64_t left, bool last)
{
    struct report r = { .kind = REPORT_ROUND, .round = {
        .round = h->round, .cap = cap, .last = last, .start_ns = p->start_ns, .end_ns = p->end_ns,
        .dirty_pages = p->dirty, .data_pages = h->data_pages - p->data,
        .stream_bytes = h->stream.position - p->bytes, .left_pages = left,
        .estimate_ns = last ? 0 : h->precopy.estimate_ns } };

    recorder_tell(&r);
}

static int slow_down(struct helper *h)
{
    int error = throttle_set(h->memory.xc, h->memory.domid, h->precopy.cap);

    h->lowest_cap = h->precopy.cap;
    return error ? helper_fail(h, error, "it cannot be slowed down: %s (--no-throttle leaves it as it is)",
                               strerror(-error))
                 : 0;
}

/* The round is over when the receiver has it: what now. */
static int judge(struct helper *h, struct passage *p, enum precopy_verdict *verdict)
{
    unsigned cap = h->precopy.cap;
    struct precopy_round round = { .data_pages = h->data_pages - p->data };
    int error = sync_with_receiver(h);

    if (error)
        return error;
    error = track_count(&h->memory, &round.left);
    if (error)
        return helper_fail(h, error, "the hypervisor does not say what it has written to: %s", strerror(-error));
    p->end_ns = report_now_ns();
    round.pages = h->round ? p->dirty : round.data_pages;
    round.ns = p->end_ns - p->start_ns;
    *verdict = precopy_judge(&h->precopy, &round);
    tell_round(h, p, cap, round.left, false);
    if (*verdict == PRECOPY_HOPELESS)
        libxl_log(XTL_WARN, "domain %u writes to %llu pages a second, %llu are sent: it will stand still for longer",
                  h->memory.domid, (unsigned long long)h->precopy.dirty_rate,
                  (unsigned long long)h->precopy.send_rate);
    return h->precopy.cap == cap ? 0 : slow_down(h);
}

static int dirty_round(struct helper *h, struct passage *p)
{
    uint64_t dirty = 0, now = report_now_ns();
    int error = take_dirty(h, &dirty);

    *p = begin_passage(h, now, dirty);
    return error ? error : write_dirty(h, dirty);
}

/* All of it, or the changes since another checkpoint. */
static int first_round(struct helper *h, struct passage *p)
{
    if (h->changes_only)
        return dirty_round(h, p);
    *p = begin_passage(h, report_now_ns(), h->used_chunks * CHUNK_PAGES);
    return write_all(h);
}

static int enter_precopy(struct sleep *s)
{
    struct helper *h = s->context;
    enum precopy_verdict verdict = PRECOPY_GO_ON;
    struct passage p;
    int error = first_round(h, &p);

    while (!error && !(error = judge(h, &p, &verdict)) && verdict == PRECOPY_GO_ON) {
        h->round++;
        error = dirty_round(h, &p);
    }
    return error;
}

/* The guest stands still: the rest. */
static int enter_rest(struct sleep *s)
{
    struct helper *h = s->context;
    struct passage p;
    int error;

    h->round++;
    error = dirty_round(h, &p);
    if (!error)
        error = write_grown(h);
    if (!error)
        error = sync_unheard(h);
    p.end_ns = s->now_ns();
    tell_round(h, &p, h->precopy.cap, 0, true);
    return error;
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
 * gethvmcontext's result, behind its length and with zeroes up to a multiple of 8. *total: bytes. NULL: h->error
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

/* The period after this checkpoint. */
static int enter_mark(struct sleep *s)
{
    struct helper *h = s->context;
    struct track_record track = { .domid = h->memory.domid, .period = track_period() };

    return write_failed(h, writer_record(&h->stream, RECORD_TRACK, &(struct piece){ &track, sizeof(track) }, 1));
}

static const struct sleep_stage header_stage = { "header", enter_header, NULL };
static const struct sleep_stage suspend_stage = { "suspend", enter_suspend, NULL };
static const struct sleep_stage memory_stage = { "memory", enter_memory, NULL };
static const struct sleep_stage track_stage = { "track", enter_track, leave_track };
static const struct sleep_stage throttle_stage = { "throttle", enter_throttle, leave_throttle };
static const struct sleep_stage precopy_stage = { "precopy", enter_precopy, NULL };
static const struct sleep_stage rest_stage = { "rest", enter_rest, NULL };
static const struct sleep_stage state_stage = { "state", enter_state, NULL };
static const struct sleep_stage mark_stage = { "mark", enter_mark, NULL };
static const struct sleep_stage end_stage = { "end", enter_end, NULL };

static const struct sleep_stage *const save_stages[] = {
    &connect_stage, &header_stage, &suspend_stage, &memory_stage, &state_stage, &end_stage,
};

static const struct sleep_stage *const live_stages[] = {
    &connect_stage, &header_stage, &track_stage, &throttle_stage, &precopy_stage, &suspend_stage, &rest_stage,
    &state_stage, &end_stage,
};

static const struct sleep_stage *const checkpoint_stages[] = {
    &connect_stage, &header_stage, &track_stage, &throttle_stage, &precopy_stage, &hold_stage, &suspend_stage,
    &rest_stage,    &state_stage,  &go_on_stage, &out_stage,      &mark_stage,    &end_stage,
};

const struct sleep_list save_list = { "save", save_stages, ARRAY_SIZE(save_stages) };
const struct sleep_list live_list = { "live", live_stages, ARRAY_SIZE(live_stages) };
const struct sleep_list checkpoint_list = { "checkpoint", checkpoint_stages, ARRAY_SIZE(checkpoint_stages) };
