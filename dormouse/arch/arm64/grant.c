// SPDX-License-Identifier: Apache-2.0
/* The table lies where the device tree says, outside the guest's memory. */
#include "machine/grant.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/xen/hypercall.h"

long grant_table_map(unsigned frames, struct grant_entry_v1 **table)
{
    for (unsigned i = 0; i < frames; i++) {
        long error = physmap_add(XENMAPSPACE_grant_table, i, GFN(platform.grant_base / PAGE_SIZE + i));

        if (error)
            return error;
    }
    *table = (struct grant_entry_v1 *)platform.grant_base;
    return 0;
}

/* It is none of the memory that is saved. */
void grant_table_unmap(unsigned frames)
{
    (void)frames;
}
