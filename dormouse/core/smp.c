// SPDX-License-Identifier: Apache-2.0
/*
 * Calls are made one at a time, by the holder of `caller`: fn, arg and the two counts belong to the call that is under
 * way. A CPU counts itself begun when it has read them, so the caller of one that does not wait may go when all have.
 *
 * Invariant: a bit of `online` is set by its own CPU, which from then on takes calls and kicks; CPU 0's at boot. It is
 * cleared by CPU 0, between two calls: no call waits for a CPU that has gone. A CPU without it runs nothing but its
 * idle thread, which ends.
 */
#include "dormouse/core/smp.h"
#include "arch/relax.h"
#include "dormouse/core/space.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "lib/errno.h"
#include "machine/cpu.h"
#include "machine/smp.h"
#include "machine/time.h"

static uint64_t online;
static unsigned kick_ipi[MAX_CPUS], call_ipi[MAX_CPUS];     /* evtchn_keep_ipi()'s numbers */

static struct mutex caller = MUTEX_INIT(caller);
static struct {
    void (*fn)(void *);
    void *arg;
    unsigned to_begin, to_end;      /* how many CPUs have not yet */
} call;

/* For the stage: what the stopped CPUs wait for, and how many are there. */
static bool stop, new_life;
static unsigned stopped;

unsigned smp_online(void)
{
    return (unsigned)__builtin_popcountl(__atomic_load_n(&online, __ATOMIC_ACQUIRE));
}

bool smp_is_online(unsigned cpu)
{
    return __atomic_load_n(&online, __ATOMIC_ACQUIRE) & BIT(cpu);
}

/* A kick's work is done at the interrupt's end (thread_preempt). */
static void kick_event(evtchn_port_t port)
{
    (void)port;
}

static void call_event(evtchn_port_t port)
{
    void (*fn)(void *) = call.fn;
    void *arg = call.arg;

    (void)port;
    __atomic_fetch_sub(&call.to_begin, 1, __ATOMIC_ACQ_REL);
    fn(arg);
    __atomic_fetch_sub(&call.to_end, 1, __ATOMIC_RELEASE);
}

void smp_kick(unsigned cpu)
{
    evtchn_send(evtchn_kept_port(kick_ipi[cpu]));
}

/* A CPU that does not run cannot count: somebody else has to be let in. */
static void wait_zero(const unsigned *left)
{
    while (__atomic_load_n(left, __ATOMIC_ACQUIRE)) {
        sched_op(SCHEDOP_yield, NULL);
        cpu_relax();
    }
}

unsigned smp_call(uint64_t mask, void (*fn)(void *), void *arg, bool wait)
{
    unsigned called;

    thread_hold();                      /* nobody is frozen with the mutex: the suspend's own call would wait for it */
    mutex_lock(&caller);
    wait_zero(&call.to_end);            /* of a call that did not wait */
    mask &= __atomic_load_n(&online, __ATOMIC_ACQUIRE);
    call.fn = fn;
    call.arg = arg;
    call.to_begin = call.to_end = called = (unsigned)__builtin_popcountl(mask);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (mask & BIT(cpu))
            evtchn_send(evtchn_kept_port(call_ipi[cpu]));
    wait_zero(&call.to_begin);
    if (wait)
        wait_zero(&call.to_end);
    mutex_unlock(&caller);
    thread_release();
    return called;
}

static void cpu_online(void)
{
    unsigned cpu = cpu_id();

    kick_ipi[cpu] = evtchn_keep_ipi(cpu, kick_event);
    call_ipi[cpu] = evtchn_keep_ipi(cpu, call_event);
    __atomic_fetch_or(&online, BIT(cpu), __ATOMIC_RELEASE);
}

void smp_init(void)
{
    cpu_online();
}

void smp_begin(void)
{
    thread_cpu_init();
    cpu_online();
    irq_enable();
    thread_idle();
}

void smp_end(void)
{
    machine_timer_set(NEVER);
    space_let_go();
    machine_cpu_stop();
}

int smp_cpu_up(unsigned cpu)
{
    int error;

    if (smp_is_online(cpu))
        return 0;
    if (!machine_cpu_is_possible(cpu))
        return -ENODEV;
    error = machine_cpu_start(cpu);
    while (!error && !smp_is_online(cpu))
        sched_op(SCHEDOP_yield, NULL);
    return error;
}

int smp_cpu_down(unsigned cpu)
{
    BUG_ON(!cpu);
    if (!smp_is_online(cpu))
        return 0;
    mutex_lock(&caller);
    wait_zero(&call.to_end);            /* of a call that did not wait */
    __atomic_fetch_and(&online, ~BIT(cpu), __ATOMIC_ACQ_REL);
    mutex_unlock(&caller);
    thread_cpu_leave(cpu);
    while (machine_cpu_is_running(cpu))
        sched_op(SCHEDOP_yield, NULL);
    threads_distribute();
    return 0;
}

static void stop_here(void *arg)
{
    (void)arg;
    irq_disable();
    space_let_go();
    __atomic_fetch_add(&stopped, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        sched_op(SCHEDOP_yield, NULL);
    if (new_life) {
        evtchn_init_cpu();
        machine_timer_resume_cpu();
        threads_timer_set();
    }
    __atomic_fetch_sub(&stopped, 1, __ATOMIC_ACQ_REL);
}

static int smp_enter(struct sleep *s)
{
    unsigned others = smp_online() - 1;

    (void)s;
    stop = true;
    smp_call(~BIT(cpu_id()), stop_here, NULL, false);
    while (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) != others)
        sched_op(SCHEDOP_yield, NULL);
    return 0;
}

static void smp_leave(struct sleep *s)
{
    new_life = suspend_is_new_domain(s);
    __atomic_store_n(&stop, false, __ATOMIC_RELEASE);
    wait_zero(&stopped);
}

const struct sleep_stage smp_stage = { .name = "other CPUs", .enter = smp_enter, .leave = smp_leave };
