// SPDX-License-Identifier: Apache-2.0
/*
 * On hardware most of these registers are UNKNOWN after a reset, and their content is luck. Here it is always the same
 * and never right, so that a hypervisor that forgot to save a register sees it each time.
 *
 * Left as it is: CNTFRQ_EL0, which only EL3 writes and QEMU resets to its counter's frequency; and implementation
 * defined registers.
 */
#include "firmware/forget.h"

#include "arch/barrier.h"
#include "firmware/entry.h"
#include "firmware/sysreg.h"
#include "lib/base.h"

/* Of an address: not canonical, not aligned. Of a control register: a bit of everything. */
#define POISON UINT64_C(0xdeadfa11deadfa15)

static void forget_translation(void)
{
    write_sysreg(SCTLR_EL2_OFF, sctlr_el2);
    write_sysreg(POISON & ~HCR_E2H, hcr_el2);
    write_sysreg(POISON, ttbr0_el2);
    write_sysreg(POISON, tcr_el2);
    write_sysreg(POISON, mair_el2);
    write_sysreg(POISON, amair_el2);
    write_sysreg(POISON, vttbr_el2);
    write_sysreg(POISON, vtcr_el2);
    write_sysreg(POISON, sctlr_el1);
    write_sysreg(POISON, ttbr0_el1);
    write_sysreg(POISON, ttbr1_el1);
    write_sysreg(POISON, tcr_el1);
    write_sysreg(POISON, mair_el1);
    write_sysreg(POISON, amair_el1);
    write_sysreg(POISON, contextidr_el1);
}

static void forget_exceptions(void)
{
    write_sysreg(POISON, vbar_el2);
    write_sysreg(POISON, elr_el2);
    write_sysreg(POISON, spsr_el2);
    write_sysreg(POISON, esr_el2);
    write_sysreg(POISON, far_el2);
    write_sysreg(POISON, hpfar_el2);
    write_sysreg(POISON, afsr0_el2);
    write_sysreg(POISON, afsr1_el2);
    write_sysreg(POISON, sp_el2);
    write_sysreg(POISON, vbar_el1);
    write_sysreg(POISON, elr_el1);
    write_sysreg(POISON, spsr_el1);
    write_sysreg(POISON, esr_el1);
    write_sysreg(POISON, far_el1);
    write_sysreg(POISON, par_el1);
    write_sysreg(POISON, afsr0_el1);
    write_sysreg(POISON, afsr1_el1);
    write_sysreg(POISON, sp_el1);
    write_sysreg(POISON, sp_el0);
}

static void forget_controls(void)
{
    write_sysreg(POISON, cptr_el2);
    write_sysreg(POISON, hstr_el2);
    write_sysreg(POISON, hacr_el2);
    write_sysreg(POISON, vpidr_el2);
    write_sysreg(POISON, vmpidr_el2);
    write_sysreg(POISON, tpidr_el2);
    write_sysreg(POISON, cpacr_el1);
    write_sysreg(POISON, csselr_el1);
    write_sysreg(POISON, tpidr_el1);
    write_sysreg(POISON, tpidr_el0);
    write_sysreg(POISON, tpidrro_el0);
    write_sysreg(POISON, cnthctl_el2);
    write_sysreg(POISON, cntvoff_el2);
    write_sysreg(POISON, cntkctl_el1);
}

/* Registers that only AArch32 at EL1 has a use for. */
static void forget_aarch32(void)
{
    if (id_field(read_sysreg(id_aa64pfr0_el1), PFR0_EL1) != 2)
        return;
    write_sysreg(POISON, dacr32_el2);
    write_sysreg(POISON, ifsr32_el2);
    write_sysreg(POISON, fpexc32_el2);
    write_sysreg(POISON, spsr_abt);
    write_sysreg(POISON, spsr_und);
    write_sysreg(POISON, spsr_irq);
    write_sysreg(POISON, spsr_fiq);
}

/* A register's number is part of the instruction: one line for each that there may be. */
#define EACH_16(op) \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)

/* Off, and the OS lock taken, as after a reset (OSLSR_EL1): none of it can make an exception. */
static void forget_debug(void)
{
    uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);
    unsigned breakpoints = id_field(dfr0, DFR0_BRPS) + 1, watchpoints = id_field(dfr0, DFR0_WRPS) + 1;

    write_sysreg(1, oslar_el1);
    write_sysreg(0, mdscr_el1);
#define FORGET(n) \
    if (n < breakpoints) { \
        write_sysreg(0, dbgbcr##n##_el1); \
        write_sysreg(POISON, dbgbvr##n##_el1); \
    } \
    if (n < watchpoints) { \
        write_sysreg(0, dbgwcr##n##_el1); \
        write_sysreg(POISON, dbgwvr##n##_el1); \
    }
    EACH_16(FORGET)
#undef FORGET
}

/* MDCR_EL2 with the reset value of HPMN, all counters (Arm ARM, MDCR_EL2); anything above would be unpredictable. */
static void forget_pmu(void)
{
    unsigned version = id_field(read_sysreg(id_aa64dfr0_el1), DFR0_PMUVER), counters;

    write_sysreg(POISON & ~(uint64_t)MDCR_HPMN_MASK, mdcr_el2);
    if (version == 0 || version == 0xf)
        return;
    counters = (read_sysreg(pmcr_el0) >> 11) & 0x1f;
    write_sysreg((POISON & ~(uint64_t)MDCR_HPMN_MASK) | counters, mdcr_el2);
    write_sysreg(0, pmcr_el0);
    write_sysreg(0xffffffff, pmcntenclr_el0);
    write_sysreg(0xffffffff, pmintenclr_el1);
    write_sysreg(0xffffffff, pmovsclr_el0);
    write_sysreg(0, pmuserenr_el0);
    write_sysreg(POISON, pmccntr_el0);
    for (unsigned n = 0; n < counters; n++) {
        write_sysreg(n, pmselr_el0);
        isb();
        write_sysreg(0, pmxevtyper_el0);
        write_sysreg(POISON, pmxevcntr_el0);
    }
}

static void forget_pauth(void)
{
    uint64_t isar1 = read_sysreg(id_aa64isar1_el1), isar2 = read_named_sysreg(ID_AA64ISAR2_EL1);

    if (!id_field(isar1, ISAR1_APA) && !id_field(isar1, ISAR1_API) && !id_field(isar2, ISAR2_APA3))
        return;
    write_named_sysreg(POISON, APIAKEYLO_EL1);
    write_named_sysreg(POISON, APIAKEYHI_EL1);
    write_named_sysreg(POISON, APIBKEYLO_EL1);
    write_named_sysreg(POISON, APIBKEYHI_EL1);
    write_named_sysreg(POISON, APDAKEYLO_EL1);
    write_named_sysreg(POISON, APDAKEYHI_EL1);
    write_named_sysreg(POISON, APDBKEYLO_EL1);
    write_named_sysreg(POISON, APDBKEYHI_EL1);
    write_named_sysreg(POISON, APGAKEYLO_EL1);
    write_named_sysreg(POISON, APGAKEYHI_EL1);
}

static void forget_vhe(void)
{
    uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);

    if (id_field(mmfr1, MMFR1_VH)) {
        write_named_sysreg(POISON, TTBR1_EL2);
        write_named_sysreg(POISON, CONTEXTIDR_EL2);
    }
    if (id_field(mmfr1, MMFR1_LO))
        write_named_sysreg(0, LORC_EL1);
}

static void forget_traps(void)
{
    uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);

    if (id_field(read_sysreg(id_aa64mmfr1_el1), MMFR1_HCX))
        write_named_sysreg(0, HCRX_EL2);
    if (id_field(mmfr0, MMFR0_FGT)) {
        write_named_sysreg(0, HFGRTR_EL2);
        write_named_sysreg(0, HFGWTR_EL2);
        write_named_sysreg(0, HFGITR_EL2);
        write_named_sysreg(0, HDFGRTR_EL2);
        write_named_sysreg(0, HDFGWTR_EL2);
        if (id_field(read_sysreg(id_aa64pfr0_el1), PFR0_AMU))
            write_named_sysreg(0, HAFGRTR_EL2);
    }
    if (id_field(mmfr0, MMFR0_ECV) >= 2)
        write_named_sysreg(0, CNTPOFF_EL2);
}

static void forget_context_numbers(void)
{
    if (id_field(read_sysreg(id_aa64pfr0_el1), PFR0_CSV2) < 2)
        return;
    write_named_sysreg(0, SCXTNUM_EL0);
    write_named_sysreg(0, SCXTNUM_EL1);
    write_named_sysreg(0, SCXTNUM_EL2);
}

static void forget_memory_tags(void)
{
    if (id_field(read_sysreg(id_aa64pfr1_el1), PFR1_MTE) < 2)
        return;
    write_named_sysreg(0, TFSR_EL1);
    write_named_sysreg(0, TFSR_EL2);
    write_named_sysreg(0, TFSRE0_EL1);
    write_named_sysreg(0, RGSR_EL1);
    write_named_sysreg(0, GCR_EL1);
}

static void forget_scalable(void)
{
    if (id_field(read_sysreg(id_aa64pfr1_el1), PFR1_SME)) {
        write_named_sysreg(0, SVCR);   /* ZA is lost with it */
        write_named_sysreg(0, SMCR_EL1);
        write_named_sysreg(0, SMCR_EL2);
        write_named_sysreg(0, SMPRI_EL1);
        write_named_sysreg(0, SMPRIMAP_EL2);
        write_named_sysreg(0, TPIDR2_EL0);
    }
    if (id_field(read_sysreg(id_aa64pfr0_el1), PFR0_SVE)) {
        write_named_sysreg(0, ZCR_EL1);
        write_named_sysreg(0, ZCR_EL2);
        isb();
        forget_sve();
    }
    forget_vectors();
}

static void forget_tlbs(void)
{
    __asm__ volatile("tlbi alle2\n\ttlbi alle1\n\tic iallu\n\tdsb nsh\n\tisb" ::: "memory");
}

void forget_cpu(void)
{
    forget_translation();
    forget_exceptions();
    forget_controls();
    forget_aarch32();
    forget_debug();
    forget_pmu();
    forget_pauth();
    forget_vhe();
    forget_traps();
    forget_context_numbers();
    forget_memory_tags();
    forget_scalable();
    isb();
    forget_tlbs();
}

void forget_timers(void)
{
    write_sysreg(0, cnthp_ctl_el2);
    write_sysreg(0, cnthp_cval_el2);
    write_sysreg(0, cntp_ctl_el0);
    write_sysreg(0, cntp_cval_el0);
    write_sysreg(0, cntv_ctl_el0);
    write_sysreg(0, cntv_cval_el0);
    if (id_field(read_sysreg(id_aa64mmfr1_el1), MMFR1_VH)) {
        write_named_sysreg(0, CNTHV_CTL_EL2);
        write_named_sysreg(0, CNTHV_CVAL_EL2);
    }
    isb();
}
