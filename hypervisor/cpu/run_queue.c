// SPDX-License-Identifier: Apache-2.0
#include "cpu/run_queue.h"

#include "cpu/sched.h"

struct spinlock sched_lock = SPINLOCK_INIT;

static struct run_queue all_queue GUARDED_BY(sched_lock);   /* of vCPUs that may use any CPU */
static struct list queues GUARDED_BY(sched_lock) = LIST_INIT(queues);
static struct list nonempty GUARDED_BY(sched_lock) = LIST_INIT(nonempty);
static cpu_mask lost GUARDED_BY(sched_lock);
uint64_t run_queues_wanted_cpus[CPU_MASK_BITS / 64];

static void set_wanted(cpu_mask mask) REQUIRES(sched_lock)
{
    __atomic_store_n(&run_queues_wanted_cpus[0], (uint64_t)mask, __ATOMIC_RELAXED);
    __atomic_store_n(&run_queues_wanted_cpus[1], (uint64_t)(mask >> 64), __ATOMIC_RELAXED);
}

static cpu_mask wanted(void) REQUIRES(sched_lock)
{
    return (cpu_mask)run_queues_wanted_cpus[1] << 64 | run_queues_wanted_cpus[0];
}

static NOINLINE void find_wanted(void) REQUIRES(sched_lock)
{
    cpu_mask mask = 0;

    list_for_each(q, &nonempty, struct run_queue, waiting)
        mask |= q->cpus;
    set_wanted(mask);
}

static void find_cpus(struct run_queue *q) REQUIRES(sched_lock)
{
    q->cpus = q->asked & ~lost ? q->asked & ~lost : ~lost;
}

static void add_queue(struct run_queue *q, cpu_mask asked) REQUIRES(sched_lock)
{
    q->asked = asked;
    find_cpus(q);
    list_init(&q->waiting);
    list_push_back(&queues, &q->member);
}

void run_queues_init(void)
{
    list_init(&queues);
    list_init(&nonempty);
    lost = 0;
    set_wanted(0);
    all_queue = (struct run_queue){ .users = 1 };   /* it is never given back */
    add_queue(&all_queue, CPU_MASK_ALL);
}

struct run_queue *run_queue_get(cpu_mask asked, struct run_queue **fresh)
{
    struct run_queue *found = NULL;

    list_for_each(q, &queues, struct run_queue, member)
        if (!found && q->asked == asked)
            found = q;
    if (!found) {
        found = *fresh;
        *fresh = NULL;
        add_queue(found, asked);
    }
    found->users++;
    return found;
}

struct run_queue *run_queue_get_all(void)
{
    all_queue.users++;
    return &all_queue;
}

struct run_queue *run_queue_put(struct run_queue *q)
{
    if (--q->users)
        return NULL;
    list_remove(&q->member);
    return q;
}

void run_queue_insert(struct sched_vcpu *v)
{
    struct run_queue *q = v->queue;

    if (!q->heap.root) {
        list_push_back(&nonempty, &q->waiting);
        set_wanted(wanted() | q->cpus);
    }
    v->node.key = v->vruntime;
    heap_insert(&q->heap, &v->node);
}

void run_queue_remove(struct sched_vcpu *v)
{
    struct run_queue *q = v->queue;

    heap_remove(&q->heap, &v->node);
    if (!q->heap.root) {
        list_remove(&q->waiting);
        if (likely(list_empty(&nonempty)))
            set_wanted(0);
        else
            find_wanted();
    }
}

static NOINLINE struct sched_vcpu *first_within_cap(struct run_queue *q) REQUIRES(sched_lock)
{
    while (q->heap.root) {
        struct sched_vcpu *v = container_of(q->heap.root, struct sched_vcpu, node);

        if (sched_within_cap(v->domain))
            return v;
        run_queue_remove(v);
        v->parked = true;
    }
    return NULL;
}

struct sched_vcpu *run_queues_first(cpu_mask mask)
{
    struct sched_vcpu *found = NULL;

    list_for_each_safe(q, &nonempty, struct run_queue, waiting) {
        struct sched_vcpu *v;

        if (!(q->cpus & mask))
            continue;
        v = container_of(q->heap.root, struct sched_vcpu, node);
        if (unlikely(v->domain->cap_percent) && !(v = first_within_cap(q)))
            continue;
        if (!found || v->vruntime < found->vruntime)
            found = v;
    }
    return found;
}

void run_queues_lose(unsigned cpu)
{
    lost |= cpu_mask_of(cpu);
    list_for_each(q, &queues, struct run_queue, member)
        find_cpus(q);
    find_wanted();
}
