// SPDX-License-Identifier: Apache-2.0
/* The state that a CPU loses when its power goes. */
#pragma once

/*
 * EL2's and EL1's system registers of this CPU, its floating-point and vector state, its TLBs. Registers of Armv8.0
 * have a value afterwards that is wrong for any software; those that later versions added are zero, for a hypervisor
 * that does not know them relies on that. SCTLR_EL2 is off and HCR_EL2.E2H 0. The timers' enables and compare values
 * stay, see forget_timers; the GIC is gic.h's.
 */
void forget_cpu(void);

/* EL2's and EL1's timers: off, their compare values zero. */
void forget_timers(void);
