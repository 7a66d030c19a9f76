// SPDX-License-Identifier: Apache-2.0
/*
 * The GICv3's interrupt translation service (IHI 0069, chapter 5), which makes LPIs of the writes by which PCI devices
 * interrupt.
 *
 * Its one use here is to carry *messages*: numbers of one range, that a device writes as it would write the number of
 * an SPI to GICD_SETSPI_NSR. Each message of each known device is an LPI of its own, from when the device becomes
 * known; which messages devices really use is not looked at. So whoever drives the devices needs a GICv3 that takes
 * messages for SPIs, and neither an ITS nor LPIs (vm/irq.h).
 */
#pragma once

#include "lib/base.h"

#define ITS_MAX_MESSAGES 256u
#define ITS_FIRST_LPI    8192u
/*
 * Where its second frame begins: devices write to GITS_TRANSLATER in it, which stands there where GICD_SETSPI_NSR
 * stands in a distributor.
 */
#define ITS_TRANSLATION  0x10000u

/* A message came, on this CPU. The CPU that shall take this device's next one; no lock is held. */
typedef unsigned its_handler(unsigned message);

/*
 * Boot, once, when CPUs may be on already: from now on messages first .. first + count - 1 of known devices come.
 * -ENODEV: there is no ITS (or it is of no use: one line); -ENOMEM, -EBUSY, -EIO: one line.
 */
int its_start(unsigned first, unsigned count, its_handler *handler);

/*
 * Boot, one line of a device tree's msi-map: PCI functions rid .. rid + count - 1 of `segment` come to the ITS as
 * devices `device` and on, after `mask` has been put on their numbers. -ENOSPC.
 */
int its_map_functions(unsigned segment, uint32_t rid, uint32_t mask, uint32_t device, uint32_t count);

/*
 * A PCI function is there, or goes. 0, also for one that is known, or that is not, and for one that no msi-map leads to
 * the ITS; -ENOSPC: no LPIs are left for it; -ERANGE: the ITS has no such device; -ENOMEM; -EIO: the ITS does not
 * answer.
 */
int its_add_function(unsigned segment, uint32_t rid);
int its_remove_function(unsigned segment, uint32_t rid);

/* For dev/irq.c: an LPI was taken by this CPU; its priority is dropped. */
void its_take(uint32_t lpi);

/* For the GIC's drivers: LPIs that go to this CPU come to it from now on; those of `from` go to `to`. */
void its_cpu_on(void);
void its_evict(unsigned from, unsigned to);

/*
 * A host sleep: enter brings all messages to this CPU, which they wake; leave sets up anew what was lost. Before a jump
 * it is switched off besides, for its tables are not the other kernel's. Messages that come while it is off are lost.
 */
struct sleep_stage;
extern const struct sleep_stage its_stage, its_jump_stage;
/* The same for a machine that has crashed: no lock is taken. */
void its_silence(void);
