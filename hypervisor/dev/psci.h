// SPDX-License-Identifier: Apache-2.0
/* The machine's firmware: PSCI (DEN0022) by SMC or HVC, as the device tree says. Status: 0 or a negative PSCI error. */
#pragma once

#include "lib/base.h"

enum psci_conduit { PSCI_NONE, PSCI_SMC, PSCI_HVC };

/* cpu_on: that function's number, for firmware older than PSCI 0.2 has numbers of its own. */
void psci_init(enum psci_conduit conduit, uint32_t cpu_on);
int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context);
NORETURN void psci_system_off(void);
NORETURN void psci_system_reset(void);
