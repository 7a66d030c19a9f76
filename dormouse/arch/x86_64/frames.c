// SPDX-License-Identifier: Apache-2.0
/* See machine/frames.h. A page that is away is neither mapped nor in the p2m list, by which the tools leave it out. */
#include "machine/frames.h"
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/arch/x86_64/entry_bits.h"
#include "dormouse/xen/hypercall.h"
#include "lib/errno.h"
#include "machine/memory.h"

#define NO_FRAME (~UINT64_C(0))

uint64_t frames_at_start(void)
{
    return start_info->nr_pages;
}

static bool change(unsigned call, xen_pfn_t *frame)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, frame);
    return memory_op(call, &r) == 1;
}

int frame_give_back(void *page)
{
    gfn_t gfn = gfn_of(page);
    xen_pfn_t mfn = gfn_to_mfn(gfn).mfn;

    page_unmap(page);
    p2m[gfn.gfn] = NO_FRAME;
    if (change(XENMEM_decrease_reservation, &mfn))
        return 0;
    p2m[gfn.gfn] = mfn;
    page_map(page, MFN(mfn));
    return -ENOMEM;
}

/* Takes the GFN, and leaves the MFN in its place; Xen writes the other direction itself (memory.h). */
int frame_get(void *page)
{
    gfn_t gfn = gfn_of(page);
    xen_pfn_t frame = gfn.gfn;

    if (!change(XENMEM_populate_physmap, &frame))
        return -ENOMEM;
    p2m[gfn.gfn] = frame;
    page_map(page, MFN(frame));
    return 0;
}
