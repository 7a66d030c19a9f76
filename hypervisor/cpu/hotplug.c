// SPDX-License-Identifier: Apache-2.0
/*
 * CPUs that go off for a host sleep and come back. A CPU goes from its idle loop, where no guest's state is in it; its
 * timers then go to the CPU that sleeps last. It comes back by the same way as it came at the start.
 */
#include "arch/relax.h"
#include "arch/sleep.h"
#include "arch/sysreg.h"
#include "base/printk.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "sleep/sleep.h"

#define OFF_LIMIT_S 2   /* a CPU that is not off by then is taken for one that will not go */

#define NOTE(left, name) ((left)->el2.name = read_sysreg(name##_el2))

void cpu_note_left(void)
{
    struct cpu_left *l = &this_cpu()->left;

    l->el2.mpidr = this_cpu()->mpidr;
    NOTE(l, sctlr), NOTE(l, hcr), NOTE(l, cptr), NOTE(l, mdcr), NOTE(l, hstr);
    NOTE(l, tcr), NOTE(l, ttbr0), NOTE(l, mair), NOTE(l, vbar);
    NOTE(l, vtcr), NOTE(l, vttbr), NOTE(l, vpidr), NOTE(l, vmpidr), NOTE(l, cnthctl), NOTE(l, cntvoff);
    NOTE(l, esr), NOTE(l, elr), NOTE(l, spsr), NOTE(l, far), NOTE(l, hpfar);
}

static int64_t go_off(struct cpu_context *c)
{
    (void)c;
    return psci_cpu_off();
}

void cpu_off_if_called(struct cpu *cpu)
{
    int64_t status;

    if (likely(cpu_way_of(cpu) == CPU_HERE) || !cpu_step(cpu, CPU_CALLED_OFF, CPU_LEAVING))
        return;
    cpu_stages_off();
    cpu_set_online(cpu, false);
    cpu_note_left();
    status = cpu_sleep(&cpu->left.context, go_off);
    printk("torpor: CPU %u stays on (PSCI CPU_OFF: %ld)", cpu->id, (long)status);
    if (cpu->lost)
        cpu_halt();
    BUG_ON(cpu_stages_on());   /* it could before */
    cpu_set_online(cpu, true);
    (void)cpu_step(cpu, CPU_LEAVING, CPU_HERE);
}

static bool is_off(const struct cpu *cpu)
{
    return !__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE) && psci_cpu_is_off(cpu->mpidr);
}

/* Its vCPUs run elsewhere from now on, even those whose affinity names no other CPU. */
static void lose(struct cpu *cpu)
{
    cpu->lost = true;
    sched_cpu_lost(cpu);
    gic_evict(cpu->id, this_cpu()->id);
}

static int send_off(struct cpu *cpu)
{
    uint64_t limit = OFF_LIMIT_S * counter_frequency(), since = counter_now();

    (void)cpu_step(cpu, CPU_HERE, CPU_CALLED_OFF);
    cpu_request_schedule(cpu);
    while (!is_off(cpu)) {
        if (cpu_way_of(cpu) == CPU_HERE)
            return -EIO;   /* it has said why */
        if (counter_now() - since > limit && cpu_step(cpu, CPU_CALLED_OFF, CPU_HERE)) {
            printk("torpor: CPU %u does not go off", cpu->id);
            return -ETIMEDOUT;
        }
        if (counter_now() - since > 2 * limit) {
            printk("torpor: CPU %u was called off and is neither on nor off; going on without it", cpu->id);
            lose(cpu);
            timers_adopt(cpu);
            return -ETIMEDOUT;
        }
        cpu_relax();
    }
    timers_adopt(cpu);
    return 0;
}

bool cpus_lost_are_on(void)
{
    for (unsigned i = 0; i < cpus_present(); i++)
        if (cpus[i].lost && !psci_cpu_is_off(cpus[i].mpidr))
            return true;
    return false;
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
