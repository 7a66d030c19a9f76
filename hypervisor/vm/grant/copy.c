// SPDX-License-Identifier: Apache-2.0
/*
 * Operations on the content of granted frames: copying between frames, and cache maintenance. While the
 * content is touched each frame is held, by a pin on its entry if it comes from a grant, or by a reference.
 */
#include "vm/grant/internal.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"

/* One end of a copy, held. */
struct held_end {
    struct domain *granter;    /* NULL: the caller's own frame */
    mfn_t mfn;
};

static int end_hold(struct domain *caller, const struct grant_copy_end *end, bool write, struct held_end *held)
{
    int status;

    held->granter = NULL;
    if (!end->is_ref) {
        if (end->domain != DOMID_SELF)
            return GNTST_permission_denied;
        return (write ? p2m_get_frame_to_write(&caller->p2m, GFN(end->gfn), true, &held->mfn)
                      : p2m_get_frame(&caller->p2m, GFN(end->gfn), false, true, &held->mfn))
                   ? GNTST_okay
                   : GNTST_bad_page;
    }
    held->granter = domain_get(end->domain == DOMID_SELF ? caller->id : end->domain);
    if (!held->granter)
        return GNTST_bad_domain;
    status = grant_pin(held->granter, end->ref, caller, write, &held->mfn);
    if (status != GNTST_okay)
        domain_put(held->granter);
    return status;
}

static void end_drop(const struct grant_copy_end *end, bool write, const struct held_end *held)
{
    if (!held->granter) {
        if (write)
            frame_put_writer(held->mfn);
        else
            frame_put(held->mfn);
        return;
    }
    grant_unpin(held->granter, end->ref, write);
    domain_put(held->granter);
}

int grant_copy(struct domain *caller, const struct grant_copy_end *from, const struct grant_copy_end *to,
               uint16_t length)
{
    struct held_end source, dest;
    int status;

    if ((uint64_t)from->offset + length > PAGE_SIZE || (uint64_t)to->offset + length > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    status = end_hold(caller, from, false, &source);
    if (status != GNTST_okay)
        return status;
    status = end_hold(caller, to, true, &dest);
    if (status == GNTST_okay) {
        /* Both may be the same frame. */
        memmove((char *)mfn_to_virt(dest.mfn) + to->offset, (char *)mfn_to_virt(source.mfn) + from->offset, length);
        end_drop(to, true, &dest);
    }
    end_drop(from, false, &source);
    return status;
}

/* Whether d may have the frame flushed, which is owner's: 1, 0, or -ERESTART. */
static int flush_allowed(struct domain *d, struct domain *owner, mfn_t mfn, unsigned *next, bool (*preempt)(void))
{
    return owner == d ? 1 : grant_is_pinned(owner, d, mfn, next, preempt);
}

int grant_cache_flush(struct domain *d, uint64_t machine_addr, uint16_t offset, uint16_t length, unsigned *next,
                      bool (*preempt)(void))
{
    mfn_t mfn = paddr_to_mfn(PADDR(machine_addr));
    struct frame_owner *frames;
    int allowed;

    if ((uint64_t)offset + length > PAGE_SIZE)
        return -EINVAL;
    frames = frame_get_any(mfn);
    if (!frames)
        return -EPERM;
    allowed = flush_allowed(d, domain_of_frames(frames), mfn, next, preempt);
    /* Cleaned as well whenever invalidated: else the owner's earlier data would come back, which was not given to d. */
    if (allowed > 0)
        cache_clean_invalidate((const char *)mfn_to_virt(mfn) + offset, length);
    frame_put(mfn);
    return allowed < 0 ? allowed : allowed ? 0 : -EPERM;
}
