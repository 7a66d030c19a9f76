// SPDX-License-Identifier: Apache-2.0
/*
 * The software timers of each CPU, in a pairing heap ordered by expiry, on EL2's physical timer. Invariant, under the
 * queue's lock: the comparator is programmed for the first of the heap, or off when there is none.
 */
#include "cpu/timer.h"

#include "arch/barrier.h"
#include "arch/lock.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/time.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "sleep/sleep.h"

struct timer_queue {
    struct spinlock lock;
    struct heap heap GUARDED_BY(lock);
    struct timer *firing;              /* set under the lock, read without it; it is not looked into */
};

static struct timer_queue queues[MAX_CPUS];
static unsigned interrupt;

static struct timer *timer_of(struct heap_node *n) { return container_of(n, struct timer, node); }

static struct timer *queue_first(struct timer_queue *q) REQUIRES(q->lock)
{
    return q->heap.root ? timer_of(q->heap.root) : NULL;
}

static void queue_remove(struct timer_queue *q, struct timer *t) REQUIRES(q->lock)
{
    heap_remove(&q->heap, &t->node);
    t->queued = false;
}

/* Only of this CPU's queue. */
static void queue_program(struct timer_queue *q) REQUIRES(q->lock)
{
    if (q->heap.root) {
        write_sysreg(counter_to_machine(q->heap.root->key), cnthp_cval_el2);
        write_sysreg(CNT_CTL_ENABLE, cnthp_ctl_el2);
    } else {
        write_sysreg(0, cnthp_ctl_el2);
    }
    isb();
}

void timer_init(struct timer *t, void (*fire)(void *data), void *data)
{
    *t = (struct timer){ .fire = fire, .data = data, .cpu = this_cpu() };
}

/* t is queued; here: in this CPU's queue. */
static void dequeue(struct timer_queue *q, struct timer *t, bool here) REQUIRES(q->lock)
{
    bool was_first = q->heap.root == &t->node;

    queue_remove(q, t);
    /* Another CPU's comparator stays early: its interrupt finds nothing to do. */
    if (was_first && here)
        queue_program(q);
}

/*
 * Takes t off its queue, if it is in one, and makes it `home`'s unless that is NULL. False: it is firing there, on
 * another CPU. The loop is for a timer that changes CPUs meanwhile.
 */
static bool timer_dequeue(struct timer *t, struct cpu *home)
{
    for (;;) {
        struct cpu *cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
        struct timer_queue *q = &queues[cpu->id];

        spin_lock(&q->lock);
        if (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == cpu) {
            bool fires = cpu != this_cpu() && __atomic_load_n(&q->firing, __ATOMIC_ACQUIRE) == t;

            if (t->queued)
                dequeue(q, t, cpu == this_cpu());
            if (home)
                __atomic_store_n(&t->cpu, home, __ATOMIC_RELEASE);
            spin_unlock(&q->lock);
            return !fires;
        }
        spin_unlock(&q->lock);
        cpu_relax();
    }
}

void timer_set(struct timer *t, uint64_t expires_ticks)
{
    struct cpu *cpu = this_cpu();
    struct timer_queue *q = &queues[cpu->id];

    spin_lock(&q->lock);
    while (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) != cpu) {   /* if it is, the lock keeps it so */
        spin_unlock(&q->lock);
        (void)timer_dequeue(t, cpu);
        spin_lock(&q->lock);
    }
    if (t->queued)
        dequeue(q, t, true);
    t->node.key = expires_ticks;
    heap_insert(&q->heap, &t->node);
    t->queued = true;
    if (q->heap.root == &t->node)
        queue_program(q);
    spin_unlock(&q->lock);
}

void timer_cancel(struct timer *t)
{
    (void)timer_dequeue(t, NULL);
}

/*
 * It fires where it was due, may have been set elsewhere since, and may set itself as it fires: it is looked for once
 * more where it is then.
 */
void timer_stop(struct timer *t)
{
    if (!t->cpu)
        return;
    do {
        for (unsigned i = 0; i < cpus_present(); i++)
            while (&cpus[i] != this_cpu() && __atomic_load_n(&queues[i].firing, __ATOMIC_ACQUIRE) == t)
                cpu_relax();
    } while (!timer_dequeue(t, NULL));
}

void timer_interrupt(void)
{
    struct timer_queue *q = &queues[this_cpu()->id];
    uint64_t now = counter_now();

    spin_lock(&q->lock);
    while (q->heap.root && q->heap.root->key <= now) {
        struct timer *t = timer_of(q->heap.root);

        queue_remove(q, t);
        __atomic_store_n(&q->firing, t, __ATOMIC_RELAXED);
        spin_unlock(&q->lock);
        t->fire(t->data);
        __atomic_store_n(&q->firing, NULL, __ATOMIC_RELEASE);
        spin_lock(&q->lock);
    }
    queue_program(q);   /* one that has become due meanwhile makes the interrupt come again */
    spin_unlock(&q->lock);
}

static void fired(unsigned irq, void *data)
{
    (void)irq;
    (void)data;
    timer_interrupt();
}

void timers_init(unsigned irq)
{
    interrupt = irq;
    if (irq_request(irq, fired, NULL, "timer"))
        panic("the hypervisor's timer interrupt %u cannot be had", irq);
}

static void comparator_off(void)
{
    write_sysreg(0, cnthp_ctl_el2);
    isb();
}

/* A CPU that its firmware did not let go off still has its timers. */
static int timer_cpu_on(void)
{
    struct timer_queue *q = &queues[this_cpu()->id];

    gic_set_type(interrupt, GIC_LEVEL_HIGH);
    gic_enable_irq(interrupt);
    spin_lock(&q->lock);
    queue_program(q);
    spin_unlock(&q->lock);
    return 0;
}

const struct cpu_stage timer_cpu_stage = { .name = "timer", .on = timer_cpu_on, .off = comparator_off, .kept = true };

static struct timer *queue_take_first(struct timer_queue *q)
{
    struct timer *t;

    spin_lock(&q->lock);
    t = queue_first(q);
    if (t)
        queue_remove(q, t);
    spin_unlock(&q->lock);
    return t;
}

void timers_adopt(struct cpu *from)
{
    for (struct timer *t; (t = queue_take_first(&queues[from->id]));)
        timer_set(t, timer_expires(t));
}

static int timers_enter(struct sleep *s)
{
    (void)s;
    comparator_off();
    return 0;
}

static void timers_leave(struct sleep *s)
{
    struct timer_queue *q = &queues[this_cpu()->id];

    (void)s;
    spin_lock(&q->lock);
    queue_program(q);
    spin_unlock(&q->lock);
}

const struct sleep_stage timers_stage = { .name = "timers", .enter = timers_enter, .leave = timers_leave };
