// SPDX-License-Identifier: Apache-2.0
/*
 * Grants given. Invariant (grant_table.h): frame and domid are in place before the flags make an entry valid,
 * and an entry ends by a compare-and-swap that sees GTF_reading and GTF_writing clear.
 */
#include "dormouse/xen/grant.h"
#include "dormouse/arch/arm64/platform.h"

struct grant_entry_v1 *grant_table;

long grant_init(void)
{
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        long r = physmap_add(XENMAPSPACE_grant_table, i, GFN(platform.grant_base / PAGE_SIZE + i));

        if (r)
            return r;
    }
    grant_table = (struct grant_entry_v1 *)platform.grant_base;
    return 0;
}

void grant_access(grant_ref_t ref, domid_t to, gfn_t frame, bool readonly)
{
    struct grant_entry_v1 *e = &grant_table[ref];

    e->domid = to;
    e->frame = (uint32_t)frame.gfn;
    __atomic_store_n(&e->flags, (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)), __ATOMIC_RELEASE);
}

bool grant_end(grant_ref_t ref)
{
    uint16_t *flags = &grant_table[ref].flags;
    uint16_t old = __atomic_load_n(flags, __ATOMIC_RELAXED);

    do {
        if (old & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(flags, &old, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}
