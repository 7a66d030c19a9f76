// SPDX-License-Identifier: Apache-2.0
/*
 * Variant 2 and branch history: a guest teaches the branch predictor, and the hypervisor's next indirect branch is
 * guessed from that. Where the firmware says that a CPU needs SMCCC_ARCH_WORKAROUND_3 or _1 (Arm DEN0070), that CPU
 * gets vectors that call it first at every entry from a guest; the others have the plain ones, at no cost. Variant 4:
 * SMCCC_ARCH_WORKAROUND_2 is switched on for good; CPUs with FEAT_SSBS have it on at EL2 by SCTLR_EL2.DSSBS being 0.
 *
 * A CPU's weaknesses, by its firmware's word, its own registers, or its name, are kept as bits over all CPUs: guests
 * get the answer of the worst.
 */
#include "cpu/speculation.h"

#include "arch/psci.h"
#include "arch/sysreg.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "dev/psci.h"
#include "mm/vmid.h"

#define NEEDED   1u   /* a CPU needs it, and the firmware has it */
#define UNKNOWN  2u   /* a CPU may need it, and the firmware has it not */

#define MIDR_PART(midr)  ((midr) & 0xff00fff0)   /* implementer and part */
#define CORTEX_A53 0x4100d030
#define CORTEX_A35 0x4100d040
#define CORTEX_A55 0x4100d050

#define PFR0_CSV2(v)  (((v) >> 56) & 0xf)
#define MMFR1_ECBHB(v) (((v) >> 60) & 0xf)
#define PFR1_SSBS(v)  (((v) >> 4) & 0xf)

#define FEATURES_NEEDED     0
#define FEATURES_NOT_NEEDED 1     /* of _1 and _3: may be called, and need not; of _2: this CPU is not affected */
#define FEATURES_ALWAYS_ON  (-2)  /* of _2 */

static uint32_t branch_targets, branch_history, stores;   /* NEEDED, UNKNOWN; atomic */

/*
 * Each CPU's own. The firmware's answers hold for good; a setting made by the firmware is lost when the CPU goes off.
 */
static struct { bool asked, guards_stores; } found[MAX_CPUS];

/* They do not guess far enough: Arm's list of CPUs that these variants concern does not have them. */
static bool is_in_order(void)
{
    uint64_t part = MIDR_PART(read_sysreg(midr_el1));

    return part == CORTEX_A35 || part == CORTEX_A53 || part == CORTEX_A55;
}

/* The bit to be noted of a CPU whose firmware answers so. */
static uint32_t judged(int32_t answer, bool safe_itself)
{
    if (answer == FEATURES_NEEDED)
        return NEEDED;
    return answer > 0 || safe_itself ? 0 : UNKNOWN;
}

/*
 * Guests are told apart by VMID (FEAT_CSV2), and by nothing that happens between two of them: at entries there is no
 * workaround, which would do for two of one VMID as well. Where guesses are open anyway, nothing is lost by sharing.
 */
static bool relies_on_vmids(void)
{
    return PFR0_CSV2(read_sysreg(id_aa64pfr0_el1)) && !this_cpu()->workaround && !is_in_order();
}

/* By the workaround that this CPU needs, and by FEAT_RAS (entry/serror.c). */
static const char *vectors_of_this_cpu(void)
{
    bool hardened = this_cpu()->workaround;

    if (this_cpu()->has_ras)
        return hardened ? vectors_ras_hardened : vectors_ras;
    return hardened ? vectors_hardened : vectors;
}

static void ask_firmware(struct cpu *cpu)
{
    uint64_t csv2 = PFR0_CSV2(read_sysreg(id_aa64pfr0_el1));
    bool ecbhb = MMFR1_ECBHB(read_sysreg(id_aa64mmfr1_el1)), ssbs = PFR1_SSBS(read_sysreg(id_aa64pfr1_el1));
    uint32_t targets = judged(psci_arch_features(SMCCC_ARCH_WORKAROUND_1), csv2 || is_in_order());
    uint32_t history = judged(psci_arch_features(SMCCC_ARCH_WORKAROUND_3), csv2 >= 3 || ecbhb || is_in_order());
    int32_t order = psci_arch_features(SMCCC_ARCH_WORKAROUND_2);

    found[cpu->id].asked = true;
    found[cpu->id].guards_stores = order == FEATURES_NEEDED;
    cpu->workaround = history == NEEDED ? SMCCC_ARCH_WORKAROUND_3 : targets == NEEDED ? SMCCC_ARCH_WORKAROUND_1 : 0;
    /* _3 does all that _1 does */
    __atomic_fetch_or(&branch_targets, history == NEEDED ? NEEDED : targets, __ATOMIC_RELAXED);
    __atomic_fetch_or(&branch_history, history, __ATOMIC_RELAXED);
    __atomic_fetch_or(&stores, order == PSCI_NOT_SUPPORTED && !ssbs && !is_in_order() ? UNKNOWN : 0, __ATOMIC_RELAXED);
}

static int speculation_cpu_on(void)
{
    struct cpu *cpu = this_cpu();
    int error;

    if (!found[cpu->id].asked)
        ask_firmware(cpu);
    if (found[cpu->id].guards_stores)
        psci_arch_workaround_2();
    write_sysreg((uint64_t)vectors_of_this_cpu(), vbar_el2);
    error = vmid_cpu_on(!relies_on_vmids());
    if (error)
        printk("torpor: CPU %u is not used: domains have VMIDs of 16 bits, or share some, which it cannot keep apart\n",
               cpu->id);
    return error;
}

const struct cpu_stage speculation_cpu_stage = { .name = "speculation", .on = speculation_cpu_on };

void speculation_report(void)
{
    if (branch_targets & UNKNOWN)
        printk("torpor: a CPU may be open to branch target injection (Spectre), and its firmware has no "
               "SMCCC_ARCH_WORKAROUND_1; update it\n");
    else if (branch_history & UNKNOWN)
        printk("torpor: a CPU may be open to branch history injection, and its firmware has no "
               "SMCCC_ARCH_WORKAROUND_3; update it\n");
}

static int64_t answer(uint32_t known)
{
    if (known & NEEDED)
        return FEATURES_NEEDED;
    return known & UNKNOWN ? PSCI_NOT_SUPPORTED : FEATURES_NOT_NEEDED;
}

int64_t speculation_features(uint32_t function)
{
    switch (function) {
    case SMCCC_ARCH_WORKAROUND_1:
        return answer(__atomic_load_n(&branch_targets, __ATOMIC_RELAXED));
    case SMCCC_ARCH_WORKAROUND_2:
        return __atomic_load_n(&stores, __ATOMIC_RELAXED) & UNKNOWN ? PSCI_NOT_SUPPORTED : FEATURES_ALWAYS_ON;
    case SMCCC_ARCH_WORKAROUND_3:
        return answer(__atomic_load_n(&branch_history, __ATOMIC_RELAXED));
    default:
        return PSCI_NOT_SUPPORTED;
    }
}
