// SPDX-License-Identifier: Apache-2.0
/*
 * The interrupt controller that the device tree names: GICv2 (Arm IHI 0048) or GICv3 (IHI 0069), behind one set of
 * calls. SGIs and PPIs (INTID below 32) are always those of the vCPU that calls. Register offsets are equal in the
 * GICv2 distributor, the GICv3 distributor, and the SGI frame of a GICv3 redistributor; gic_frame() picks the page.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    GICD_CTLR = 0x000, GICD_TYPER = 0x004, GICD_IIDR = 0x008, GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100, GICD_ICENABLER = 0x180, GICD_ISPENDR = 0x200, GICD_ICPENDR = 0x280,
    GICD_ISACTIVER = 0x300, GICD_ICACTIVER = 0x380, GICD_IPRIORITYR = 0x400, GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00, GICD_SGIR = 0xf00, GICD_CPENDSGIR = 0xf10, GICD_SPENDSGIR = 0xf20,
    GICD_IROUTER = 0x6000, GICD_PIDR2_V3 = 0xffe8,
    GICR_CTLR = 0x00, GICR_TYPER = 0x08, GICR_WAKER = 0x14, GICR_SGI_FRAME = 0x10000, GICR_STRIDE = 0x20000,
    GICC_CTLR = 0x00, GICC_PMR = 0x04, GICC_BPR = 0x08, GICC_IAR = 0x0c, GICC_EOIR = 0x10, GICC_RPR = 0x14,
    GICC_HPPIR = 0x18, GICC_IIDR = 0xfc, GICC_DIR = 0x1000,
};
enum { GIC_PRIORITY_DEFAULT = 0xa0, GIC_SPURIOUS = 1023 };

/* Distributor and this vCPU: everything disabled, priorities GIC_PRIORITY_DEFAULT, all priorities let through. */
void gic_init(void);
void gic_init_cpu(void);

/* Address of the page that holds the bits of `intid`. */
uint64_t gic_frame(unsigned intid);

void gic_enable(unsigned intid);
void gic_disable(unsigned intid);
void gic_pend(unsigned intid);
void gic_unpend(unsigned intid);
bool gic_is_pending(unsigned intid);
bool gic_is_active(unsigned intid);
void gic_set_priority(unsigned intid, uint8_t priority);
void gic_set_edge(unsigned intid, bool edge);

/* To the vCPU with that number; or to all but the caller. */
void gic_send_sgi(unsigned sgi, unsigned vcpu);
void gic_send_sgi_others(unsigned sgi);

/* Acknowledge, end, and the masks of the CPU interface. gic_ack() returns the register's value: for a GICv2 SGI the
 * source vCPU is in bits 12:10, and gic_eoi() wants it back. */
unsigned gic_ack(void);
void gic_eoi(unsigned ack);
void gic_set_mask(uint8_t pmr);
uint8_t gic_running_priority(void);
unsigned gic_highest_pending(void);
