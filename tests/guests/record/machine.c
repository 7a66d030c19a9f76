// SPDX-License-Identifier: Apache-2.0
/*
 * The state of vCPU 0: it is in the middle of an interrupt, interrupts masked; its controller, its timers and EL1's
 * registers have values that it knows.
 */
#include "tests/guests/record/record.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"

/* --- The interrupt controller --- */

/* An SPI that vCPU 0 has acknowledged and not ended, ones that are pending and wait, and ones in every other state. */
static unsigned taken;    /* the interrupt acknowledged and not ended */

enum { SPI_TAKEN = 40, SPI_FIRST = 41, SPI_COUNT = 8, PPI_FIRST = 20, PPI_COUNT = 5, SGI_PENDING = 9 };

static void gic_fill_one(unsigned intid, unsigned state)
{
    gic_set_priority(intid, (uint8_t)(0x48 + 8 * state));
    if (intid >= 32)
        gic_set_edge(intid, state & 1);
    if (state & 2)
        mmio_write32(gic_frame(intid) + GICD_ISACTIVER + intid / 32 * 4, 1u << intid % 32);
    if (state & 4)
        gic_pend(intid);
    if (!(state & 8) && !(state & 4))
        gic_enable(intid);
}

static void route(unsigned intid, unsigned vcpu)
{
    if (platform.gic_version == 3)
        mmio_write64(platform.gicd + GICD_IROUTER + intid * 8, vcpu);
    else
        mmio_write8(platform.gicd + GICD_ITARGETSR + intid, (uint8_t)(1u << vcpu));
}

static uint64_t route_of(unsigned intid)
{
    return platform.gic_version == 3 ? mmio_read64(platform.gicd + GICD_IROUTER + intid * 8)
                                     : mmio_read8(platform.gicd + GICD_ITARGETSR + intid);
}

static void gic_fill(void)
{
    for (unsigned i = 0; i < SPI_COUNT; i++) {
        gic_fill_one(SPI_FIRST + i, i);
        route(SPI_FIRST + i, i % 4);
    }
    for (unsigned i = 0; i < PPI_COUNT; i++)
        gic_fill_one(PPI_FIRST + i, i + 3);
    /* pending, above the one that this vCPU is in the middle of, so that it stays so */
    gic_set_priority(SGI_PENDING, 0xe0);
    gic_send_sgi(SGI_PENDING, 0);
    gic_set_priority(SPI_TAKEN, 0x30);
    gic_set_edge(SPI_TAKEN, true);
    gic_enable(SPI_TAKEN);
    gic_pend(SPI_TAKEN);
    isb();
    taken = gic_ack();
    if ((taken & 0x3ff) != SPI_TAKEN)
        panic("record: took %u instead of its own interrupt", taken);
    gic_set_mask(0xe8);
}

/* An interrupt that is pending and enabled would end a suspend before it began. */
static void gic_calm(void)
{
    unsigned ack;

    gic_eoi(taken);
    while (((ack = gic_ack()) & 0x3ff) < 1020)
        gic_eoi(ack);
    vcpu_info_of(0)->evtchn_upcall_pending = 0;   /* its interrupt was among them */
}

static void gic_see(void)
{
    static const uint16_t banks[] = { GICD_IGROUPR, GICD_ISENABLER, GICD_ISPENDR, GICD_ISACTIVER };

    see("GICD_CTLR", 0, mmio_read32(platform.gicd + GICD_CTLR));
    for (unsigned b = 0; b < ARRAY_SIZE(banks); b++)
        for (unsigned i = 0; i < 64; i += 32)
            see("GICD", banks[b] + i / 8, mmio_read32(gic_frame(i) + banks[b] + i / 8));
    for (unsigned i = 0; i < 64; i += 4)
        see("GICD_IPRIORITYR", i, mmio_read32(gic_frame(i) + GICD_IPRIORITYR + i));
    for (unsigned i = 0; i < 64; i += 16)
        see("GICD_ICFGR", i, mmio_read32(gic_frame(i) + GICD_ICFGR + i / 4));
    for (unsigned i = SPI_TAKEN; i < 64; i++)
        see("route", i, route_of(i));
    see("running priority", 0, gic_running_priority());
    see("highest pending", 0, gic_highest_pending());
    if (platform.gic_version == 3) {
        see("ICC_PMR", 0, sysreg_read(icc_pmr_el1));
        see("ICC_BPR1", 0, sysreg_read(icc_bpr1_el1));
        see("ICC_CTLR", 0, sysreg_read(icc_ctlr_el1));
        see("ICC_IGRPEN1", 0, sysreg_read(icc_igrpen1_el1));
    } else {
        see("GICC_PMR", 0, mmio_read32(platform.gicc + GICC_PMR));
        see("GICC_BPR", 0, mmio_read32(platform.gicc + GICC_BPR));
        see("GICC_CTLR", 0, mmio_read32(platform.gicc + GICC_CTLR));
        for (unsigned i = 0; i < 16; i += 4)
            see("GICD_CPENDSGIR", i, mmio_read32(platform.gicd + GICD_CPENDSGIR + i));
    }
}

/* --- Registers of EL1 --- */

#define EL1_REGISTERS(X) \
    X(sp_el0) X(elr_el1) X(spsr_el1) X(esr_el1) X(far_el1) X(afsr0_el1) X(afsr1_el1) X(contextidr_el1) X(tpidr_el0) \
    X(tpidrro_el0) X(par_el1) X(cntkctl_el1) X(csselr_el1)

static void el1_fill(void)
{
    uint64_t value = 0x1111222233334440;

#define FILL(name) sysreg_write(name, value += 0x10);
    EL1_REGISTERS(FILL)
#undef FILL
    sysreg_write(cntkctl_el1, 3);
    sysreg_write(csselr_el1, 2);
    isb();
}

static void el1_see(void)
{
#define SEE(name) see(#name, 0, sysreg_read(name));
    EL1_REGISTERS(SEE)
    SEE(sctlr_el1) SEE(cpacr_el1) SEE(ttbr0_el1) SEE(ttbr1_el1) SEE(tcr_el1) SEE(mair_el1) SEE(amair_el1) SEE(vbar_el1)
    SEE(tpidr_el1) SEE(midr_el1) SEE(mpidr_el1) SEE(ctr_el0) SEE(cntfrq_el0) SEE(id_aa64pfr0_el1) SEE(id_aa64pfr1_el1)
    SEE(id_aa64dfr0_el1) SEE(id_aa64isar0_el1) SEE(id_aa64isar1_el1) SEE(id_aa64mmfr0_el1) SEE(id_aa64mmfr1_el1)
    SEE(id_pfr0_el1) SEE(id_isar5_el1) SEE(mvfr0_el1)
#undef SEE
}

/*
 * --- Timers: this vCPU's own, which do not come; what they are compared with cannot jump, for that is another vCPU's
 * tick ---
 */

static void timers_fill(void)
{
    sysreg_write(cntv_cval_el0, 0x7123456789abcdef);
    sysreg_write(cntv_ctl_el0, TIMER_ENABLE | TIMER_IMASK);
    sysreg_write(cntp_cval_el0, 0x7fedcba987654321);
    sysreg_write(cntp_ctl_el0, TIMER_ENABLE);
    isb();
}

static void timers_see(void)
{
    see("CNTV_CVAL", 0, sysreg_read(cntv_cval_el0));
    see("CNTV_CTL", 0, sysreg_read(cntv_ctl_el0));
    see("CNTP_CVAL", 0, sysreg_read(cntp_cval_el0));
    see("CNTP_CTL", 0, sysreg_read(cntp_ctl_el0));
}

void machine_fill(void)
{
    gic_fill();
    timers_fill();
    el1_fill();
}

void machine_see(void)
{
    el1_see();
    timers_see();
    gic_see();
}

void machine_prepare_to_sleep(void) { gic_calm(); }
void machine_wake(void) { el1_fill(); }
