// SPDX-License-Identifier: Apache-2.0
/* See machine/frames.h. The kernel's map has all there may be, and is left alone. */
#include "machine/frames.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/xen/hypercall.h"
#include "lib/errno.h"
#include "machine/memory.h"

uint64_t frames_at_start(void)
{
    return platform.ram_size / PAGE_SIZE;
}

static int change(unsigned call, void *page)
{
    xen_pfn_t frame = gfn_of(page).gfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &frame);
    return memory_op(call, &r) == 1 ? 0 : -ENOMEM;
}

int frame_give_back(void *page)
{
    return change(XENMEM_decrease_reservation, page);
}

int frame_get(void *page)
{
    return change(XENMEM_populate_physmap, page);
}
