// SPDX-License-Identifier: Apache-2.0
/*
 * CPUs that go off for a host sleep and come back. A CPU goes from its idle loop, where no guest's state is in it; its
 * timers then go to the CPU that sleeps last. It comes back by the same way as it came at the start.
 */
#include "arch/sysreg.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "dev/console.h"
#include "dev/gic.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "sleep/sleep.h"
#include "vm/vtimer.h"

#define OFF_LIMIT_S 2   /* a CPU that is not off by then is taken for one that will not go */

void cpu_off_if_called(struct cpu *cpu)
{
    int64_t status;

    if (likely(!__atomic_load_n(&cpu->called_off, __ATOMIC_ACQUIRE)))
        return;
    write_sysreg(0, cnthp_ctl_el2);
    write_sysreg(0, cntv_ctl_el0);
    gic_cpu_exit();
    cpu_set_online(cpu, false);
    status = psci_cpu_off();
    printk("torpor: CPU %u stays on (PSCI CPU_OFF: %ld)", cpu->id, (long)status);
    timer_cpu_init();
    BUG_ON(gic_cpu_init());   /* it could before */
    vtimer_cpu_init();
    cpu_set_online(cpu, true);
    __atomic_store_n(&cpu->called_off, false, __ATOMIC_RELEASE);
}

static bool is_off(const struct cpu *cpu)
{
    return !__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE) && psci_cpu_is_off(cpu->mpidr);
}

static int send_off(struct cpu *cpu)
{
    uint64_t end = counter_now() + OFF_LIMIT_S * counter_frequency();

    __atomic_store_n(&cpu->called_off, true, __ATOMIC_RELEASE);
    cpu_request_schedule(cpu);
    while (!is_off(cpu)) {
        if (!__atomic_load_n(&cpu->called_off, __ATOMIC_ACQUIRE))
            return -EIO;
        if (counter_now() > end) {
            __atomic_store_n(&cpu->called_off, false, __ATOMIC_RELEASE);
            printk("torpor: CPU %u does not go off", cpu->id);
            return -ETIMEDOUT;
        }
        cpu_relax();
    }
    cpu->called_off = false;
    timers_adopt(cpu);
    return 0;
}

/* Its vCPUs run elsewhere from now on, whatever their affinity says. */
static void lose(struct cpu *cpu)
{
    cpu->lost = true;
    sched_cpu_lost(cpu);
    gic_evict(cpu->id, this_cpu()->id);
}

static void cpus_leave(struct sleep *s)
{
    for (unsigned i = 0; i < cpus_present(); i++) {
        struct cpu *cpu = &cpus[i];
        uint64_t start = s->now_ns();
        bool is_back;

        if (cpu->online || cpu->lost)
            continue;
        is_back = cpu_start(cpu);
        if (!is_back)
            lose(cpu);
        sleep_note(s, SLEEP_CPU, "on", i, is_back ? 0 : -EIO, start, s->now_ns());
    }
}

static int cpus_enter(struct sleep *s)
{
    for (unsigned i = 0; i < cpus_present(); i++) {
        uint64_t start = s->now_ns();
        int error;

        if (&cpus[i] == this_cpu() || cpus[i].lost)
            continue;
        error = send_off(&cpus[i]);
        sleep_note(s, SLEEP_CPU, "off", i, error, start, s->now_ns());
        if (error) {
            cpus_leave(s);
            return error;
        }
    }
    return 0;
}

const struct sleep_stage cpus_stage = { .name = "cpus", .enter = cpus_enter, .leave = cpus_leave };
