// SPDX-License-Identifier: Apache-2.0
/*
 * Physical CPUs: their structs and stacks, how they start, how one makes another look up.
 */
#include "cpu/cpu.h"

#include "arch/barrier.h"
#include "arch/cache.h"
#include "arch/layout.h"
#include "arch/sysreg.h"
#include "base/printk.h"
#include "base/time.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "arch/stage2.h"
#include "vm/vcpu.h"
#include "vm/arm64/vtimer.h"

_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "vectors.S knows this offset");

struct cpu cpus[MAX_CPUS];
static uint8_t stacks[MAX_CPUS][CPU_STACK_SIZE] __attribute__((aligned(4096)));
static unsigned present = 1;
static uint32_t online = 1;   /* atomic */

extern char vectors[], secondary_entry[];
NORETURN void run_guests_on_stack(uint8_t *stack_top, struct vcpu *(*first)(void));

unsigned cpus_present(void) { return present; }
unsigned cpus_online(void) { return __atomic_load_n(&online, __ATOMIC_ACQUIRE); }

static void cpu_init_struct(unsigned id, uint64_t mpidr)
{
    cpus[id].id = id;
    cpus[id].mpidr = mpidr & MPIDR_AFFINITY;
    cpus[id].stack_top = stacks[id] + CPU_STACK_SIZE;
}

/* EL2's registers that are the same on every CPU. */
static void cpu_init_registers(void)
{
    write_sysreg((uint64_t)vectors, vbar_el2);
    write_sysreg(HCR_RW | HCR_IMO | HCR_FMO | HCR_AMO, hcr_el2);
    write_sysreg(CPTR_RES1 | CPTR_TZ | CPTR_TFP | CPTR_TTA | CPTR_TAM, cptr_el2);
    write_sysreg(MDCR_TDRA | MDCR_TDOSA | MDCR_TDA | MDCR_TPM | MDCR_TPMCR | MDCR_TPMS | MDCR_TTRF |
                 (read_sysreg(mdcr_el2) & MDCR_HPMN_MASK), mdcr_el2);
    write_sysreg(0, hstr_el2);
    write_sysreg(CNTHCTL_EL1PCTEN, cnthctl_el2);
    write_sysreg(0, vttbr_el2);
    write_sysreg(read_sysreg(midr_el1), vpidr_el2);
    stage2_cpu_init();
    isb();
}

void cpu_boot_init(void)
{
    cpu_init_struct(0, read_sysreg(mpidr_el1));
    cpus[0].online = true;
    write_sysreg((uint64_t)&cpus[0], tpidr_el2);
    cpu_init_registers();
}

void cpu_restore(void)
{
    el2_cpu_init();
    tlb_flush_all_guests_local();
    cpu_init_registers();
    this_cpu()->fpu_owner = NULL;
}

NORETURN void cpu_secondary_start(struct cpu *cpu)
{
    cpu_restore();
    timer_cpu_init();
    if (gic_cpu_init()) {
        (void)cpu_step(cpu, CPU_AWAITED, CPU_UNFIT);   /* the driver has said why */
        cpu_halt();
    }
    vtimer_cpu_init();
    if (!cpu_step(cpu, CPU_AWAITED, CPU_HERE)) {
        gic_cpu_exit();
        (void)psci_cpu_off();
        cpu_halt();
    }
    cpu_set_online(cpu, true);
    cpu_run_guests();
}

bool cpu_step(struct cpu *cpu, enum cpu_way from, enum cpu_way to)
{
    return __atomic_compare_exchange_n(&cpu->way, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

enum cpu_way cpu_way_of(const struct cpu *cpu)
{
    return __atomic_load_n(&cpu->way, __ATOMIC_ACQUIRE);
}

/* The firmware has taken the call: true when the CPU is there, false when it said it cannot be, or says nothing for two seconds. */
static bool cpu_await(struct cpu *cpu)
{
    uint64_t end = counter_now() + 2 * counter_frequency();

    for (;;) {
        if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
            return true;
        if (cpu_way_of(cpu) == CPU_UNFIT)
            return false;
        if (counter_now() > end && cpu_step(cpu, CPU_AWAITED, CPU_GIVEN_UP)) {
            cpu->lost = true;
            return false;
        }
        cpu_relax();
    }
}

bool cpu_start(struct cpu *cpu)
{
    int64_t status;

    cpu->way = CPU_AWAITED;
    dsb_sy();
    status = psci_cpu_on(cpu->mpidr, image_to_paddr(secondary_entry).pa, (uint64_t)cpu);
    if (status)
        printk("torpor: CPU with MPIDR 0x%lx does not start (PSCI CPU_ON: %ld); going on without it\n", cpu->mpidr, (long)status);
    else if (!cpu_await(cpu))
        printk("torpor: CPU with MPIDR 0x%lx does not come up; going on without it\n", cpu->mpidr);
    else
        return true;
    return false;
}

void cpus_start(const uint64_t *mpidr, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        cpu_init_struct(present, mpidr[i]);
        if (cpu_start(&cpus[present]) || cpus[present].lost)
            present++;   /* one that may still come keeps its stack */
    }
}

void cpu_set_online(struct cpu *cpu, bool is_online)
{
    __atomic_store_n(&cpu->online, is_online, __ATOMIC_RELEASE);
    __atomic_fetch_add(&online, is_online ? 1 : -1, __ATOMIC_ACQ_REL);
}

void cpu_kick(struct cpu *cpu)
{
    if (cpu != this_cpu())
        gic_send_sgi(cpu->id, SGI_KICK);
}

void cpu_request_schedule(struct cpu *cpu)
{
    __atomic_store_n(&cpu->need_schedule, 1, __ATOMIC_SEQ_CST);
    cpu_kick(cpu);
}

NORETURN void cpu_run_guests(void)
{
    run_guests_on_stack(this_cpu()->stack_top, sched_next);
}
