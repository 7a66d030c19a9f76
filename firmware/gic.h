// SPDX-License-Identifier: Apache-2.0
/*
 * The GIC from the secure side (IHI 0048, IHI 0069). Every interrupt is the non-secure world's (group 1), but for one
 * SGI of group 0: the knock that wakes a parked CPU. Group 0 is signalled only to a CPU that listens for the knock, and
 * CPU_ON sends one to each CPU it starts, so that none is ever pending while the non-secure world runs.
 *
 * Fields that a reset leaves UNKNOWN are set to the least helpful value: the lowest priority, no target, every priority
 * masked. The same state is given at the start and after a sleep. "Private" are the interrupts of one CPU: SGIs and
 * PPIs.
 */
#pragma once

#include "lib/base.h"

/* At the start, by the first CPU: finds which GIC there is, and resets all that is shared. its: its registers, or 0. */
void gic_init(uint64_t its);

/*
 * A mark in the hardware, which a reset of the machine clears as it does not clear RAM: the first CPU has come as far
 * as letting the others go (GICD_CTLR.EnableGrp0; entry.S waits for it).
 */
void gic_mark_started(void);

/*
 * The distributor, the ITS, and of a GICv3 the redistributors of all CPUs. Interrupts that are edges are lost, levels
 * are not.
 */
void gic_reset_shared(void);
/* This CPU's private interrupts. */
void gic_reset_private(void);
/* This CPU's interface, physical and virtual: closed. */
void gic_reset_interface(void);

/*
 * Before a sleep: this CPU is signalled every interrupt that is enabled and targets it, whichever priorities, groups
 * and active interrupts the non-secure world had in the way. Its virtual interface is off. all: shared interrupts too,
 * for a sleep of the system.
 */
void gic_listen(bool all);

void gic_knock(unsigned cpu);
void gic_listen_for_knock(bool listen);
/* Whether there was one for this CPU; it is gone then. */
bool gic_take_knock(void);
