// SPDX-License-Identifier: Apache-2.0
/*
 * What each physical CPU has of its own, found through TPIDR_EL2: its number, its stack, and who runs on it. cpu/ says how
 * a CPU comes and goes.
 */
#pragma once

#include "lib/base.h"

#define MAX_CPUS      8
#define CPU_STACK_SIZE (16 * KIB)

struct vcpu;

/*
 * Where a CPU is on its way off or on. It is taken from one to the next by compare and exchange: who waits for a CPU may lose patience
 * while the CPU makes its step, and then one of the two finds that it came second.
 */
enum cpu_way {
    CPU_HERE,
    CPU_CALLED_OFF,   /* it is to go off from its idle loop */
    CPU_LEAVING,      /* it goes, or is off */
    CPU_AWAITED,      /* the firmware was asked to start it */
    CPU_UNFIT,        /* it came, cannot be used, and halted */
    CPU_GIVEN_UP,     /* nobody waits for it any more; if it comes, it goes off at once */
};

struct cpu {
    struct vcpu *current;      /* who runs, or ran last before idling; NULL before the first */
    uint8_t *stack_top;
    uint32_t id;               /* 0 .. cpus_present() - 1 */
    uint32_t need_schedule;    /* set by anybody, taken by this CPU on its way to a guest */
    uint64_t mpidr;            /* affinity fields only */
    struct vcpu *fpu_owner;    /* whose FPU state is in the registers */
    bool online;
    enum cpu_way way;          /* atomic */
    bool lost;                 /* it did not go off, or did not come, and is not used any more */
    uint64_t idle_ticks;       /* time spent idle, counter ticks */
    uint64_t idle_since;
};

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void);

unsigned cpus_present(void);   /* in the device tree, and used */
unsigned cpus_online(void);

/* True if an interrupt waits for this CPU: long work stops and returns -ERESTART. */
bool preempt_pending(void);

/* Waits for ever, with everything masked. */
NORETURN void cpu_halt(void);

#include "arch/current.h"
