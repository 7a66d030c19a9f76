// SPDX-License-Identifier: Apache-2.0
/* PSCI SYSTEM_SUSPEND (Arm DEN0022D 5.20), for the last vCPU that is on. */
#pragma once
#include <stdint.h>

/* The registers kept over the suspend, and those that the entry point found. system_suspend.S knows the offsets. */
struct system_suspend {
    uint64_t registers[14];         /* x19 to x30, sp, TPIDR_EL1 */
    uint64_t context;               /* x0; the struct's address, if all is well */
    uint64_t current_el, daif, sctlr;
};

/*
 * Suspends by `function` (PSCI_SYSTEM_SUSPEND_32 or 64), with interrupts masked. 0: this vCPU was suspended and woken,
 * and runs with its own translation and vectors again, interrupts masked; vector registers are lost. Negative: PSCI's
 * error.
 */
long system_suspend(struct system_suspend *s, uint32_t function);
