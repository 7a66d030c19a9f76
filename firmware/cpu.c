// SPDX-License-Identifier: Apache-2.0
#include "firmware/cpu.h"

#include "arch/barrier.h"
#include "arch/idle.h"
#include "arch/relax.h"
#include "firmware/entry.h"
#include "firmware/forget.h"
#include "firmware/gic.h"
#include "firmware/machine.h"
#include "firmware/sysreg.h"

/* Owned here; entry.S knows size and place, for a CPU that comes out of reset looks for its own. */
struct cpu cpus[MAX_CPUS];
_Static_assert(sizeof(struct cpu) == STRUCT_CPU_SIZE, "entry.S knows this size");

#define REGISTER_POISON UINT64_C(0xdeadfa11deadfa15)

_Static_assert(offsetof(struct cpu, stack_top) == 0, "entry.S loads the stack pointer from there");

/* --- Features that EL3 grants --- */

/* A feature that traps to EL3 unless SCR_EL3 allows it: it is there if the ID register's field is at least `least`. */
struct grant {
    uint64_t id;
    unsigned shift, least;
    uint64_t scr;
};

static uint64_t scr_value(void)
{
    uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1), pfr1 = read_sysreg(id_aa64pfr1_el1),
             isar0 = read_sysreg(id_aa64isar0_el1);
    uint64_t isar1 = read_sysreg(id_aa64isar1_el1), isar2 = read_named_sysreg(ID_AA64ISAR2_EL1);
    uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1), mmfr1 = read_sysreg(id_aa64mmfr1_el1);
    uint64_t mmfr3 = read_named_sysreg(ID_AA64MMFR3_EL1);
    const struct grant grants[] = {
        { isar1, ISAR1_APA, 1, SCR_APK | SCR_API },
        { isar1, ISAR1_API, 1, SCR_APK | SCR_API },
        { isar2, ISAR2_APA3, 1, SCR_APK | SCR_API },
        { isar1, ISAR1_LS64, 2, SCR_ENAS0 },
        { isar1, ISAR1_LS64, 3, SCR_ADEN },
        { isar0, ISAR0_TME, 1, SCR_TME },
        { pfr0, PFR0_RAS, 2, SCR_FIEN },
        { pfr0, PFR0_AMU, 2, SCR_AMVOFFEN },
        { pfr0, PFR0_CSV2, 2, SCR_ENSCXT },
        { pfr1, PFR1_MTE, 2, SCR_ATA },
        { pfr1, PFR1_SME, 1, SCR_ENTP2 },
        { pfr1, PFR1_GCS, 1, SCR_GCSEN },
        { mmfr0, MMFR0_FGT, 1, SCR_FGTEN },
        { mmfr0, MMFR0_ECV, 2, SCR_ECVEN },
        { mmfr1, MMFR1_HCX, 1, SCR_HXEN },
        { mmfr3, MMFR3_TCRX, 1, SCR_TCR2EN },
        { mmfr3, MMFR3_SCTLRX, 1, SCR_SCTLR2EN },
        { mmfr3, MMFR3_S1PIE, 1, SCR_PIEN },
    };
    /*
     * SMD stays off: SMC is how PSCI is called. IRQ, FIQ and EA too: while the non-secure world runs, all interrupts
     * are its own.
     */
    uint64_t scr = SCR_NS | SCR_RES1 | SCR_HCE | SCR_RW;

    for (unsigned i = 0; i < ARRAY_SIZE(grants); i++)
        if (id_field(grants[i].id, grants[i].shift) >= grants[i].least)
            scr |= grants[i].scr;
    return scr;
}

static void grant_scalable(void)
{
    bool sve = id_field(read_sysreg(id_aa64pfr0_el1), PFR0_SVE), sme = id_field(read_sysreg(id_aa64pfr1_el1), PFR1_SME);

    write_sysreg((sve ? CPTR3_EZ : 0) | (sme ? CPTR3_ESM : 0), cptr_el3);
    isb();
    if (sve)
        write_named_sysreg(ZCR_LEN, ZCR_EL3);
    if (sme)
        write_named_sysreg(SMCR_LEN | (read_named_sysreg(ID_AA64SMFR0_EL1) & SMFR0_FA64 ? SMCR_FA64 : 0), SMCR_EL3);
}

static uint64_t mdcr_value(void)
{
    uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1), mdcr = MDCR3_SDD;

    if (id_field(dfr0, DFR0_PMSVER))
        mdcr |= MDCR3_NSPB;
    if (id_field(dfr0, DFR0_TRBE))
        mdcr |= MDCR3_NSTB;
    return mdcr;
}

void cpu_init(void)
{
    write_sysreg(scr_value(), scr_el3);
    write_sysreg(mdcr_value(), mdcr_el3);
    grant_scalable();
    isb();
}

/* --- Which are there, and which are on --- */

static void state_set(struct cpu *cpu, enum cpu_state state)
{
    __atomic_store_n(&cpu->state, state, __ATOMIC_RELEASE);
}

enum cpu_state cpu_state_get(const struct cpu *cpu)
{
    return __atomic_load_n(&cpu->state, __ATOMIC_ACQUIRE);
}

struct cpu *cpu_find(uint64_t affinity)
{
    return affinity < MAX_CPUS && cpu_state_get(&cpus[affinity]) != CPU_ABSENT ? &cpus[affinity] : NULL;
}

void cpu_add(uint64_t affinity)
{
    if (affinity >= MAX_CPUS)
        machine_fail("CPU %#llx of the device tree is one too many: start QEMU with at most %u",
                     (unsigned long long)affinity, MAX_CPUS);
    cpus[affinity].id = (unsigned)affinity;
    state_set(&cpus[affinity], &cpus[affinity] == this_cpu() ? CPU_ON : CPU_STARTING);
}

void cpus_wait_parked(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++)
        while (cpu_state_get(&cpus[i]) == CPU_STARTING)
            cpu_relax();
}

bool cpus_others_off(void)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        enum cpu_state state = cpu_state_get(&cpus[i]);

        if (&cpus[i] != this_cpu() && state != CPU_OFF && state != CPU_ABSENT)
            return false;
    }
    return true;
}

bool cpu_claim(struct cpu *cpu)
{
    enum cpu_state off = CPU_OFF;

    return __atomic_compare_exchange_n(&cpu->state, &off, CPU_ON_PENDING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void cpu_start(struct cpu *cpu, uint64_t entry, uint64_t context)
{
    cpu->entry = entry;
    cpu->context = context;
    dsb_ish();
    if (!cpu->broken)
        gic_knock(cpu->id);
}

void cpu_park(void)
{
    struct cpu *cpu = this_cpu();

    forget_timers();
    gic_reset_private();
    gic_reset_interface();
    gic_listen_for_knock(true);
    state_set(cpu, CPU_OFF);
    do
        cpu_wait_interrupt();
    while (!gic_take_knock());
    gic_listen_for_knock(false);
    smp_mb();
    state_set(cpu, CPU_ON);
    cpu_enter(cpu->entry, cpu->context);
}

/* --- Waiting, and leaving EL3 --- */

/*
 * Only an interrupt that is routed to the level that waits, or above it, surely ends WFI (Arm ARM, "Wait for
 * Interrupt").
 */
static uint64_t route_to_el3(void)
{
    uint64_t scr = read_sysreg(scr_el3);

    write_sysreg(scr | SCR_IRQ | SCR_FIQ, scr_el3);
    isb();
    return scr;
}

static void route_back(uint64_t scr)
{
    write_sysreg(scr, scr_el3);
    isb();
}

void cpu_wait_interrupt(void)
{
    uint64_t scr = route_to_el3();

    cpu_wait_for_interrupt();
    route_back(scr);
}

void cpu_sleep(void)
{
    uint64_t scr = route_to_el3();

    write_sysreg(HCR_RW, hcr_el2);
    isb();
    while (!(read_sysreg(isr_el1) & (ISR_I | ISR_F)))
        cpu_wait_for_interrupt();
    route_back(scr);
}

void cpu_enter(uint64_t entry, uint64_t context)
{
    forget_cpu();
    enter_nonsecure(entry, context, REGISTER_POISON);
}

void cpu_enter_kernel(uint64_t entry, uint64_t tree)
{
    forget_cpu();
    enter_nonsecure(entry, tree, 0);
}
