// SPDX-License-Identifier: Apache-2.0
/*
 * The 2-level form of pending events (xen/include/public/xen.h, struct shared_info): a bit for each port in
 * evtchn_pending, hidden by one in evtchn_mask; a selector bit per word of these in the vCPU's vcpu_info; an upcall
 * flag above all. We set from the bottom to the top, the guest clears from the top to the bottom, so that no event is
 * lost between.
 *
 * A sender sets the pending bit and then looks at the mask, an unmasking guest clears the mask and then looks at the
 * pending bit: all sequentially consistent, so that one of the two tells the guest.
 *
 * The guest writes to all of it at any time: each bit is only ever tested and set, never believed.
 */
#include "vm/evtchn/internal.h"

#include "lib/bitmap.h"

static void select_port(struct vcpu *v, uint32_t port)
{
    struct vcpu_info *info = vcpu_info_of(v);

    /* A vCPU without a place for its vcpu_info finds everything marked when it registers one. */
    if (info && !bitmap_set_atomic(&info->evtchn_pending_sel, port / 64))
        vcpu_mark_events(v, info);
}

void twolevel_raise(struct domain *d, struct vcpu *v, uint32_t port)
{
    struct shared_info *shared = d->shared_info.page;

    if (bitmap_set_atomic(shared->evtchn_pending, port))
        return;
    if (!bitmap_test_atomic(shared->evtchn_mask, port))
        select_port(v, port);
}

void twolevel_unmask(struct domain *d, struct vcpu *v, uint32_t port)
{
    struct shared_info *shared = d->shared_info.page;

    if (bitmap_clear_atomic(shared->evtchn_mask, port) && bitmap_test_atomic(shared->evtchn_pending, port))
        select_port(v, port);
}

bool twolevel_pending(const struct domain *d, uint32_t port)
{
    const struct shared_info *shared = d->shared_info.page;

    return bitmap_test_atomic(shared->evtchn_pending, port);
}

bool twolevel_masked(const struct domain *d, uint32_t port)
{
    const struct shared_info *shared = d->shared_info.page;

    return bitmap_test_atomic(shared->evtchn_mask, port);
}

void twolevel_clear(struct domain *d, uint32_t port)
{
    struct shared_info *shared = d->shared_info.page;

    bitmap_clear_atomic(shared->evtchn_pending, port);
}
