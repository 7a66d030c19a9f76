// SPDX-License-Identifier: Apache-2.0
/*
 * Restoring into a domain that libxl has made and that has no memory yet. A record is checked before anything of it is
 * used, and the hypervisor checks the state as a whole before it changes anything. A failed restore is for libxl to
 * destroy, domain and all.
 *
 * The stream belongs to libxl again behind END: not a byte more is read.
 */
#include "tools/helper/helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>
#include <xen/hvm/params.h>

#include "tools/helper/attach.h"
#include "tools/helper/libxl.h"
#include "tools/helper/needs.h"
#include "tools/helper/recorder.h"

static int check_type(struct helper *h, const struct record *record, enum record_type type)
{
    if (record->type != type)
        return helper_fail(h, -EINVAL, "the image has a %s where %s has to be, at record %llu",
                           record_name(record->type), record_name(type), (unsigned long long)h->stream.records - 1);
    return 0;
}

/* The next record has to be of that type. */
static int next_of(struct helper *h, enum record_type type, struct record *record)
{
    int error = reader_next(&h->stream, record);

    return error ? helper_stream_fail(h, error) : check_type(h, record, type);
}

#define REFUSED "the hypervisor refuses its state: %s (xl dmesg may say why)"

/* An older hypervisor checks it with all the rest. */
static int check_needs(struct helper *h)
{
    struct record record;
    const uint8_t *needs;
    size_t size;
    int error = next_of(h, RECORD_NEEDS, &record);

    if (error)
        return error;
    error = record_state(&h->stream, &record, &needs, &size);
    if (error)
        return helper_stream_fail(h, error);
    error = needs_check(&h->memory, needs, size);
    return error && error != -ENOSYS ? helper_fail(h, error, REFUSED, strerror(-error)) : 0;
}

/* Linux says only when it boots that it suspends itself when asked; this one can, or it would not be here. */
static int offer_suspend(struct helper *h)
{
    struct xs_handle *xenstore = xs_open(0);
    char path[64];
    bool written;

    if (!xenstore)
        return helper_fail(h, -EIO, "xenstored cannot be reached: %s", strerror(errno));
    snprintf(path, sizeof(path), "/local/domain/%u/control/feature-suspend", h->memory.domid);
    written = xs_write(xenstore, XBT_NULL, path, "1", 1);
    if (!written)
        helper_fail(h, -EIO, "%s cannot be written: %s", path, strerror(errno));
    xs_close(xenstore);
    return written ? 0 : -EIO;
}

static int enter_header(struct sleep *s)
{
    struct helper *h = s->context;
    struct domain_record domain;
    struct record record;
    uint32_t vcpus;
    uint64_t pages;
    bool suspended;
    int error = reader_header(&h->stream);

    if (error)
        return helper_stream_fail(h, error);
    error = next_of(h, RECORD_DOMAIN, &record);
    if (error)
        return error;
    error = record_domain(&h->stream, &record, &domain);
    if (error)
        return helper_stream_fail(h, error);
    if (domain.flags & DOMAIN_CHANGES)
        return helper_fail(h, -EINVAL, "the image is of a checkpoint, and says only what has changed since another");
    error = helper_look(h, &vcpus, &pages, &suspended);
    if (error)
        return helper_fail(h, error, "the new domain cannot be looked at: %s", strerror(-error));
    if (vcpus != domain.vcpus)
        return helper_fail(h, -EINVAL, "the image is of a domain with %u vCPUs, its configuration has %u", domain.vcpus,
                           vcpus);
    h->ram_pages = domain.pages;
    recorder_tell(&(struct report){ .kind = REPORT_BEGIN, .begin = { .ram_pages = domain.pages } });
    error = h->stream.has_needs ? check_needs(h) : 0;
    if (!error)
        error = offer_suspend(h);   /* now, while a guest that migrates still runs */
    if (error)
        return error;
    return libxl_static_data_done() ? helper_fail(h, -EIO, "libxl does not go on") : 0;
}

static int apply_chunk(struct helper *h, const struct record *record)
{
    struct chunk_record chunk;
    const uint8_t *data;
    int error = record_chunk(&h->stream, record, &chunk, &data);

    if (error)
        return helper_stream_fail(h, error);
    error = memory_write(&h->memory, &chunk, data);
    if (error == -ENOMEM)
        return helper_fail(h, error, "there is not enough memory for it, or its configuration has less than the image");
    if (error)
        return helper_fail(h, error, "its memory at GFN 0x%llx cannot be written: %s", (unsigned long long)chunk.gfn,
                           strerror(-error));
    h->chunks++;
    h->data_pages += chunk_count(chunk.data);
    return 0;
}

static void show_progress(struct helper *h, uint64_t pages)
{
    uint64_t done = h->chunks * CHUNK_PAGES;

    helper_progress(h, done < pages ? done : pages, pages);
}

/*
 * CHUNKs, up to the first that is none: *record. A guest that migrates runs while half of its memory is to be sent
 * still: its devices are waited for then, and not when it stands still.
 */
static int read_memory(struct helper *h, struct record *record)
{
    xc_dominfo_t info;
    uint64_t pages = 0;
    int error;

    if (xc_domain_getinfo(h->memory.xc, h->memory.domid, 1, &info) == 1)
        pages = info.max_memkb / (STREAM_PAGE_SIZE / 1024);
    for (;;) {
        error = reader_next(&h->stream, record);
        if (error)
            return helper_stream_fail(h, error);
        if (record->type == RECORD_SYNC && h->stream.may_sync) {
            recorder_tell(&(struct report){ .kind = REPORT_SYNC });
            continue;
        }
        if (record->type != RECORD_CHUNK && record->type != RECORD_PACKED)
            return 0;
        error = apply_chunk(h, record);
        if (!error && h->chunks * CHUNK_PAGES >= h->ram_pages / 2)
            error = attach_wait(h);
        if (error)
            return error;
        show_progress(h, pages);
    }
}

static int set_param(struct helper *h, uint64_t index, uint64_t value)
{
    if (xc_hvm_param_set(h->memory.xc, h->memory.domid, (uint32_t)index, value))
        return helper_fail(h, -errno, "its parameter %llu cannot be set: %s", (unsigned long long)index,
                           strerror(errno));
    return 0;
}

/* Only those that an image may set: the ports are this host's. */
static int apply_param(struct helper *h, const struct param_record *param)
{
    switch (param->index) {
    case HVM_PARAM_STORE_PFN:
        h->store_gfn = param->value;
        break;
    case HVM_PARAM_CONSOLE_PFN:
        h->console_gfn = param->value;
        break;
    case HVM_PARAM_CALLBACK_IRQ:
        break;
    default:
        return helper_fail(h, -EINVAL, "the image sets parameter %llu, which is not its to set",
                           (unsigned long long)param->index);
    }
    return set_param(h, param->index, param->value);
}

static int apply_params(struct helper *h, const struct record *record)
{
    struct param_record params[STREAM_MAX_PARAMS];
    size_t count;
    int error = record_params(&h->stream, record, params, &count);

    if (error)
        return helper_stream_fail(h, error);
    for (size_t i = 0; i < count && !error; i++)
        error = apply_param(h, &params[i]);
    if (!error && (!memory_restored(&h->memory, h->store_gfn) || !memory_restored(&h->memory, h->console_gfn)))
        error = helper_fail(h, -EINVAL, "the image has no page for xenstore or the console");
    return error;
}

static int enter_memory(struct sleep *s)
{
    struct helper *h = s->context;
    struct record record;
    int error = memory_restore_begin(&h->memory);

    if (error)
        return helper_fail(h, error, "out of memory");
    error = read_memory(h, &record);
    if (!error && record.type != RECORD_PARAMS)
        error = helper_fail(h, -EINVAL, "the image has a %s where PARAMS has to be, at record %llu",
                            record_name(record.type), (unsigned long long)h->stream.records - 1);
    if (!error)
        error = apply_params(h, &record);
    memory_restore_end(&h->memory);
    return error;
}

static int enter_state(struct sleep *s)
{
    struct helper *h = s->context;
    struct record record;
    const uint8_t *state;
    size_t size;
    int error = next_of(h, RECORD_STATE, &record);

    if (error)
        return error;
    error = record_state(&h->stream, &record, &state, &size);
    if (error)
        return helper_stream_fail(h, error);
    if (xc_domain_hvm_setcontext(h->memory.xc, h->memory.domid, (uint8_t *)state, (uint32_t)size))
        return helper_fail(h, -errno, REFUSED, strerror(errno));
    return 0;
}

/* Its connections to this host's xenstored and xenconsoled. */
static int enter_host(struct sleep *s)
{
    struct helper *h = s->context;
    int error = set_param(h, HVM_PARAM_STORE_EVTCHN, h->store_port);

    if (!error)
        error = set_param(h, HVM_PARAM_CONSOLE_EVTCHN, h->console_port);
    if (error)
        return error;
    if (xc_dom_gnttab_seed(h->memory.xc, h->memory.domid, true, h->console_gfn, h->store_gfn, h->console_domid,
                           h->store_domid))
        return helper_fail(h, -EIO, "its grants for xenstore and console cannot be made");
    libxl_restore_results(h->store_gfn, h->console_gfn);
    return 0;
}

static int enter_end(struct sleep *s)
{
    struct helper *h = s->context;
    struct record record;
    struct end_record end;
    int error = reader_next(&h->stream, &record);

    if (!error && record.type == RECORD_TRACK)   /* for the next checkpoint */
        error = reader_next(&h->stream, &record);
    if (error)
        return helper_stream_fail(h, error);
    error = check_type(h, &record, RECORD_END);
    if (error)
        return error;
    error = record_end(&h->stream, &record, &end);
    if (error)
        return helper_stream_fail(h, error);
    if (end.chunks != h->chunks || end.pages != h->data_pages)
        return helper_fail(h, -EINVAL, "the image says that it has %llu chunks with %llu pages, and has %llu with %llu",
                           (unsigned long long)end.chunks, (unsigned long long)end.pages, (unsigned long long)h->chunks,
                           (unsigned long long)h->data_pages);
    return 0;
}

static const struct sleep_stage header_stage = { "header", enter_header, NULL };
static const struct sleep_stage memory_stage = { "memory", enter_memory, NULL };
static const struct sleep_stage state_stage = { "state", enter_state, NULL };
static const struct sleep_stage host_stage = { "host", enter_host, NULL };
static const struct sleep_stage end_stage = { "end", enter_end, NULL };

static const struct sleep_stage *const restore_stages[] = {
    &connect_stage, &header_stage, &attach_stage, &memory_stage, &state_stage, &end_stage, &attached_stage,
    &host_stage,
};

const struct sleep_list restore_list = { "restore", restore_stages, ARRAY_SIZE(restore_stages) };
