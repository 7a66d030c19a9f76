// SPDX-License-Identifier: Apache-2.0
/*
 * See track.h. The bitmap is indexed by GFN, and lies where the hypervisor can write it: one domain is tracked by a
 * process.
 */
#include "tools/helper/track.h"

#include <errno.h>
#include <string.h>

#include <xenctrl.h>

#define BITMAP_PAGE_BITS (STREAM_PAGE_SIZE * 8)

static uint64_t *words;         /* NULL: nothing is tracked */
static uint64_t bits, bitmap_pages;
static xc_hypercall_buffer_t buffer;

int track_begin(const struct guest_memory *m, uint64_t chunks)
{
    DECLARE_HYPERCALL_BUFFER(uint64_t, bitmap);
    int error;

    bits = chunks ? memory_chunk_gfn(chunks - 1) + CHUNK_PAGES : 0;
    bitmap_pages = (bits + BITMAP_PAGE_BITS - 1) / BITMAP_PAGE_BITS;
    bitmap = xc_hypercall_buffer_alloc_pages(m->xc, bitmap, (int)bitmap_pages);
    if (!bitmap)
        return -ENOMEM;
    words = bitmap;
    buffer = *HYPERCALL_BUFFER(bitmap);
    if (xc_shadow_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0) == 0)
        return 0;
    error = -errno;
    xc__hypercall_buffer_free_pages(m->xc, &buffer, (int)bitmap_pages);
    words = NULL;
    return error;
}

void track_end(const struct guest_memory *m)
{
    xc_shadow_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
    xc__hypercall_buffer_free_pages(m->xc, &buffer, (int)bitmap_pages);
    words = NULL;
}

int track_take(const struct guest_memory *m, uint64_t *pages)
{
    memset(words, 0, (size_t)bitmap_pages * STREAM_PAGE_SIZE);
    if (xc_logdirty_control(m->xc, m->domid, XEN_DOMCTL_SHADOW_OP_CLEAN, &buffer, bits, 0, NULL) < 0)
        return -errno;
    *pages = 0;
    for (uint64_t i = 0; i < bits / 64; i++)
        *pages += (unsigned)__builtin_popcountll(words[i]);
    return 0;
}

void track_dirty(uint64_t gfn, uint64_t dirty[CHUNK_WORDS])
{
    memcpy(dirty, &words[gfn / 64], CHUNK_WORDS * sizeof(*dirty));
}
