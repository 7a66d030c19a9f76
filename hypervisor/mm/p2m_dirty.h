// SPDX-License-Identifier: Apache-2.0
/*
 * Dirty tracking: which pages of a domain's RAM were written since they were last cleaned, for a copy of them that is
 * made while it runs.
 *
 * There is no bitmap to keep: a page is dirty if its entry may be written, for cleaning takes that permission away (the
 * first write gives it back, by a fault or by the CPU's own doing); if its frame has or had writers past this p2m
 * (mm/frames.h); or if RAM came or went at its guest frame (S2_CHANGED, also where there is a hole now). All of it is
 * in the tables that there are anyway, but for those of 2 MiB blocks, which are split at the first write; where the
 * pool has no page for that, the whole block is dirty. The cost of asking goes by how much was written: tables of pages
 * that have nothing to tell say so (mm/p2m_table.h), and so does the frame table of each 2 MiB.
 */
#pragma once

#include "mm/frames.h"
#include "mm/p2m.h"

/*
 * From when it returns 0 on, a page that is written is dirty, and no other is. -ERESTART: call again. -EINVAL: it is
 * tracked already, or about to be destroyed; -EBUSY: p2m_dirty_stop() was begun and not ended; -ENOMEM: no table for 1
 * GiB; p2m_dirty_stop() undoes a part of it.
 */
MUST_CHECK int p2m_dirty_start(struct p2m *p2m, bool (*preempt)(void)) EXCLUDES(p2m->lock);
/*
 * Nothing is tracked from now on; blocks become whole again in slices, -ERESTART: call again. Harmless when nothing was
 * tracked.
 */
MUST_CHECK int p2m_dirty_stop(struct p2m *p2m, bool (*preempt)(void)) EXCLUDES(p2m->lock);

/*
 * Sets the bits of the dirty pages of [*next, end), of which *next has bit 0 of a bitmap of zeros, and moves *next
 * behind the pages that it has looked at: at least P2M_DIRTY_PIECE pages, before -ERESTART says that it was not all.
 * `clean`: they are dirty no more, and the caller sees from now on all that was written to them before (an entry that
 * reaches beyond `end` is clean as a whole). Of several callers that clean, one is told of a dirty page. *next is a
 * multiple of P2M_DIRTY_PIECE. -EINVAL: it is not tracked.
 */
#define P2M_DIRTY_PIECE 2048
MUST_CHECK int p2m_dirty_collect(struct p2m *p2m, gfn_t *next, gfn_t end, bool clean, uint64_t *bitmap,
                                 bool (*preempt)(void)) EXCLUDES(p2m->lock);
/*
 * A number that no two periods of a domain's life have; a period begins when tracking starts, and with `next`. By it
 * the keeper of a copy of the domain finds out whether the dirty pages are those that have changed since. -EINVAL: it
 * is not tracked.
 */
MUST_CHECK int p2m_dirty_period(struct p2m *p2m, bool next, uint32_t *period) EXCLUDES(p2m->lock);
/* How many faults tracking made since it was last asked with `clean`. */
uint32_t p2m_dirty_faults(struct p2m *p2m, bool clean) EXCLUDES(p2m->lock);

/*
 * A write to gfn was refused: true if it is not any more. Its TLB entries on this CPU are the caller's to forget
 * (stage2_forget_here()), also because another CPU may have been here first.
 */
bool p2m_write_fault(struct p2m *p2m, gfn_t gfn) EXCLUDES(p2m->lock);
bool p2m_write_fault_locked(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock);
/* The hypervisor wrote to a frame that the p2m maps, under the same lock. */
static inline void p2m_written_locked(struct p2m *p2m, mfn_t mfn)
{
    if (unlikely(p2m_is_tracked(p2m)))
        frame_mark_dirty(mfn);
}
