// SPDX-License-Identifier: Apache-2.0
/*
 * The queues of the vCPUs that wait for a CPU: one for each set of CPUs that a vCPU may use, in the order of virtual
 * run time. On most machines that is one. A set's queue is there as long as a vCPU has that set; the queue of all CPUs
 * is always there.
 *
 * The scheduler's own (cpu/sched.c). All of it stands under its lock, sched_lock, but run_queues_wanted().
 */
#pragma once

#include "arch/lock.h"
#include "base/cpu_mask.h"
#include "lib/heap.h"
#include "lib/list.h"

struct sched_vcpu;

struct run_queue {
    cpu_mask asked;            /* the CPUs that its vCPUs may use: some that there are, or CPU_MASK_ALL */
    cpu_mask cpus;             /* ... that are not lost; all that are left if none of them is */
    unsigned users;            /* vCPUs that have this set */
    struct heap heap;          /* of their nodes, by virtual run time */
    struct list member;        /* of all queues */
    struct list waiting;       /* of those that are not empty */
};

extern struct spinlock sched_lock;

/* Empty queues, and no CPU lost. */
void run_queues_init(void) REQUIRES(sched_lock);

/*
 * The queue for `asked`, with one user more. fresh: a zeroed one for a set that has no queue yet, which is NULL behind
 * the call if it was needed.
 */
struct run_queue *run_queue_get(cpu_mask asked, struct run_queue **fresh) REQUIRES(sched_lock);
/* The queue of all CPUs, also of those that come later. */
struct run_queue *run_queue_get_all(void) REQUIRES(sched_lock);
/* One user less: the queue if that was its last, for the caller to give back to the heap without the lock; or NULL. */
MUST_CHECK struct run_queue *run_queue_put(struct run_queue *q) REQUIRES(sched_lock);

/* v waits in its queue from now on, or no longer. */
void run_queue_insert(struct sched_vcpu *v) REQUIRES(sched_lock);
void run_queue_remove(struct sched_vcpu *v) REQUIRES(sched_lock);

/*
 * The vCPU with the least virtual run time of all that may use a CPU of the mask and whose domain may still run; those
 * whose domain has used its budget up are met on the way, and put aside (`parked`). NULL: there is none. At most as
 * many steps as there are queues that are not empty.
 */
struct sched_vcpu *run_queues_first(cpu_mask mask) REQUIRES(sched_lock);

/* The CPUs of the queues that are not empty, a bit each; written under the lock, read without. */
extern uint64_t run_queues_wanted_cpus[CPU_MASK_BITS / 64];

/* A vCPU waits that may use this CPU. Without the lock it is true for the moment only. */
static inline bool run_queues_wanted(unsigned cpu)
{
    return __atomic_load_n(&run_queues_wanted_cpus[cpu / 64], __ATOMIC_RELAXED) >> (cpu & 63) & 1;
}

/* This CPU is not used any more. */
void run_queues_lose(unsigned cpu) REQUIRES(sched_lock);
