// SPDX-License-Identifier: Apache-2.0
/* See gic.h. The only difference between the versions that reaches beyond this file is the value of gic_ack(). */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/platform.h"

enum {
    CTLR_V2_ENABLE = 1, CTLR_V3_ENABLE_G1 = 2, CTLR_V3_ARE = 1 << 4, CTLR_RWP = 1u << 31,
    WAKER_SLEEP = 2, WAKER_ASLEEP = 4,
    SGIR_OTHERS = 1 << 24, SGI1R_IRM_SHIFT = 40,
};

static bool is_v3(void) { return platform.gic_version == 3; }

uint64_t gic_frame(unsigned intid)
{
    return is_v3() && intid < 32 ? this_cpu()->redistributor + GICR_SGI_FRAME : platform.gicd;
}

static uint64_t bit_register(unsigned intid, unsigned group)
{
    return gic_frame(intid) + group + intid / 32 * 4;
}

static void bit_write(unsigned intid, unsigned group)
{
    mmio_write32(bit_register(intid, group), 1u << intid % 32);
}

static bool bit_read(unsigned intid, unsigned group)
{
    return mmio_read32(bit_register(intid, group)) >> intid % 32 & 1;
}

void gic_enable(unsigned intid) { bit_write(intid, GICD_ISENABLER); }
void gic_disable(unsigned intid) { bit_write(intid, GICD_ICENABLER); }
void gic_pend(unsigned intid) { bit_write(intid, GICD_ISPENDR); }
void gic_unpend(unsigned intid) { bit_write(intid, GICD_ICPENDR); }
bool gic_is_pending(unsigned intid) { return bit_read(intid, GICD_ISPENDR); }
bool gic_is_active(unsigned intid) { return bit_read(intid, GICD_ISACTIVER); }

void gic_set_priority(unsigned intid, uint8_t priority)
{
    mmio_write8(gic_frame(intid) + GICD_IPRIORITYR + intid, priority);
}

void gic_set_edge(unsigned intid, bool edge)
{
    uint64_t a = gic_frame(intid) + GICD_ICFGR + intid / 16 * 4;
    uint32_t bit = 2u << intid % 16 * 2, v = mmio_read32(a);

    mmio_write32(a, edge ? v | bit : v & ~bit);
}

/* The frames lie side by side, in the order of the vCPUs; GICR_TYPER says whose each is. */
static void redistributor_find(void)
{
    uint64_t r = platform.gicr, affinity = sysreg_read(mpidr_el1) & 0xff00ffffff;

    affinity = (affinity & 0xffffff) | affinity >> 32 << 24;
    for (;; r += GICR_STRIDE) {
        uint64_t typer = mmio_read64(r + GICR_TYPER);

        if (typer >> 32 == affinity)
            break;
        if (typer & BIT(4))
            panic("vCPU %u has no redistributor", this_cpu()->id);
    }
    this_cpu()->redistributor = r;
    mmio_write32(r + GICR_WAKER, mmio_read32(r + GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
    while (mmio_read32(r + GICR_WAKER) & WAKER_ASLEEP)
        ;
}

void gic_init(void)
{
    uint64_t d = platform.gicd;
    unsigned lines = ((mmio_read32(d + GICD_TYPER) & 0x1f) + 1) * 32;

    for (unsigned i = 32; i < lines; i += 32) {
        mmio_write32(d + GICD_ICENABLER + i / 8, ~0u);
        if (is_v3())
            mmio_write32(d + GICD_IGROUPR + i / 8, ~0u);
    }
    for (unsigned i = 32; i < lines; i += 4)
        mmio_write32(d + GICD_IPRIORITYR + i, GIC_PRIORITY_DEFAULT * 0x01010101u);
    mmio_write32(d + GICD_CTLR, is_v3() ? CTLR_V3_ARE | CTLR_V3_ENABLE_G1 : CTLR_V2_ENABLE);
    gic_init_cpu();
}

void gic_init_cpu(void)
{
    if (is_v3()) {
        redistributor_find();
        sysreg_write(icc_sre_el1, 7);
        isb();
    }
    uint64_t f = gic_frame(0);
    mmio_write32(f + GICD_ICENABLER, ~0u);
    if (is_v3())
        mmio_write32(f + GICD_IGROUPR, ~0u);
    for (unsigned i = 0; i < 32; i += 4)
        mmio_write32(f + GICD_IPRIORITYR + i, GIC_PRIORITY_DEFAULT * 0x01010101u);
    mmio_write32(f + GICD_ISENABLER, 0xffff);   /* SGIs */
    if (is_v3()) {
        sysreg_write(icc_bpr1_el1, 0);
        sysreg_write(icc_ctlr_el1, 0);
        sysreg_write(icc_igrpen1_el1, 1);
    } else {
        mmio_write32(platform.gicc + GICC_BPR, 0);
        mmio_write32(platform.gicc + GICC_CTLR, 1);
    }
    gic_set_mask(0xff);
    isb();
}

void gic_send_sgi(unsigned sgi, unsigned vcpu)
{
    dsb();
    if (is_v3()) {
        sysreg_write(icc_sgi1r_el1, (uint64_t)sgi << 24 | BIT(vcpu));
        isb();
    } else {
        mmio_write32(platform.gicd + GICD_SGIR, sgi | 1u << (16 + vcpu));
    }
}

void gic_send_sgi_others(unsigned sgi)
{
    dsb();
    if (is_v3()) {
        sysreg_write(icc_sgi1r_el1, (uint64_t)sgi << 24 | BIT(SGI1R_IRM_SHIFT));
        isb();
    } else {
        mmio_write32(platform.gicd + GICD_SGIR, sgi | SGIR_OTHERS);
    }
}

unsigned gic_ack(void)
{
    if (is_v3()) {
        unsigned v = (unsigned)sysreg_read(icc_iar1_el1);

        dsb();
        return v;
    }
    return mmio_read32(platform.gicc + GICC_IAR);
}

void gic_eoi(unsigned ack)
{
    if (is_v3()) {
        sysreg_write(icc_eoir1_el1, ack);
        isb();
    } else {
        mmio_write32(platform.gicc + GICC_EOIR, ack);
    }
}

void gic_set_mask(uint8_t pmr)
{
    if (is_v3()) {
        sysreg_write(icc_pmr_el1, pmr);
        isb();
    } else {
        mmio_write32(platform.gicc + GICC_PMR, pmr);
    }
}

uint8_t gic_running_priority(void)
{
    return (uint8_t)(is_v3() ? sysreg_read(icc_rpr_el1) : mmio_read32(platform.gicc + GICC_RPR));
}

unsigned gic_highest_pending(void)
{
    return (unsigned)(is_v3() ? sysreg_read(icc_hppir1_el1) : mmio_read32(platform.gicc + GICC_HPPIR)) & 0x3ff;
}
