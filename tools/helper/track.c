// SPDX-License-Identifier: Apache-2.0
/*
 * See track.h. The bitmap is indexed by GFN, and lies where the hypervisor can write it: one domain is tracked by a
 * process. Of these programs one at a time tracks a domain, which a name in the abstract namespace of sockets sees to:
 * it goes with the process, however that ends. Any other cleaner is found out by the period's number.
 */
#include "tools/helper/track.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenctrl.h>

#define BITMAP_PAGE_BITS (STREAM_PAGE_SIZE * 8)

static uint64_t *words;         /* NULL: nothing is tracked */
static uint64_t bits, bitmap_pages;
static xc_hypercall_buffer_t buffer;
static uint32_t current_period;
static int name_socket = -1;

/* 0, or -EBUSY. Where there are no such names, there is no such guard. */
static int name_take(uint32_t domid)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "torpor-tracks-%u", domid);

    name_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (name_socket < 0 || bind(name_socket, (struct sockaddr *)&name,
                                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0 ||
        errno != EADDRINUSE)
        return 0;
    close(name_socket);
    name_socket = -1;
    return -EBUSY;
}

static void name_drop(void)
{
    if (name_socket >= 0)
        close(name_socket);
    name_socket = -1;
}

static int buffer_make(const struct guest_memory *m, uint64_t chunks)
{
    DECLARE_HYPERCALL_BUFFER(uint64_t, bitmap);

    bits = chunks ? memory_chunk_gfn(chunks - 1) + CHUNK_PAGES : 0;
    bitmap_pages = (bits + BITMAP_PAGE_BITS - 1) / BITMAP_PAGE_BITS;
    bitmap = xc_hypercall_buffer_alloc_pages(m->xc, bitmap, (int)bitmap_pages);
    if (!bitmap)
        return -ENOMEM;
    words = bitmap;
    buffer = *HYPERCALL_BUFFER(bitmap);
    return 0;
}

static void buffer_drop(const struct guest_memory *m)
{
    xc__hypercall_buffer_free_pages(m->xc, &buffer, (int)bitmap_pages);
    words = NULL;
}

/* The name and the buffer. 0, or neither and -errno. */
static int prepare(const struct guest_memory *m, uint64_t chunks)
{
    int error = name_take(m->domid);

    if (!error) {
        error = buffer_make(m, chunks);
        if (error)
            name_drop();
    }
    return error;
}

static void leave(const struct guest_memory *m)
{
    buffer_drop(m);
    name_drop();
}

static int ask_period(const struct guest_memory *m, uint32_t *period)
{
    unsigned mb = 0;

    if (xc_shadow_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_PEEK, &mb, 0))
        return -errno;
    *period = mb;
    return 0;
}

static int clean(const struct guest_memory *m)
{
    memset(words, 0, (size_t)bitmap_pages * STREAM_PAGE_SIZE);
    return xc_logdirty_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_CLEAN, &buffer, bits, 0, NULL) < 0 ? -errno : 0;
}

int track_begin(const struct guest_memory *m, uint64_t chunks)
{
    int error = prepare(m, chunks);

    if (error)
        return error;
    if (xc_shadow_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0))
        error = errno == EINVAL ? clean(m) : -errno;
    if (!error)
        error = ask_period(m, &current_period);
    if (error)
        leave(m);
    return error;
}

int track_go_on(const struct guest_memory *m, uint64_t chunks, uint32_t period)
{
    int error = prepare(m, chunks);

    if (error)
        return error;
    error = ask_period(m, &current_period);
    if (error == -EINVAL || (!error && current_period != period))
        error = -ESTALE;
    if (error)
        leave(m);
    return error;
}

void track_end(const struct guest_memory *m)
{
    xc_shadow_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
    leave(m);
}

void track_leave_on(const struct guest_memory *m) { leave(m); }

int track_take(const struct guest_memory *m, uint64_t *pages)
{
    uint32_t period;
    int error = clean(m);

    if (!error)
        error = ask_period(m, &period);
    if (error)
        return error;
    if (period != current_period + 1)
        return -ESTALE;
    current_period = period;
    *pages = 0;
    for (uint64_t i = 0; i < bits / 64; i++)
        if (words[i])
            *pages += (unsigned)__builtin_popcountll(words[i]);
    return 0;
}

int track_count(const struct guest_memory *m, uint64_t *pages)
{
    xc_hypercall_buffer_t none = { .hbuf = NULL, HYPERCALL_BUFFER_INIT_NO_BOUNCE };
    xc_shadow_op_stats_t stats = { 0 };

    if (xc_logdirty_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_PEEK, &none, bits, 0, &stats) < 0)
        return -errno;
    *pages = stats.dirty_count;
    return 0;
}

uint32_t track_period(void) { return current_period; }

void track_dirty(uint64_t gfn, uint64_t dirty[CHUNK_WORDS])
{
    memcpy(dirty, &words[gfn / 64], CHUNK_WORDS * sizeof(*dirty));
}
