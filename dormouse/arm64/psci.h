// SPDX-License-Identifier: Apache-2.0
/* PSCI (Arm DEN0022) and SMCCC (Arm DEN0028) as a guest calls them. Function numbers are the specifications'. */
#pragma once
#include <stdint.h>

#define PSCI_VERSION             0x84000000u
#define PSCI_CPU_SUSPEND32       0x84000001u
#define PSCI_CPU_OFF             0x84000002u
#define PSCI_CPU_ON32            0x84000003u
#define PSCI_AFFINITY_INFO32     0x84000004u
#define PSCI_MIGRATE32           0x84000005u
#define PSCI_MIGRATE_INFO_TYPE   0x84000006u
#define PSCI_MIGRATE_INFO_CPU32  0x84000007u
#define PSCI_SYSTEM_OFF          0x84000008u
#define PSCI_SYSTEM_RESET        0x84000009u
#define PSCI_FEATURES            0x8400000au
#define PSCI_SYSTEM_SUSPEND32    0x8400000eu
#define PSCI_CPU_SUSPEND64       0xc4000001u
#define PSCI_CPU_ON64            0xc4000003u
#define PSCI_AFFINITY_INFO64     0xc4000004u
#define PSCI_SYSTEM_SUSPEND64    0xc400000eu
#define SMCCC_VERSION            0x80000000u
#define SMCCC_ARCH_FEATURES      0x80000001u
#define SMCCC_ARCH_WORKAROUND_1  0x80008000u

#define PSCI_SUCCESS              0
#define PSCI_NOT_SUPPORTED       -1
#define PSCI_INVALID_PARAMETERS  -2
#define PSCI_DENIED              -3
#define PSCI_ALREADY_ON          -4
#define PSCI_ON_PENDING          -5
#define PSCI_INTERNAL_FAILURE    -6
#define PSCI_NOT_PRESENT         -7
#define PSCI_DISABLED            -8
#define PSCI_INVALID_ADDRESS     -9

#define smccc_call_(insn, fn, a1, a2, a3) ({ \
    register uint64_t r0_ __asm__("x0") = (fn); \
    register uint64_t r1_ __asm__("x1") = (uint64_t)(a1); \
    register uint64_t r2_ __asm__("x2") = (uint64_t)(a2); \
    register uint64_t r3_ __asm__("x3") = (uint64_t)(a3); \
    __asm__ volatile(insn " #0" : "+r"(r0_), "+r"(r1_), "+r"(r2_), "+r"(r3_) : \
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory"); \
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
