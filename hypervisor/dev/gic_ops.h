// SPDX-License-Identifier: Apache-2.0
/*
 * Between gicv2.c, gicv3.c and gic.c: one table of operations each, and the distributor's registers that both have
 * in common (IHI 0048 4.3, IHI 0069 12.9).
 */
#pragma once

#include "dev/gic.h"
#include "arch/lock.h"

#define GICD_CTLR        0x0000
#define GICD_TYPER       0x0004
#define GICD_TYPER_MBIS  (1u << 16)
#define GICD_IIDR        0x0008
#define GICD_SETSPI_NSR  0x0040   /* GICv3 */
#define GICD_CLRSPI_NSR  0x0048
#define GICD_IGROUPR     0x0080
#define GICD_ISENABLER   0x0100
#define GICD_ICENABLER   0x0180
#define GICD_ISPENDR     0x0200
#define GICD_ICPENDR     0x0280
#define GICD_ISACTIVER   0x0300
#define GICD_ICACTIVER   0x0380
#define GICD_IPRIORITYR  0x0400
#define GICD_ITARGETSR   0x0800
#define GICD_ICFGR       0x0c00

/* One priority for everything physical: guests' priorities are the virtual interface's matter. */
#define GIC_PRIORITY     0xa0u

/* The frame whose bitmap registers speak for irq: the distributor, or this CPU's redistributor for private ones. */
typedef volatile char *gic_frame;

struct gic_ops {
    void (*distributor_init)(void);         /* everything off, and the distributor on */
    int (*cpu_init)(void);
    void (*cpu_exit)(void);                 /* this CPU takes no interrupt any more */
    uint32_t (*ack)(void);
    void (*drop_priority)(uint32_t ack);
    void (*deactivate)(uint32_t ack);
    gic_frame (*frame)(unsigned irq);
    void (*frame_wait)(unsigned irq);       /* until a write to a bitmap register has taken effect */
    void (*set_target)(unsigned irq, unsigned cpu);
    uint64_t (*read_target)(unsigned irq);  /* SPIs; as the register says */
    void (*write_target)(unsigned irq, uint64_t raw);
    uint64_t (*target_of)(unsigned cpu);    /* read_target()'s answer for it */
    void (*send_sgi)(unsigned cpu, unsigned sgi);
    void (*clear_sgis)(void);               /* those that wait for this CPU */
    uint64_t (*lr_encode)(const struct gic_lr *lr);
    void (*lr_decode)(uint64_t raw, struct gic_lr *lr);
    void (*lr_write)(unsigned n, uint64_t raw);
    uint64_t (*lr_read)(unsigned n);
    uint32_t (*lrs_empty)(void);
    bool (*lr_pend_again)(unsigned n, unsigned source, bool hw);
    uint32_t (*read_vmcr)(void);
    void (*vmcr_decode)(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2]);
    uint32_t (*vmcr_reset)(void);
    uint32_t vmcr_fields;
    void (*set_maintenance)(uint32_t reasons);
    unsigned (*take_eoi_count)(void);
    void (*vcpu_save)(struct gic_vcpu_state *s);
    void (*vcpu_load)(const struct gic_vcpu_state *s);
};

/*
 * From gic's addresses: maps the registers, sets up the distributor, fills the rest of gic. NULL after a line on the
 * console.
 */
const struct gic_ops *gicv2_probe(void);
const struct gic_ops *gicv3_probe(void);

/* The version's, for gic_sleep.c. */
const struct gic_ops *gic_operations(void);

/*
 * For its.c: a CPU's redistributor, once the CPU was on; how an ITS's commands name it (IHI 0069 5.3: by address, or
 * by its number); the distributor's GICD_TYPER.
 */
gic_frame gicv3_redistributor(unsigned cpu);
uint64_t gicv3_redistributor_target(unsigned cpu, bool by_address);
uint32_t gicv3_distributor_typer(void);

/* Every SPI disabled, inactive, not pending, level, at GIC_PRIORITY; group1: also in group 1. */
void gic_reset_spis(gic_frame distributor, bool group1);
/* The same for the private ones of this CPU; SGIs enabled. */
void gic_reset_private(gic_frame frame, bool group1);
