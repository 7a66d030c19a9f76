// SPDX-License-Identifier: Apache-2.0
/*
 * The start info's MFNs become GFNs, and the shared page is let go of: it is the hypervisor's, and a page table that
 * names a frame that is not the guest's cannot be saved (libxc). In a new domain all of it has been filled in anew.
 */
#include "machine/suspend.h"
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/xen/suspend.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/start.h"

/* While the guest sleeps an upcall may not need the shared page, so interrupts are masked. */
static int canonicalise_enter(struct sleep *s)
{
    (void)s;
    BUG_ON(irq_is_enabled());
    start_info->store_mfn = mfn_to_gfn(MFN(start_info->store_mfn)).gfn;
    start_info->console.domU.mfn = mfn_to_gfn(MFN(start_info->console.domU.mfn)).gfn;
    shared_info_unmap();
    return 0;
}

/* In a new domain the tools have written MFNs of this life into the start info. */
static void canonicalise_leave(struct sleep *s)
{
    if (!suspend_is_new_domain(s)) {
        start_info->store_mfn = gfn_to_mfn(GFN(start_info->store_mfn)).mfn;
        start_info->console.domU.mfn = gfn_to_mfn(GFN(start_info->console.domU.mfn)).mfn;
    }
    shared_info_map();
}

const struct sleep_stage canonicalise_stage = {
    .name = "canonicalise", .enter = canonicalise_enter, .leave = canonicalise_leave,
};

uint64_t suspend_record(void)
{
    return frame_of(start_info);
}
