// SPDX-License-Identifier: Apache-2.0
/*
 * Physical CPUs: EL2's registers, how a CPU starts, how one makes another look up.
 */
#include "cpu/cpu.h"

#include "arch/barrier.h"
#include "arch/cache.h"
#include "arch/layout.h"
#include "arch/ras.h"
#include "arch/relax.h"
#include "arch/sysreg.h"
#include "arch/walks.h"
#include "base/printk.h"
#include "base/time.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "arch/stage2.h"
#include "arch/traps.h"

/* A virtual SError's syndrome is implementation defined, although FEAT_RAS could say more. */
static void ras_init(void)
{
    this_cpu()->has_ras = PFR0_RAS(read_sysreg(id_aa64pfr0_el1));
    if (!this_cpu()->has_ras)
        return;
    write_ras(0, DISR_EL1);
    write_ras(SERROR_IDS, VSESR_EL2);
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
    traps_cpu_init();
    ras_init();
    walks_stop();
    write_sysreg(0, vttbr_el2);
    write_sysreg(read_sysreg(midr_el1), vpidr_el2);
    stage2_cpu_init();
    isb();
}

static int core_on(void)
{
    el2_cpu_init();
    tlb_flush_all_guests_local();
    cpu_init_registers();
    this_cpu()->fpu_owner = NULL;
    return 0;
}

const struct cpu_stage cpu_core_stage = { .name = "core", .on = core_on };

void cpu_boot_init(void)
{
    cpu_init_struct(0, read_sysreg(mpidr_el1));
    write_sysreg((uint64_t)&cpus[0], tpidr_el2);
    (void)core_on();
    cpu_set_online(&cpus[0], true);
}

NORETURN void cpu_secondary_start(struct cpu *cpu)
{
    if (cpu_stages_on()) {
        (void)cpu_step(cpu, CPU_AWAITED, CPU_UNFIT);
        cpu_halt();
    }
    if (!cpu_step(cpu, CPU_AWAITED, CPU_HERE)) {
        cpu_stages_off();
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

/*
 * The firmware has taken the call: true when the CPU is there, false when it said it cannot be, or says nothing for two
 * seconds.
 */
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
        printk("torpor: CPU with MPIDR 0x%lx does not start (PSCI CPU_ON: %ld); going on without it\n", cpu->mpidr,
               (long)status);
    else if (!cpu_await(cpu))
        printk("torpor: CPU with MPIDR 0x%lx does not come up; going on without it\n", cpu->mpidr);
    else
        return true;
    return false;
}

void cpus_start(const uint64_t *mpidr, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct cpu *cpu = &cpus[cpus_present()];

        cpu_init_struct(cpus_present(), mpidr[i]);
        if (el2_map_stack(cpu->id)) {
            printk("torpor: no tables for the stack of the CPU with MPIDR 0x%lx; going on without it\n", mpidr[i]);
            return;
        }
        if (cpu_start(cpu) || cpu->lost)
            cpus_set_present(cpus_present() + 1);   /* one that may still come keeps its stack */
        if (cpu->lost)
            sched_cpu_lost(cpu);
    }
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
