// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/threads.c hypervisor/cpu/timer.c hypervisor/vm/arm64/vtimer.c lib/heap.c */
/* sources: hypervisor/base/time.c */
/*
 * Timers with two CPUs at once: a vCPU that writes its physical timer on one while it fires on the other, where it was
 * before; and a timer that sets itself again while it is stopped.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/time.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "threads.h"
#include "vm/arm64/vtimer.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define CPUS     2u
#define ROUNDS   2000u
#define MEETINGS 50u
#define SECONDS  600u   /* to end a hang */

struct cpu cpus[MAX_CPUS];
static uint64_t now = 1000;
static struct domain d;
static struct vcpu v = { .domain = &d };
static bool line;                 /* under phys_lock, as the guest's interrupt controller sees it */
static unsigned round_begun, round_ended;
static bool meets, written;       /* the vCPU writes while its timer, which fires, is just setting the line */

/* --- The machine --- */

unsigned cpus_present(void) { return CPUS; }
void gic_set_type(unsigned irq, enum gic_type type) { (void)irq, (void)type; }
void gic_enable_irq(unsigned irq) { (void)irq; }
void gic_set_active(unsigned irq, bool active) { (void)irq, (void)active; }

int irq_request(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    (void)irq;
    (void)handler;
    (void)data;
    (void)name;
    return 0;
}

void vgic_inject_away(struct vcpu *of, unsigned intid) { (void)of, (void)intid; }
void host_write_sysreg(uint64_t value, const char *name) { (void)value, (void)name; }

uint64_t host_read_sysreg(const char *name)
{
    return !strcmp(name, "cntpct_el0") ? __atomic_load_n(&now, __ATOMIC_SEQ_CST)
                                       : !strcmp(name, "cntfrq_el0") ? 1000000 : 0;
}

void vgic_set_line(struct domain *of, struct vcpu *to, unsigned intid, bool high)
{
    (void)of;
    (void)to;
    (void)intid;
    if (host_cpu == 1 && high && __atomic_exchange_n(&meets, false, __ATOMIC_SEQ_CST))
        /* the other one may be kept from writing until this one is done, and that is right */
        for (unsigned i = 0; i < 2000 && !__atomic_load_n(&written, __ATOMIC_SEQ_CST); i++)
            usleep(0);
    line = high;
}

static void pass(uint64_t ticks) { __atomic_fetch_add(&now, ticks, __ATOMIC_SEQ_CST); }

/* --- The vCPU, on CPU 0, with a timer that was set on CPU 1 --- */

/* As it has to be when nobody is at it. */
static void see_that_it_is_right(void)
{
    bool met;

    spin_lock(&v.vtimer.phys_lock);
    met = v.vtimer.phys_ctl & CNT_CTL_ENABLE && vtimer_now(&v) >= v.vtimer.phys_cval;
    threads_expect(line == (met && !(v.vtimer.phys_ctl & CNT_CTL_IMASK)));
    threads_expect(v.vtimer.phys.queued == (!met && v.vtimer.phys_ctl & CNT_CTL_ENABLE));
    spin_unlock(&v.vtimer.phys_lock);
}

static void arm_on_cpu_1(uint64_t ticks)
{
    host_cpu = 1;
    vtimer_phys_write(&v, CNTP_CTL, 0);
    vtimer_phys_write(&v, CNTP_CVAL, vtimer_now(&v) + ticks);
    vtimer_phys_write(&v, CNTP_CTL, CNT_CTL_ENABLE);
    host_cpu = 0;
}

/* CPU 1 takes its timers until the round has ended, and once more. */
static void let_cpu_1_finish(unsigned round)
{
    __atomic_store_n(&round_ended, round, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&round_begun, __ATOMIC_SEQ_CST) == round)
        usleep(0);
}

static void play_vcpu(void)
{
    for (unsigned round = 1; round <= ROUNDS; round++) {
        bool meeting = round <= MEETINGS;

        arm_on_cpu_1(5);
        __atomic_store_n(&written, false, __ATOMIC_SEQ_CST);
        __atomic_store_n(&meets, meeting, __ATOMIC_SEQ_CST);
        pass(5);
        while (meeting && __atomic_load_n(&meets, __ATOMIC_SEQ_CST))
            usleep(0);
        for (unsigned i = meeting ? 0 : threads_random(300); i; i--)
            cpu_relax();
        if (!meeting && threads_random(4) == 0)
            vtimer_phys_write(&v, CNTP_CTL, threads_random(4));
        else
            vtimer_phys_write(&v, CNTP_CVAL, vtimer_now(&v) + (meeting ? 5000 : threads_random(3)));
        __atomic_store_n(&written, true, __ATOMIC_SEQ_CST);
        timer_interrupt();
        let_cpu_1_finish(round);
        timer_interrupt();
        see_that_it_is_right();
        if (round % 64)
            continue;
        vtimer_vcpu_destroy(&v);
        threads_expect(!v.vtimer.phys.queued);
        line = false;
        vtimer_vcpu_init(&v);
    }
}

static void play_cpu_1(void)
{
    for (unsigned round = 1; round <= ROUNDS; round++) {
        bool ended;

        do {
            ended = __atomic_load_n(&round_ended, __ATOMIC_SEQ_CST) == round;
            timer_interrupt();
        } while (!ended);
        __atomic_store_n(&round_begun, round + 1, __ATOMIC_SEQ_CST);
    }
}

static void play(unsigned cpu)
{
    host_cpu = cpu;
    if (cpu)
        play_cpu_1();
    else
        play_vcpu();
}

/* --- A timer that sets itself again, as a capped domain's --- */

static struct timer again;
static bool fires, is_waited_for;

static void relax(void)
{
    if (host_cpu == 0)
        __atomic_store_n(&is_waited_for, true, __ATOMIC_SEQ_CST);
}

static void fire_again(void *data)
{
    (void)data;
    __atomic_store_n(&fires, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&is_waited_for, __ATOMIC_SEQ_CST))
        usleep(0);
    timer_set(&again, now);   /* at once */
}

static void stop_it(unsigned cpu)
{
    host_cpu = cpu;
    if (cpu) {
        timer_interrupt();
        return;
    }
    while (!__atomic_load_n(&fires, __ATOMIC_SEQ_CST))
        usleep(0);
    timer_stop(&again);
    threads_expect(!again.queued);
}

static void fire_once(void *data) { (void)data; }

static void stop_one_that_sets_itself(void)
{
    struct thread threads[CPUS];

    host_relax = relax;
    host_cpu = 1;
    timer_init(&again, fire_again, NULL);
    timer_set(&again, now);
    threads_start(threads, CPUS, stop_it, 1);
    threads_join(threads, CPUS);
    threads_expect(!again.queued);
    again.fire = fire_once;
    host_relax = NULL;
}

int main(void)
{
    struct thread threads[CPUS];

    alarm(SECONDS);
    for (unsigned i = 0; i < CPUS; i++)
        cpus[i].id = i;
    time_init(0);
    vtimer_vcpu_init(&v);
    round_begun = 1;
    threads_start(threads, CPUS, play, 1);
    threads_join(threads, CPUS);
    stop_one_that_sets_itself();
    printf("%u CPUs, %u rounds: every line and every timer is right\n", CPUS, ROUNDS);
    return 0;
}
