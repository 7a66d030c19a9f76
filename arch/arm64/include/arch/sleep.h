// SPDX-License-Identifier: Apache-2.0
/* A CPU that loses its state and comes back (head.S). */
#pragma once

#include "lib/base.h"

/* The registers that a C function may count on: x19 to x30, SP, TPIDR_EL2. */
struct cpu_context {
    uint64_t registers[14];
};

/*
 * Keeps that in *c and calls down(c). Comes back with down's result, or with 0 when the firmware entered resume_entry
 * with c instead, everything else in the CPU being lost.
 */
int64_t cpu_sleep(struct cpu_context *c, int64_t (*down)(struct cpu_context *c));
extern char resume_entry[];
