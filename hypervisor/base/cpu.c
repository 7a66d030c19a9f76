// SPDX-License-Identifier: Apache-2.0
/* The physical CPUs' structs and stacks, and how many there are. */
#include "base/cpu.h"

#include "arch/layout.h"
#include "arch/sysreg.h"
#include "base/panic.h"

_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "vectors.S knows this offset");
_Static_assert(offsetof(struct cpu, workaround) == CPU_WORKAROUND, "vectors.S knows this offset");

struct cpu cpus[MAX_CPUS];
struct cpu_stack cpu_stacks[MAX_CPUS] __attribute__((aligned(4096), section(".stacks")));
static unsigned present = 1;
static uint32_t online;   /* atomic */

unsigned cpus_present(void) { return present; }
unsigned cpus_online(void) { return __atomic_load_n(&online, __ATOMIC_ACQUIRE); }
void cpus_set_present(unsigned count) { present = count; }

void cpu_init_struct(unsigned id, uint64_t mpidr)
{
    cpus[id].id = id;
    cpus[id].self = cpu_mask_of(id);
    cpus[id].mpidr = mpidr & MPIDR_AFFINITY;
    cpus[id].stack_top = cpu_stacks[id].stack + CPU_STACK_SIZE;
}

_Static_assert(MAX_CPUS <= CPU_MASK_BITS, "a cpu_mask has a bit for each CPU");

const char *cpu_stack_guard(unsigned id)
{
    return cpu_stacks[id].guard;
}

void cpu_set_online(struct cpu *cpu, bool is_online)
{
    __atomic_store_n(&cpu->online, is_online, __ATOMIC_RELEASE);
    __atomic_fetch_add(&online, is_online ? 1 : -1, __ATOMIC_ACQ_REL);
}

bool preempt_pending(void)
{
    return read_sysreg(isr_el1) & ISR_I;
}

/* Not inlined: where a CPU stands tells that it was halted. */
NORETURN NOINLINE void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("msr daifset, #0xf\n\twfi");
}

NORETURN void cpu_stop_here(void)
{
    __atomic_store_n(&this_cpu()->stopped, true, __ATOMIC_RELEASE);
    cpu_halt();
}
