// SPDX-License-Identifier: Apache-2.0
#include "firmware/gic.h"

#include "arch/io.h"
#include "firmware/gic_ops.h"
#include "firmware/machine.h"
#include "firmware/sysreg.h"

/* IHI 0069 12.19 */
#define GITS_CTLR       0x0000
#define GITS_CTLR_QUIESCENT (BIT(31))
#define GITS_CBASER     0x0080
#define GITS_CWRITER    0x0088
#define GITS_BASER      0x0100
#define GITS_BASERS     8

static const struct gic_ops *ops;
static uint64_t its_base;   /* 0: none */

static void write_gicd(uint32_t v, uint64_t offset) { mmio_write32(v, machine_register(MACHINE_GICD, offset)); }

unsigned gicd_words(void)
{
    return (mmio_read32(machine_register(MACHINE_GICD, GICD_TYPER)) & 0x1f) + 1;
}

/*
 * Registers `first` to `end` of a bitmap; two bits an interrupt and eight bits an interrupt have so many times more of
 * them.
 */
static void fill(volatile char *frame, uint64_t offset, unsigned first, unsigned end, unsigned bits, uint32_t v)
{
    for (unsigned i = first * bits; i < end * bits; i++)
        mmio_write32(v, frame + offset + i * 4);
}

void gicd_clear_active(volatile char *frame, unsigned first, unsigned end)
{
    fill(frame, GICD_ICACTIVER, first, end, 1, ~0u);
}

static void reset_range(volatile char *frame, unsigned first, unsigned end)
{
    fill(frame, GICD_ICENABLER, first, end, 1, ~0u);
    gicd_clear_active(frame, first, end);
    fill(frame, GICD_IGROUPR, first, end, 1, ~0u);
    fill(frame, GICD_IPRIORITYR, first, end, 8, ALL_LOWEST);
    fill(frame, GICD_ICFGR, first, end, 2, 0);
    fill(frame, GICD_ICPENDR, first, end, 1, ~0u);   /* last: former edges are levels now */
}

void gicd_reset_spis(void) { reset_range(machine_register(MACHINE_GICD, 0), 1, gicd_words()); }

void gicd_reset_private(volatile char *frame)
{
    reset_range(frame, 0, 1);
    mmio_write32(~(uint32_t)BIT(KNOCK), frame + GICD_IGROUPR);
    mmio_write8(0, frame + GICD_IPRIORITYR + KNOCK);
    mmio_write32((uint32_t)BIT(KNOCK), frame + GICD_ISENABLER);
}

static void reset_its(void)
{
    volatile char *its = machine_register(its_base, 0);

    mmio_write32(0, its + GITS_CTLR);
    while (!(mmio_read32(its + GITS_CTLR) & GITS_CTLR_QUIESCENT))
        ;
    for (unsigned i = 0; i < GITS_BASERS; i++)
        mmio_write64(0, its + GITS_BASER + i * 8);
    mmio_write64(0, its + GITS_CBASER);
    mmio_write64(0, its + GITS_CWRITER);
}

void gic_init(uint64_t its)
{
    its_base = its;
    ops = id_field(read_sysreg(id_aa64pfr0_el1), PFR0_GIC) ? &gicv3_ops : &gicv2_ops;
    ops->init();
    gic_reset_shared();
}

void gic_mark_started(void)
{
    write_gicd(mmio_read32(machine_register(MACHINE_GICD, GICD_CTLR)) | GICD_CTLR_GRP0, GICD_CTLR);
}

void gic_reset_shared(void)
{
    ops->reset_shared();
    if (its_base)
        reset_its();
}

void gic_reset_private(void) { ops->reset_private(); }
void gic_reset_interface(void) { ops->reset_interface(); }
void gic_listen(bool all) { ops->listen(all); }
void gic_knock(unsigned cpu) { ops->knock(cpu); }
void gic_listen_for_knock(bool listen) { ops->listen_for_knock(listen); }
bool gic_take_knock(void) { return ops->take_knock(); }
