// SPDX-License-Identifier: Apache-2.0
/* See machine/smp.h: CPUs are those of the device tree, PSCI starts them (cpu.c). */
#include "machine/smp.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/core/smp.h"
#include "dormouse/xen/console.h"
#include "lib/errno.h"
#include "machine/cpu.h"

static void begin(void *arg)
{
    (void)arg;
    smp_begin();
}

bool machine_cpu_is_possible(unsigned cpu)
{
    return cpu < platform.cpus;
}

int machine_cpu_start(unsigned cpu)
{
    return cpu_start(cpu, begin, NULL) ? -EIO : 0;
}

void machine_cpu_stop(void)
{
    psci_call(PSCI_CPU_OFF, 0, 0, 0);
    panic("vCPU %u cannot be switched off", cpu_id());
}

bool machine_cpu_is_running(unsigned cpu)
{
    return psci_call(PSCI_AFFINITY_INFO_64, cpu, 0, 0) != PSCI_AFFINITY_OFF;
}
