// SPDX-License-Identifier: Apache-2.0
/* probe.S's part for probe.c: the start at EL2, and the way into the firmware and back through an entry point. */
#pragma once

#define ARRIVAL_SCTLR   256
#define ARRIVAL_CPTR    264
#define ARRIVAL_LEVEL   272
#define ARRIVAL_DAIF    280
#define ARRIVAL_SP      288
#define ARRIVAL_VECTOR  304
#define CAME_BACK       0x1badb002
#define CPU_RUN         8
#define CPU_CONTEXT     16
#define CPU_ARRIVAL     32

#ifndef __ASSEMBLY__
#include "lib/base.h"

/* A CPU's registers as it came through an entry point. */
struct arrival {
    uint64_t x[32];
    uint64_t sctlr, cptr, level, daif, sp, padding;
    uint64_t vector[2];   /* V8 */
};

/*
 * Calls the firmware with every register from x4 on and V8 holding `marker`. Returns the firmware's result; or
 * came_back, and *arrival is filled, when the CPU came through probe_entry_back, which is the entry point to give.
 * context has to be &arrival.
 */
int64_t probe_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t marker);
void probe_entry_back(void);

/* Whether HVC is one; where it is undefined, that is an exception like any other. */
bool probe_hvc(void);

/* For CPU_ON: context is a struct probe_cpu; calls its run on its stack. */
struct probe_cpu {
    uint64_t stack_top;
    void (*run)(struct probe_cpu *);
    uint64_t context_seen, padding;
    struct arrival arrival;
};
void probe_entry_cpu(void);

/* Registers as they were on arrival, before settling overwrote them. */
extern uint64_t seen_system_registers[4];   /* VBAR_EL2, TTBR0_EL2, MAIR_EL2, TCR_EL2 */

NORETURN void probe_main(void *tree);
NORETURN void probe_trapped(void);
#endif
