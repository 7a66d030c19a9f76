// SPDX-License-Identifier: Apache-2.0
/* The CPU that runs this, or this thread: in unit tests the first, or which one the test says. */
#pragma once

__attribute__((weak)) _Thread_local unsigned host_cpu;

static inline struct cpu *this_cpu(void) { return &cpus[host_cpu]; }
