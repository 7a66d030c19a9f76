// SPDX-License-Identifier: Apache-2.0
/* See machine/smp.h: CPUs are those of the device tree, PSCI starts them (cpu.c). */
#include "machine/smp.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/core/smp.h"
#include "lib/errno.h"

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
