// SPDX-License-Identifier: Apache-2.0
/*
 * CPUs guess by lessons that a guest may have given them: each CPU's need of workarounds, and guests' answers
 * (docs/architecture.md, "Speculation").
 */
#pragma once

#include "lib/base.h"

/* This CPU's vectors, and its stores that must not be overtaken. After psci_init(). */
struct cpu_stage;
extern const struct cpu_stage speculation_cpu_stage;
/* One line on the console if something is missing. Boot, when the CPUs have started. */
void speculation_report(void);

/*
 * SMCCC_ARCH_FEATURES of an SMCCC_ARCH_WORKAROUND_n for any vCPU (DEN0070): it may run on every CPU, so the answer is
 * that of the worst. PSCI_NOT_SUPPORTED for other functions.
 */
int64_t speculation_features(uint32_t function);
