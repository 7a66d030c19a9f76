// SPDX-License-Identifier: Apache-2.0
/* The machine's firmware: PSCI (DEN0022) by SMC or HVC, as the device tree says. Status: 0 or a negative PSCI error. */
#pragma once

#include "lib/base.h"

enum psci_conduit { PSCI_NONE, PSCI_SMC, PSCI_HVC };

/* cpu_on: that function's number, for firmware older than PSCI 0.2 has numbers of its own. */
void psci_init(enum psci_conduit conduit, uint32_t cpu_on);
int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context);
/* This CPU goes off, to come back by psci_cpu_on(). Returns only the firmware's refusal. */
int64_t psci_cpu_off(void);
/* Whether that CPU is off by now; true too where the firmware cannot tell (PSCI 0.1). */
bool psci_cpu_is_off(uint64_t mpidr);

/* The firmware has SYSTEM_SUSPEND. */
bool psci_can_suspend(void);
/*
 * From the last CPU that is on, which comes back at `entry` with x0 = context. Returns only if the firmware refuses:
 * its error.
 */
int64_t psci_system_suspend(paddr_t entry, uint64_t context);

/*
 * SMCCC_ARCH_FEATURES (DEN0028) of this CPU: the firmware's workaround for a fault of it. PSCI_NOT_SUPPORTED too where
 * it is too old to be asked, or is called by HVC, which is ours here.
 */
int32_t psci_arch_features(uint32_t function);
/* SMCCC_ARCH_WORKAROUND_2 on, on this CPU. Where psci_arch_features() says that it is needed. */
void psci_arch_workaround_2(void);

NORETURN void psci_system_off(void);
NORETURN void psci_system_reset(void);
