// SPDX-License-Identifier: Apache-2.0
/*
 * The table's frames are the hypervisor's, and are mapped where pages of the image are, whose own frames are put aside
 * meanwhile. A page table that names such a frame cannot be saved (libxc), so they are let go of first.
 */
#include "machine/grant.h"
#include "dormouse/xen/grant.h"
#include "lib/errno.h"
#include "machine/memory.h"

static char window[GRANT_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));

long grant_table_map(unsigned frames, struct grant_entry_v1 **table)
{
    xen_pfn_t list[GRANT_FRAMES];
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = frames };
    long error;

    set_xen_guest_handle(setup.frame_list, list);
    error = grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (error || setup.status != GNTST_okay)
        return error ? error : -EIO;
    for (unsigned i = 0; i < frames; i++)
        page_map(window[i], MFN(list[i]));
    *table = (struct grant_entry_v1 *)window;
    return 0;
}

void grant_table_unmap(unsigned frames)
{
    for (unsigned i = 0; i < frames; i++)
        page_map(window[i], gfn_to_mfn(gfn_of(window[i])));
}
