// SPDX-License-Identifier: Apache-2.0
/*
 * A frame of a domain's RAM is mapped once at most, and given back by the caller that takes that mapping out of the
 * p2m, in the same transaction; or, never mapped, by the caller that allocated it; or, with all the rest, by the
 * domain's destruction. No two of them can have the same frame, however vCPUs race.
 *
 * A direct-mapped domain (dom0 without an IOMMU) keeps the frames that it balloons out: a device of its may be told
 * their addresses again later, so gfn == mfn has to stay true. Giving back only unmaps, populating maps the same frame
 * again.
 */
#include "vm/memory.h"

#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/domain.h"

/* Nothing below FRAMES_LARGE_ORDER can be refused for want of tables then, and undoing would take long. */
static bool large_fits(const struct domain *d, gfn_t gfn)
{
    return !d->direct_mapped && gfn.gfn % BIT(FRAMES_LARGE_ORDER) == 0 &&
           gfn.gfn < BIT(d->p2m.address_bits - PAGE_SHIFT);
}

/* Maps frames of d that it has anyway, at gfn == mfn. */
static int populate_direct(struct domain *d, gfn_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        mfn_t mfn = MFN(gfn.gfn + i);

        if (!frame_get(mfn, &d->frames))
            return -EINVAL;
        frame_put(mfn);
    }
    return p2m_map(&d->p2m, gfn, MFN(gfn.gfn), BIT(order), P2M_RAM_RW);
}

int memory_populate(struct domain *d, gfn_t gfn, unsigned order, unsigned address_bits, bool (*preempt)(void))
{
    bool large = order == FRAMES_LARGE_ORDER;
    mfn_t mfn;
    int err;

    if (large && !large_fits(d, gfn))
        return -EINVAL;
    if (d->direct_mapped)
        return populate_direct(d, gfn, order);
    err = large ? frames_alloc_large(&d->frames, &mfn, preempt)
                : frames_alloc_domain(&d->frames, order, address_bits, 0, &mfn);
    if (err)
        return err;
    err = p2m_map(&d->p2m, gfn, mfn, BIT(order), P2M_RAM_RW);
    /* A large extent is only refused by a domain that dies, which loses all its frames anyway. */
    for (uint64_t i = 0; err && !large && i < BIT(order); i++)
        (void)frame_release(mfn_add(mfn, i), &d->frames);
    return err;
}

int memory_increase(struct domain *d, unsigned order, unsigned address_bits)
{
    mfn_t mfn;

    return d->direct_mapped ? -EINVAL : frames_alloc_domain(&d->frames, order, address_bits, 0, &mfn);
}

int memory_decrease(struct domain *d, gfn_t gfn, unsigned order)
{
    return p2m_remove_ram(&d->p2m, gfn, BIT(order), !d->direct_mapped);
}

/* Puts a frame whose reference the caller holds at gfn; the entry has the reference then, or it is dropped. */
static int map_held(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    int err = p2m_map(&d->p2m, gfn, mfn, 1, type);

    if (err)
        frame_put(mfn);
    return err;
}

int memory_map_foreign(struct domain *d, gfn_t gfn, struct domain *from, gfn_t from_gfn)
{
    mfn_t mfn;

    if (from == d)
        return -EINVAL;
    if (p2m_get_frame(&from->p2m, from_gfn, true, false, &mfn))
        return map_held(d, gfn, mfn, p2m_is_tracked(&from->p2m) ? P2M_FOREIGN_CLEAN : P2M_FOREIGN_RW);
    if (p2m_get_frame(&from->p2m, from_gfn, false, false, &mfn))
        return map_held(d, gfn, mfn, P2M_FOREIGN_RO);
    return -EINVAL;
}

int memory_map_shared(struct domain *d, gfn_t gfn, struct domain *with, mfn_t mfn)
{
    return frame_get(mfn, &with->frames) ? map_held(d, gfn, mfn, P2M_FOREIGN_RW) : -EINVAL;
}

int memory_map_device(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    if (frame_is_ram(mfn) || !capability_has(d, CAPABILITY_IOMEM, mfn.mfn, mfn.mfn))
        return -EPERM;
    return p2m_map(&d->p2m, gfn, mfn, 1, P2M_DEVICE_CACHED);
}

int memory_unmap(struct domain *d, gfn_t gfn)
{
    struct p2m_entry entry;

    if (!p2m_lookup(&d->p2m, gfn, &entry) || entry.type == P2M_DEVICE || entry.type == P2M_DEVICE_CACHED)
        return -EINVAL;
    return p2m_unmap_exact(&d->p2m, gfn, entry.mfn, 1);
}
