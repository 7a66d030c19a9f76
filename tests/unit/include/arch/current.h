// SPDX-License-Identifier: Apache-2.0
/* The CPU that runs this: in unit tests always the first. */
#pragma once

static inline struct cpu *this_cpu(void) { return &cpus[0]; }
