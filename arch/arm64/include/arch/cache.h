// SPDX-License-Identifier: Apache-2.0
/* Cache and TLB maintenance by address and by everything (Arm ARM DDI 0487, D5.11 and D8.14). */
#pragma once

#include "arch/barrier.h"
#include "arch/sysreg.h"
#include "lib/base.h"

/* Smallest data cache line of the system, bytes. */
static inline uint64_t dcache_line(void) { return UINT64_C(4) << ((read_sysreg(ctr_el0) >> 16) & 0xf); }

static inline void tlb_flush_el2(void)
{
    dsb_ishst();
    __asm__ volatile("tlbi alle2is" ::: "memory");
    dsb_ish();
    isb();
}

/* Stages 1 and 2 of the VMID in VTTBR_EL2, on every CPU. */
static inline void tlb_flush_guest(void)
{
    dsb_ishst();
    __asm__ volatile("tlbi vmalls12e1is" ::: "memory");
    dsb_ish();
    isb();
}

/* Of this CPU only: a vCPU must not see what another vCPU of its domain left here. */
/* This CPU's entries of every guest. */
static inline void tlb_flush_all_guests_local(void)
{
    __asm__ volatile("tlbi alle1\n\tdsb nsh\n\tisb" ::: "memory");
}

static inline void tlb_flush_guest_local(void)
{
    __asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}
