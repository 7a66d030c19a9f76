// SPDX-License-Identifier: Apache-2.0
/*
 * The translations of the guest whose registers are loaded, asked of the hardware (AT, Arm ARM DDI 0487, "Address
 * translation instructions"). With the rights of EL1, as its page tables stand at this moment. PAR_EL1 stays the
 * guest's: it may be between its own AT and the read.
 */
#pragma once

#include <stdbool.h>

#include "arch/barrier.h"
#include "arch/sysreg.h"

#define PAR_F       1u
#define PAR_ADDRESS UINT64_C(0x0000fffffffff000)
#define PAR_OFFSET  UINT64_C(0xfff)

#define translate_by_(operation, va) \
    ({ \
        uint64_t par_, saved_ = read_sysreg(par_el1); \
        __asm__ volatile("at " operation ", %0" : : "r"(va)); \
        isb(); \
        par_ = read_sysreg(par_el1); \
        write_sysreg(saved_, par_el1); \
        par_; \
    })

static inline bool translated_(uint64_t par, uint64_t va, uint64_t *to)
{
    *to = (par & PAR_ADDRESS) | (va & PAR_OFFSET);
    return !(par & PAR_F);
}

/* The guest-physical address; false: stage 1 has no such mapping, or the walk failed. */
static inline bool translate_stage1(uint64_t va, bool write, uint64_t *gpa)
{
    return translated_(write ? translate_by_("s1e1w", va) : translate_by_("s1e1r", va), va, gpa);
}

/* The machine address, through both stages; false: one of them says no. True as long as the p2m is locked. */
static inline bool translate_both(uint64_t va, bool write, uint64_t *pa)
{
    return translated_(write ? translate_by_("s12e1w", va) : translate_by_("s12e1r", va), va, pa);
}
