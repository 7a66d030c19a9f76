// SPDX-License-Identifier: Apache-2.0
/* PSCI 1.0 (DEN0022D). Called by entry.S for an SMC. */
#pragma once

#include "lib/base.h"

/* The caller's x0 to x30, as entry.S stores and loads them. */
struct smc_frame {
    uint64_t x[31];
    uint64_t padding;
};

/* A synchronous exception from below. Results are left in the frame. */
void smc_handle(struct smc_frame *frame);

/* An exception that nothing here makes. */
NORETURN void exception_unexpected(void);

/* Whether the non-secure world can be entered there. */
bool psci_entry_valid(uint64_t entry);
