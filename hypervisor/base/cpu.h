// SPDX-License-Identifier: Apache-2.0
/*
 * Each physical CPU's own data, found through TPIDR_EL2: its number, its stack, and the vCPU that runs on it. cpu/ says
 * how a CPU comes and goes.
 */
#pragma once

#include "arch/layout.h"
#include "arch/sleep.h"
#include "base/cpu_mask.h"
#include "lib/base.h"
#include "lib/handover.h"

#define MAX_CPUS      128

struct vcpu;

/*
 * Where a CPU is on its way off or on. Each step is one compare and exchange: the CPU that waits for another may lose
 * patience while the other makes its step, and then one of the two finds that it came second.
 */
enum cpu_way {
    CPU_HERE,
    CPU_CALLED_OFF,   /* it is to go off from its idle loop */
    CPU_LEAVING,      /* it goes, or is off */
    CPU_AWAITED,      /* the firmware was asked to start it */
    CPU_UNFIT,        /* it came, cannot be used, and halted */
    CPU_GIVEN_UP,     /* nobody waits for it any more; if it comes, it goes off at once */
};

/* What a CPU that is off had in its registers of EL2. */
struct cpu_left {
    struct cpu_context context;   /* a program counter of 0: it never went off */
    struct handover_registers el2;
};

struct cpu {
    struct vcpu *current;      /* the vCPU that runs, or ran last before idling; NULL before the first */
    uint8_t *stack_top;
    /* the firmware's function that vectors_hardened calls (cpu/speculation.c); 0: plain vectors */
    uint32_t workaround;
    uint32_t id;               /* 0 .. cpus_present() - 1 */
    uint32_t need_schedule;    /* set by anybody, taken by this CPU on its way to a guest */
    uint64_t mpidr;            /* affinity fields only */
    struct vcpu *fpu_owner;    /* whose FPU state is in the registers */
    bool has_ras;              /* FEAT_RAS: its vectors have an ESB at each end */
    bool online;               /* atomic */
    bool stopped;              /* by a panic; atomic */
    enum cpu_way way;          /* atomic */
    bool other_midr;           /* VPIDR_EL2 is not this CPU's own MIDR_EL1 (core_switch.c) */
    bool lost;                 /* it did not go off, or did not come, and is not used any more */
    uint64_t idle_ticks;       /* time spent idle, counter ticks */
    uint64_t idle_since;       /* it idles since then; 0: it does not. Atomic */
    cpu_mask self;             /* the set of itself */
    struct cpu_left left;      /* as it was when it went off; for who reads this memory then */
};

extern struct cpu cpus[MAX_CPUS];

/* At the image's end. arch/arm64/head.S begins on the first; others are mapped for the CPUs that come (mm/el2.h). */
extern struct cpu_stack {
    char guard[CPU_STACK_GUARD];
    uint8_t stack[CPU_STACK_SIZE];
} cpu_stacks[MAX_CPUS];

static inline struct cpu *this_cpu(void);

unsigned cpus_present(void);   /* in the device tree, and used */
unsigned cpus_online(void);

/* The struct of CPU `id`, with its stack. */
void cpu_init_struct(unsigned id, uint64_t mpidr);
/* The page below CPU `id`'s stack, which is not to be mapped. */
const char *cpu_stack_guard(unsigned id);
/* From now on CPUs 0 .. count - 1 are present. */
void cpus_set_present(unsigned count);
void cpu_set_online(struct cpu *cpu, bool is_online);

/*
 * A part of a CPU that has to be set up when the CPU comes on and taken down when it goes off; each stands beside its
 * state. The order is one list (cpu_stages, cpu/cpu.h).
 */
struct cpu_stage {
    const char *name;
    int (*on)(void);    /* this CPU; 0, or -errno with nothing of this stage left on, and one line that says why */
    void (*off)(void);  /* this CPU; NULL: nothing to do */
    /* a host sleep keeps it, by a stage of its own: CPUs that come back from there leave it to that */
    bool kept;
};

/* True if an interrupt waits for this CPU: long work stops and returns -ERESTART. */
bool preempt_pending(void);

/* Waits for ever, with everything masked. */
NORETURN void cpu_halt(void);

/* torpor.lds: the image, of which [image_start, text_end) is code, and the file's content ends at data_end. */
extern char image_start[], text_end[], rodata_end[], data_end[], image_end[];

#include "arch/current.h"
