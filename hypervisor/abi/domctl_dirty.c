// SPDX-License-Identifier: Apache-2.0
/*
 * XEN_DOMCTL_shadow_op: dirty tracking, by the names that x86 has for it. There are no shadow page tables here, and
 * log-dirty is all of it.
 *
 * A collection that stops half-way keeps its place in the operation itself: in `mode`, above the one flag that is
 * defined, so that nothing is kept for a caller that does not come back. In `mb`, which x86 uses for other operations
 * only, CLEAN and PEEK give the number of the period that is being dirtied now: p2m_dirty_period().
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "cpu/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/p2m_dirty.h"
#include "vm/domain.h"
#include "vm/guest_access.h"

#define PLACE_SHIFT 1
#define PLACE_UNIT  P2M_DIRTY_PIECE
_Static_assert(BIT(PLACE_SHIFT) > XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL, "the place stands above the flag");

/* So many pages' bits are collected, and TLBs forget once, before the caller is given them: 128 MiB. */
#define CHUNK 32768

/* One domctl runs at a time: domctl_begin(). */
static uint64_t chunk[CHUNK / 64];

static uint32_t bits_count(const uint64_t *bitmap, uint64_t bits)
{
    uint32_t n = 0;

    for (uint64_t i = 0; i < (bits + 63) / 64; i++)
        if (bitmap[i])
            n += (uint32_t)__builtin_popcountll(bitmap[i]);
    return n;
}

/* Collects a chunk from *at on, at least a piece of it, and gives it to the caller, unless he wants the counts only. */
static int collect_chunk(struct p2m *p2m, struct xen_domctl_shadow_op *s, uint64_t *at, uint64_t limit)
{
    gfn_t next = GFN(*at);
    int stopped, error = 0;

    memset(chunk, 0, sizeof(chunk));
    stopped = p2m_dirty_collect(p2m, &next, GFN(min_u64(limit, *at + CHUNK)), s->op == XEN_DOMCTL_SHADOW_OP_CLEAN,
                                chunk, preempt_pending);
    if (stopped && stopped != -ERESTART)
        return stopped;
    s->stats.dirty_count += bits_count(chunk, next.gfn - *at);
    if (s->dirty_bitmap.p)
        error = copy_to_guest((uintptr_t)s->dirty_bitmap.p + *at / 8, chunk, (next.gfn - *at + 7) / 8);
    *at = next.gfn;
    return error ? error : stopped;
}

static int collect_begin(struct p2m *p2m, struct xen_domctl_shadow_op *s, bool clean)
{
    s->stats = (struct xen_domctl_shadow_op_stats){ .fault_count = p2m_dirty_faults(p2m, clean) };
    return p2m_dirty_period(p2m, clean, &s->mb);
}

/* A caller that cleaned in between was told of pages that this one will not find any more. */
static int collect_go_on(struct p2m *p2m, const struct xen_domctl_shadow_op *s)
{
    uint32_t period;
    int error = p2m_dirty_period(p2m, false, &period);

    return !error && period != s->mb ? -EAGAIN : error;
}

/*
 * Pages that others write to are always told, so that the flag for the last round (LOGDIRTY_FINAL) has nothing to add.
 */
static int collect(struct p2m *p2m, struct xen_domctl_shadow_op *s)
{
    uint64_t at = (uint64_t)(s->mode >> PLACE_SHIFT) * PLACE_UNIT;
    bool clean = s->op == XEN_DOMCTL_SHADOW_OP_CLEAN;
    int error;

    s->pages = min_u64(s->pages, BIT(p2m->address_bits - PAGE_SHIFT));
    if (at && at >= s->pages)
        return -EINVAL;
    error = at ? collect_go_on(p2m, s) : collect_begin(p2m, s, clean);
    while (!error && at < s->pages) {
        error = collect_chunk(p2m, s, &at, s->pages);
        if (!error && at < s->pages && preempt_pending())
            error = -ERESTART;
    }
    s->mode &= XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL;
    if (error == -ERESTART)
        s->mode |= (uint32_t)(at / PLACE_UNIT) << PLACE_SHIFT;
    return error;
}

int domctl_shadow(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_OFF:
        return p2m_dirty_stop(&d->p2m, preempt_pending);
    case XEN_DOMCTL_SHADOW_OP_ENABLE:
        if (s->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
            return -EINVAL;
        /* fallthrough */
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
        return p2m_dirty_start(&d->p2m, preempt_pending);
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        return collect(&d->p2m, s);
    default:
        return -EINVAL;
    }
}
