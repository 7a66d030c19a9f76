// SPDX-License-Identifier: Apache-2.0
/* PSCI (Arm DEN0022) and SMCCC (Arm DEN0028) as a guest calls them. */
#pragma once
#include <stdint.h>

#include "arch/psci.h"

#define smccc_call_(insn, fn, a1, a2, a3) ({ \
    register uint64_t r0_ __asm__("x0") = (fn); \
    register uint64_t r1_ __asm__("x1") = (uint64_t)(a1); \
    register uint64_t r2_ __asm__("x2") = (uint64_t)(a2); \
    register uint64_t r3_ __asm__("x3") = (uint64_t)(a3); \
    __asm__ volatile(insn " #0" : "+r"(r0_), "+r"(r1_), "+r"(r2_), "+r"(r3_) : \
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", \
                       "x17", "memory"); \
    (long)r0_; })

/* The conduit that the device tree names for a domU; returns x0. */
static inline long psci_call(uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return smccc_call_("hvc", fn, a1, a2, a3);
}
static inline long smc_call(uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return smccc_call_("smc", fn, a1, a2, a3);
}
