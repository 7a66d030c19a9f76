// SPDX-License-Identifier: Apache-2.0
/*
 * Cache and TLB maintenance by address and by everything (Arm ARM DDI 0487, "Cache maintenance instructions" and "TLB
 * maintenance instructions").
 */
#pragma once

#include "arch/barrier.h"
#include "arch/sysreg.h"
#include "lib/base.h"

/* Smallest data cache line of the system, bytes. */
static inline uint64_t dcache_line(void) { return UINT64_C(4) << ((read_sysreg(ctr_el0) >> 16) & 0xf); }

/* Stages 1 and 2 of the VMID in VTTBR_EL2, on every CPU. */
static inline void tlb_flush_guest(void)
{
    dsb_ishst();
    __asm__ volatile("tlbi vmalls12e1is" ::: "memory");
    dsb_ish();
    isb();
}

/*
 * Drops stage 2's entries of these guest frames only, on every CPU; then all of stage 1, and not before stage 2's are
 * gone everywhere: until then a walk could still combine the two (Arm ARM DDI 0487, "TLB maintenance instructions", on
 * a change of stage 2).
 */
static inline void tlb_flush_guest_entries(const gfn_t *gfns, unsigned n)
{
    dsb_ishst();
    for (unsigned i = 0; i < n; i++)
        __asm__ volatile("tlbi ipas2e1is, %0" : : "r"(gfns[i].gfn) : "memory");
    dsb_ish();
    __asm__ volatile("tlbi vmalle1is" ::: "memory");
    dsb_ish();
    isb();
}

/*
 * A guest frame, and all that is known of a virtual address, of the VMID in VTTBR_EL2, on this CPU: stage 2 first, as
 * above.
 */
static inline void tlb_flush_guest_page_local(gfn_t gfn, uint64_t va)
{
    __asm__ volatile("dsb nshst\n\ttlbi ipas2e1, %0\n\tdsb nsh\n\ttlbi vaae1, %1\n\tdsb nsh\n\tisb"
                     : : "r"(gfn.gfn), "r"((va >> PAGE_SHIFT) & (BIT(44) - 1)) : "memory");
}

/* This CPU's entries of every guest. */
static inline void tlb_flush_all_guests_local(void)
{
    __asm__ volatile("tlbi alle1\n\tdsb nsh\n\tisb" ::: "memory");
}

/*
 * Stage 1 of the VMID in VTTBR_EL2, on this CPU only: a vCPU must not see the translations that another vCPU of its
 * domain left here.
 */
static inline void tlb_flush_guest_local(void)
{
    __asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}

/* Stages 1 and 2 of the VMID in VTTBR_EL2, on this CPU only. */
static inline void tlb_flush_vmid_local(void)
{
    __asm__ volatile("tlbi vmalls12e1\n\tdsb nsh\n\tisb" ::: "memory");
}
