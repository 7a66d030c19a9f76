// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler: one order of vCPUs, by weighted virtual run time, for all CPUs. An idle or preempting CPU takes the
 * first vCPU that may use it, so load balances by itself. A domain with a cap has a budget per period. Shown to the
 * tools as credit2.
 *
 * The states of a vCPU and their changes are vm/'s matter: only this file moves a vCPU on or off a queue.
 */
#pragma once

#include "base/cpu.h"
#include "base/cpu_mask.h"
#include "lib/base.h"
#include "lib/list.h"
#include "cpu/timer.h"

#define SCHED_DEFAULT_WEIGHT 256
#define SCHED_RATELIMIT_US   1000

/* The scheduler's part of a domain. */
struct sched_domain {
    struct list vcpus;         /* its own, under sched.c's lock */
    unsigned max_vcpus;
    unsigned weight;
    unsigned cap_percent;
    uint64_t budget;           /* ticks that its vCPUs may run in a period, while capped */
    uint64_t budget_used;      /* ... and have run in this one */
    struct timer refill;       /* begins the next period; armed only when the budget is used up or was touched */
    uint64_t period_end;       /* ticks */
    bool refill_armed;
};

/* The scheduler's part of a vCPU; all of it under sched.c's lock, but `running` and `cpu`, which others may read. */
struct sched_vcpu {
    struct vcpu *vcpu;         /* whose it is; not looked into here */
    struct sched_domain *domain;
    struct heap_node node;     /* in its queue while queued and not parked */
    struct run_queue *queue;   /* the queue of its set of CPUs */
    struct run_queue *queue_before_override;
    struct list member;        /* of its domain */
    uint64_t vruntime;         /* weighted run time, ticks */
    uint64_t slice_start;      /* counter value at which it was switched in */
    uint64_t accounted;        /* up to where its time has been charged */
    uint64_t runtime;          /* ticks charged */
    cpu_mask hard_affinity, soft_affinity;   /* as asked for, also of CPUs that are not there */
    cpu_mask affinity_before_override;
    struct cpu *cpu;           /* where it runs, or ran last */
    bool overridden;
    bool queued;               /* it waits for a CPU */
    bool parked;               /* ... and for its domain's next period, so it is in no queue */
    bool rejoins;              /* while all of its domain's leave the queue and come back */
    bool yielding;
    bool running;              /* current on cpu, or its state not yet saved from it */
};

/* A capped domain that has used its budget up waits for the next period. */
static inline bool sched_within_cap(const struct sched_domain *d)
{
    return d->cap_percent == 0 || d->budget_used < d->budget;
}

/*
 * Defined by the vCPU's own room (vm/). A vCPU's own state changes first, then sched_wake() or sched_sleep() is called.
 */
enum sched_state { SCHED_RUNNING, SCHED_QUEUED, SCHED_WAITING };
bool sched_vcpu_runnable(const struct sched_vcpu *v);
/* Under the scheduler's lock: v runs since `now` (ticks), waits in the queue, or waits for an event. */
void sched_vcpu_changed(struct sched_vcpu *v, enum sched_state state, uint64_t now);
/* v's whole state out of this CPU's registers into memory, and back. No lock held. */
void sched_vcpu_switch_out(struct sched_vcpu *v);
void sched_vcpu_switch_in(struct sched_vcpu *v);

void sched_init(void);
/* id: its number in its domain, by which vCPUs are spread. */
void sched_vcpu_init(struct sched_vcpu *v, struct vcpu *vcpu, struct sched_domain *d, unsigned id);
void sched_vcpu_destroy(struct sched_vcpu *v);
void sched_domain_init(struct sched_domain *d, unsigned max_vcpus);
void sched_domain_destroy(struct sched_domain *d);

/* The vCPU has something to run for (and is neither paused nor offline): make it runnable. Any CPU, any time. */
void sched_wake(struct sched_vcpu *v);
/* The vCPU's runnability changed for the worse (paused, blocked, offline): take it off, kick the CPU it runs on. */
void sched_sleep(struct sched_vcpu *v);
/* sched_sleep and wait until it is off its CPU and its state is in memory. Not for the current vCPU. */
void sched_sleep_sync(struct sched_vcpu *v);
/* The current vCPU gives way to its equals. */
void sched_yield(struct sched_vcpu *v);

/*
 * The last step of every trap when need_schedule is set, and the idle loop's: picks the next vCPU of this CPU,
 * switches state to it and returns it; waits in the idle loop while there is none.
 */
struct vcpu *sched_next(void);

/* `cpu` is off and will not come back: vCPUs that may only run there run anywhere. */
void sched_cpu_lost(const struct cpu *cpu);

/* -EINVAL out of range. Weight 1..65535, cap in percent of one CPU, 0: none. */
int sched_domain_set(struct sched_domain *d, unsigned weight, unsigned cap_percent);
void sched_domain_get(const struct sched_domain *d, unsigned *weight, unsigned *cap_percent);

/* -EINVAL: no CPU that there is is in the hard one; -EBUSY: overridden; -ENOMEM. */
int sched_set_affinity(struct sched_vcpu *v, cpu_mask hard, cpu_mask soft);
void sched_get_affinity(struct sched_vcpu *v, cpu_mask *hard, cpu_mask *soft);

/*
 * How long a vCPU may run before another preempts it, us; XEN_SYSCTL_SCHED_RATELIMIT_MIN..MAX, 0: at once. The caller
 * checks the range.
 */
unsigned sched_ratelimit(void);
void sched_set_ratelimit(unsigned us);

/*
 * SCHEDOP_pin_override: v runs only on `cpu` until a negative one undoes it. -EINVAL: no such CPU; -EBUSY: overridden
 * already; -ENOMEM.
 */
int sched_pin_override(struct sched_vcpu *v, int cpu);

/*
 * A look at where v is, which may change at once: whether it runs, and the number of its CPU, or of its last one; 0: it
 * had none.
 */
static inline bool sched_is_running(const struct sched_vcpu *v)
{
    return __atomic_load_n(&v->running, __ATOMIC_ACQUIRE);
}
static inline unsigned sched_cpu_number(const struct sched_vcpu *v)
{
    const struct cpu *cpu = __atomic_load_n(&v->cpu, __ATOMIC_RELAXED);

    return cpu ? cpu->id : 0;
}

/*
 * Of the time that v, which runs here, has had its CPU since anybody last looked, `ticks` do not count: the host slept.
 */
void sched_skip(struct sched_vcpu *v, uint64_t ticks);
/* Nanoseconds v has run, up to now. */
uint64_t sched_runtime_ns(struct sched_vcpu *v);
