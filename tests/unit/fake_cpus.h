// SPDX-License-Identifier: Apache-2.0
/*
 * A machine of pretended CPUs, for the tests of the scheduler and the timers: one thread plays them in turn, a step of
 * time for each. The acts of other CPUs at the same moment are played where the scheduler has let go of its lock, that
 * is while a vCPU is switched out or in. A tick of the counter is a microsecond.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/sysreg.h"
#include "base/cpu.h"
#include "cpu/sched.h"
#include "lib/errno.h"

#define STEP      25
#define MAX_VCPUS 5000

/* Not looked into by cpu/. */
struct vcpu {
    struct sched_vcpu sched;
    unsigned id, pause_count;
    struct domain *domain;
    bool online, blocked;
    enum sched_state state;
};

struct domain {
    struct sched_domain sched;
    unsigned max_vcpus, pause_count;
    struct vcpu **vcpus;
};

struct comparator {
    uint64_t cval;
    bool enabled;
};

extern unsigned present;
extern uint64_t now;
extern struct comparator comparator[MAX_CPUS];
extern struct vcpu *vcpus[MAX_VCPUS];    /* all that domain_new() made */
extern unsigned vcpu_count, switches;
extern bool no_memory;                   /* the hypervisor's heap has none */
extern void (*meanwhile)(void);          /* another CPU's act while this one switches */

void machine(unsigned cpu_count);
/* Everybody stops, and leaves nothing behind. */
void machine_end(void);
struct domain *domain_new(unsigned vcpu_count);   /* its vCPUs wait for an interrupt */

void wake(struct vcpu *v);
void wake_all(struct domain *d);
void block(struct vcpu *v);              /* a guest's WFI: only of a vCPU that runs */
void settle(void);                       /* every CPU does what it is asked for now */
void run(uint64_t ticks);
/* Queued if and only if runnable and not running, where it may, and not beside an idle CPU. */
void assert_state_is_right(void);

uint32_t random_below(uint32_t n);
void random_seed(uint32_t seed);
