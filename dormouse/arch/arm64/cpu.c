// SPDX-License-Identifier: Apache-2.0
/* The vCPUs' structures and stacks, and how further vCPUs are started and end. */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"

struct cpu cpus[MAX_CPUS];
char stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));

long cpu_start(unsigned id, void (*fn)(void *), void *arg)
{
    struct cpu *c = &cpus[id];

    *c = (struct cpu){ .stack_top = stacks[id] + STACK_SIZE, .id = id, .run = fn, .arg = arg };
    dsb();
    return cpu_start_again(id);
}

long cpu_start_again(unsigned id)
{
    return psci_call(PSCI_CPU_ON_64, id, (uintptr_t)secondary_entry, (uintptr_t)&cpus[id]);
}

/* The first C of every vCPU but 0. */
void cpu_main(struct cpu *c)
{
    gic_init_cpu();
    if (platform.xen)
        evtchn_init_cpu();
    c->run(c->arg);
    psci_call(PSCI_CPU_OFF, 0, 0, 0);
}
