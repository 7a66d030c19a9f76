// SPDX-License-Identifier: Apache-2.0
/* GICv2 (IHI 0048): all by MMIO, private interrupts and interfaces are banked: each CPU reaches only its own. */
#include "arch/barrier.h"
#include "arch/io.h"
#include "firmware/gic_ops.h"
#include "firmware/machine.h"

/* 4.3 */
#define GICD_ITARGETSR  0x0800
#define GICD_SGIR       0x0f00
#define GICD_SGIR_TARGETS_SHIFT 16
#define GICD_CPENDSGIR  0x0f10
#define SGI_WORDS       4

/* 4.4, the secure view */
#define GICC_CTLR       0x0000
#define GICC_CTLR_GRP0  (1u << 0)
#define GICC_CTLR_GRP1  (1u << 1)
#define GICC_CTLR_FIQEN (1u << 3)
#define GICC_PMR        0x0004
#define GICC_BPR        0x0008
#define GICC_IAR        0x000c
#define GICC_EOIR       0x0010
#define GICC_ABPR       0x001c
#define GICC_APR        0x00d0
#define GICC_NSAPR      0x00e0
#define GICC_APRS       4
#define IAR_INTID_MASK  0x3ffu

/* 5.3 */
#define GICH_HCR        0x0000
#define GICH_VTR        0x0004
#define GICH_VMCR       0x0008
#define GICH_APR        0x00f0
#define GICH_LR         0x0100
#define GICH_LR_POISON  (LR_POISON_INTID | 1u << 28 | 1u << 30)   /* pending, group 1, the highest priority */

static void dist(uint32_t v, uint64_t offset) { mmio_write32(v, machine_register(MACHINE_GICD, offset)); }
static void cpu_interface(uint32_t v, uint64_t offset) { mmio_write32(v, machine_register(MACHINE_GICC, offset)); }
static void virtual_interface(uint32_t v, uint64_t offset) { mmio_write32(v, machine_register(MACHINE_GICH, offset)); }

static void v2_init(void) {}

static void v2_reset_shared(void)
{
    uint32_t control = mmio_read32(machine_register(MACHINE_GICD, GICD_CTLR));

    dist(control & GICD_CTLR_GRP0, GICD_CTLR);
    gicd_reset_spis();
    for (unsigned i = 32; i < gicd_words() * 32; i += 4)
        dist(0, GICD_ITARGETSR + i);
}

static void v2_reset_private(void)
{
    for (unsigned i = 0; i < SGI_WORDS; i++)
        dist(~0u, GICD_CPENDSGIR + i * 4);
    gicd_reset_private(machine_register(MACHINE_GICD, 0));
}

static void clear_active_priorities(void)
{
    for (unsigned i = 0; i < GICC_APRS; i++) {
        cpu_interface(0, GICC_APR + i * 4);
        cpu_interface(0, GICC_NSAPR + i * 4);
    }
}

static void v2_reset_interface(void)
{
    unsigned list_registers = (mmio_read32(machine_register(MACHINE_GICH, GICH_VTR)) & 0x3f) + 1;

    cpu_interface(0, GICC_CTLR);
    cpu_interface(PMR_CLOSED, GICC_PMR);
    cpu_interface(7, GICC_BPR);
    cpu_interface(7, GICC_ABPR);
    clear_active_priorities();
    virtual_interface(0, GICH_HCR);
    virtual_interface(~0u, GICH_VMCR);
    virtual_interface(~0u, GICH_APR);
    for (unsigned i = 0; i < list_registers; i++)
        virtual_interface(GICH_LR_POISON, GICH_LR + i * 4);
}

static void v2_listen(bool all)
{
    virtual_interface(0, GICH_HCR);
    clear_active_priorities();
    cpu_interface(PMR_OPEN, GICC_PMR);
    cpu_interface(GICC_CTLR_GRP1, GICC_CTLR);
    if (!all)
        return;
    gicd_clear_active(machine_register(MACHINE_GICD, 0), 0, gicd_words());
    dist(GICD_CTLR_GRP0 | GICD_CTLR_GRP1, GICD_CTLR);
}

static void v2_knock(unsigned cpu)
{
    dsb_sy();
    dist(1u << (cpu + GICD_SGIR_TARGETS_SHIFT) | KNOCK, GICD_SGIR);
}

static void v2_listen_for_knock(bool listen)
{
    cpu_interface(listen ? PMR_OPEN : PMR_CLOSED, GICC_PMR);
    cpu_interface(listen ? GICC_CTLR_GRP0 | GICC_CTLR_FIQEN : 0, GICC_CTLR);
}

static bool v2_take_knock(void)
{
    uint32_t taken = mmio_read32(machine_register(MACHINE_GICC, GICC_IAR));

    if ((taken & IAR_INTID_MASK) != KNOCK)
        return false;
    cpu_interface(taken, GICC_EOIR);
    return true;
}

const struct gic_ops gicv2_ops = {
    .init = v2_init,
    .reset_shared = v2_reset_shared,
    .reset_private = v2_reset_private,
    .reset_interface = v2_reset_interface,
    .listen = v2_listen,
    .knock = v2_knock,
    .listen_for_knock = v2_listen_for_knock,
    .take_knock = v2_take_knock,
};
