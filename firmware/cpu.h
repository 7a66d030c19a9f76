// SPDX-License-Identifier: Apache-2.0
/*
 * The CPUs: the features that EL3 grants to the non-secure world, which CPUs are on, and how one waits and is entered.
 *
 * A CPU's number is its affinity level 0; all others are 0 on this machine up to MAX_CPUS CPUs, of which a GICv2 has 8
 * at most. `state` goes round OFF, ON_PENDING, ON and is the lock of `entry` and `context`: the CPU that takes another
 * from OFF to ON_PENDING fills them, then knocks; the other reads them when it has heard the knock.
 */
#pragma once

#define MAX_CPUS 16
#define STRUCT_CPU_SIZE 40   /* for entry.S; cpu.c holds it to the truth */

#ifndef __ASSEMBLY__
#include "lib/base.h"

enum cpu_state {
    CPU_ABSENT,        /* no such CPU */
    CPU_STARTING,      /* on its way from reset; seen by nobody but the start */
    CPU_OFF,           /* parked, or about to be */
    CPU_ON_PENDING,    /* parked, and about to be entered */
    CPU_ON,            /* the non-secure world has it */
};

struct cpu {
    uint64_t stack_top;    /* first: entry.S reads it */
    enum cpu_state state;  /* atomic */
    unsigned id;
    uint64_t entry, context;
    bool broken;           /* it will not come */
};

static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;

    __asm__("mrs %0, tpidr_el3" : "=r"(cpu));
    return cpu;
}

/* The CPU of these affinity fields (MPIDR_EL1, PSCI's target), or NULL. */
struct cpu *cpu_find(uint64_t affinity);

/* Says that there is such a CPU. At the start, before the others are let go. */
void cpu_add(uint64_t affinity);
/* Until all others are parked. */
void cpus_wait_parked(void);
/* Whether this CPU is the only one that is not off. */
bool cpus_others_off(void);

/* EL3's registers of this CPU: everything that the CPU has is the non-secure world's. */
void cpu_init(void);

enum cpu_state cpu_state_get(const struct cpu *cpu);
/* OFF to ON_PENDING: true; the caller goes on with cpu_start. False: another state, which is left. */
bool cpu_claim(struct cpu *cpu);
/* Of a claimed CPU: it comes up at entry with x0 = context, unless it is broken. */
void cpu_start(struct cpu *cpu, uint64_t entry, uint64_t context);

/* This CPU goes off: it loses its state, and waits for cpu_start. */
NORETURN void cpu_park(void);

/*
 * WFI until an interrupt is signalled to this CPU, which nobody takes. Interrupts that only wake a lower level do not
 * count.
 */
void cpu_wait_interrupt(void);
/*
 * The same, and the virtual ones are off, and other reasons to leave WFI are no reason to return. For a CPU that loses
 * its state.
 */
void cpu_sleep(void);

/*
 * Into the non-secure world, at EL2, MMU off, x0 = context, with nothing in any register that was there before
 * (forget.c).
 */
NORETURN void cpu_enter(uint64_t entry, uint64_t context);
/* The same as Linux' Documentation/arm64/booting.rst has it: x1-x3 are zero. */
NORETURN void cpu_enter_kernel(uint64_t entry, uint64_t tree);
#endif
