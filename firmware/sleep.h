// SPDX-License-Identifier: Apache-2.0
/*
 * PSCI's two ways to sleep (DEN0022D 5.4, 5.19). Both return a PSCI error or success, or come back through the entry
 * point.
 */
#pragma once

#include "lib/base.h"

/*
 * How a build misbehaves on purpose, to test the software that runs on it: FIRMWARE_SLEEP, see build.mk. This is the
 * one file and the one option in which the variants differ.
 */
enum sleep_variant {
    SLEEP_PROPER,
    SLEEP_REFUSED,    /* SYSTEM_SUSPEND is there, and is denied each time */
    /* an interrupt comes after the call was accepted and before the power went: back through the entry point at once */
    SLEEP_RACES,
    SLEEP_BREAKS_CPU, /* the highest CPU does not come back from a sleep: CPU_ON is accepted, and nothing happens */
    /* the distributor and the redistributors keep their state, as firmware that saves them makes it look */
    SLEEP_KEEPS_GIC,
};

/*
 * The caller is the only CPU that is on, or PSCI_DENIED. Ends at an interrupt that is enabled and meant for this CPU.
 */
int64_t sleep_system(uint64_t entry, uint64_t context);

/* power_state in its original format: 0 is standby, POWERDOWN loses this CPU's state; its timers and the GIC go on. */
int64_t sleep_cpu(uint64_t power_state, uint64_t entry, uint64_t context);
