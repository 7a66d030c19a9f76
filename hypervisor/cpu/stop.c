// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of a panic that need the CPUs and the firmware (base/panic.h).
 *
 * A CPU that runs a guest or idles takes SGI_STOP at once. One that is at EL2 with interrupts masked takes it on its
 * way back to a guest, or never if it waits for something that the panicking CPU has: it is waited for as long as any
 * trap may last, and then left as it is.
 */
#include "arch/relax.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "base/time.h"
#include "cpu/cpu.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "dev/psci.h"
#include "dev/semihosting.h"

#define STOP_LIMIT_NS UINT64_C(100000000)

static void stop_interrupt(unsigned irq, void *data)
{
    (void)irq;
    (void)data;
    cpu_stop_here();
}

void cpu_stop_init(void)
{
    BUG_ON(irq_request(SGI_STOP, stop_interrupt, NULL, "stop"));
}

static bool runs_still(const struct cpu *cpu)
{
    return cpu != this_cpu() && __atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&cpu->stopped, __ATOMIC_ACQUIRE);
}

void machine_stop_others(void)
{
    uint64_t since, limit;

    if (cpus_online() < 2)
        return;   /* before the secondaries are on there may be no time and no interrupt controller yet */
    for (unsigned i = 0; i < cpus_present(); i++)
        if (runs_still(&cpus[i]))
            gic_send_sgi(i, SGI_STOP);
    since = counter_now();
    limit = ns_to_ticks(STOP_LIMIT_NS);
    for (unsigned i = 0; i < cpus_present(); i++)
        while (runs_still(&cpus[i]) && counter_now() - since < limit)
            cpu_relax();
}

void machine_print_raw(const char *text)
{
    semihosting_print(text);
}

void machine_reset(void)
{
    psci_system_reset();
}
