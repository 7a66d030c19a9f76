// SPDX-License-Identifier: Apache-2.0
/*
 * Physical CPUs. Each has one stack and one struct cpu, found through
 * TPIDR_EL2. EL2 runs to completion with interrupts masked: a trap enters on the top of
 * the stack and leaves by returning to some vCPU, or waits in the idle loop. Nothing ever
 * sleeps half-way in the hypervisor; long work returns -ERESTART and the guest calls again.
 */
#pragma once

#include "lib/base.h"
#include "lib/lock.h"

#define MAX_CPUS      8
#define CPU_STACK_SIZE (16 * KIB)

struct vcpu;

struct cpu {
    struct vcpu *current;      /* who runs, or ran last before idling; NULL before the first */
    uint8_t *stack_top;
    uint32_t id;               /* 0 .. cpus_present() - 1 */
    uint32_t need_schedule;    /* set by anybody, taken by this CPU on its way to a guest */
    uint64_t mpidr;            /* affinity fields only */
    struct vcpu *fpu_owner;    /* whose FPU state is in the registers */
    bool online;
    bool called_off;           /* it is to go off from its idle loop (hotplug.c) */
    bool lost;                 /* it did not come back from that, and is not used any more */
    uint64_t idle_ticks;       /* time spent idle, counter ticks */
    uint64_t idle_since;
};

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void);

unsigned cpus_present(void);   /* in the device tree, and used */
unsigned cpus_online(void);

/* The boot CPU's struct, its stack that of the boot code. First thing in C. */
void cpu_boot_init(void);
/* Starts secondary CPUs by PSCI, in the order of mpidr[1..count-1] (mpidr[0] is this CPU); one line for each that does not come. */
void cpus_start(const uint64_t *mpidr, unsigned count);
/* A secondary's C entry. */
NORETURN void cpu_secondary_start(struct cpu *cpu);
void cpu_set_online(struct cpu *cpu, bool is_online);
NORETURN void cpu_halt(void);
/* The machine's end: makes sure that what was printed reached somebody, by semihosting if there is no UART. */
NORETURN void cpu_stop_for_good(void);
/* Leaves the boot stack for this CPU's own and runs what the scheduler picks, for ever. */
NORETURN void cpu_run_guests(void);

/* A host sleep: every CPU but this one off, and on again. Their guests are frozen. */
struct sleep_stage;
extern const struct sleep_stage cpus_stage;
/* The idle loop's: goes off if it is to. Returns if it is not, or if the firmware refuses. */
void cpu_off_if_called(struct cpu *cpu);
/* EL2's registers of this CPU, after the firmware brought it back. */
void cpu_restore(void);
/* Starts a CPU that is off; true when it is there. */
bool cpu_start(struct cpu *cpu);

/* Makes `cpu` pass through its exit path soon (it takes need_schedule and its vCPU's work there). */
void cpu_kick(struct cpu *cpu);
/* Sets need_schedule and kicks, if it is not this CPU. */
void cpu_request_schedule(struct cpu *cpu);

/* True if an interrupt waits for this CPU: long work stops and returns -ERESTART. */
bool preempt_pending(void);

#include "arch/current.h"
