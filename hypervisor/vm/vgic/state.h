// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller's state: the structs that are part of struct domain and struct vcpu.
 *
 * A virtual interrupt is in one of three places: idle (nothing to deliver), in the queue of the vCPU that
 * holds it (wants a list register), or in one of that vCPU's list registers. While it is in a list register, the
 * register has the state that was given to it (`given`), and the fields here have the changes since then; taking it
 * back (absorbing) joins the two.
 */
#pragma once

#include "dev/gic.h"
#include "lib/base.h"
#include "lib/list.h"
#include "arch/lock.h"

#define VGIC_NR_PRIVATE 32
#define VGIC_NR_SGIS    16
#define VGIC_MAX_SPIS   960
#define VGIC_NO_LR      0xff

struct vcpu;
struct cpu;
struct domain;

struct virq {
    struct list node;            /* in the holder's queue while `queued` */
    struct vcpu *target;         /* where it goes next */
    struct vcpu *holder;         /* in whose queue or list register it is */
    uint64_t route;              /* SPIs: GICD_IROUTER as written, or the GICD_ITARGETSR byte */
    uint16_t intid;
    uint16_t hw_irq;             /* the physical interrupt that feeds it; 0: none */
    uint8_t priority;
    uint8_t lr;                  /* the holder's list register, or VGIC_NO_LR */
    uint8_t sources;             /* GICv2 SGIs: CPUs whose SGI is pending */
    uint8_t active_source;       /* GICv2 SGIs: CPU whose SGI is active */
    struct {                     /* to the list register */
        bool pending, latch, hw_active;
        uint8_t source_bit;
    } given;
    struct {                     /* the guest wrote it while another CPU had the list register */
        bool clear_pending, clear_active, set_active;
    } asked;
    bool queued;
    bool enabled;
    bool level;                  /* GICD_ICFGR */
    bool group1;
    bool latch;                  /* an edge came, or GICD_ISPENDR was written */
    bool line;                   /* the emulated device's output */
    bool active;                 /* in a list register: as last seen */
    bool hw_active;              /* the physical interrupt is active and waits for this one's end */
    bool reserved;               /* SPIs: taken by vgic_reserve_spi or a route */
};

/* GICv3: a region of emulated redistributors, for the vCPUs from `first` on. */
struct vgic_region {
    struct domain_vgic *vgic;
    unsigned first, count;
    uint64_t stride;             /* from one to the next, bytes */
};

struct domain_vgic {
    struct spinlock lock;        /* all of it, and every vCPU's struct vcpu_vgic */
    struct domain *domain;
    unsigned version;            /* 2 or 3; 0: none yet */
    unsigned nr_spis;
    uint32_t typer;              /* GICD_TYPER */
    uint32_t ctlr_fixed;         /* bits of GICD_CTLR that are always set */
    struct virq *spis PT_GUARDED_BY(lock);
    bool group_enabled[2] GUARDED_BY(lock);   /* GICD_CTLR */
    uint64_t kicks[2] GUARDED_BY(lock);       /* vCPUs to kick when the lock is dropped */
    struct vgic_region regions[ARRAY_SIZE(((struct gic_info *)0)->redistributors)];
};

/* Guarded by the domain's vgic.lock, but for fields whose comment says otherwise. */
struct vcpu_vgic {
    struct virq private[VGIC_NR_PRIVATE];
    struct list queue;           /* by priority, active ones first among equals */
    struct virq *lrs[GIC_MAX_LRS];
    uint32_t used;               /* list registers that hold something of ours, as far as we have looked */
    /* list registers to be written before the guest runs: the interrupts in them were taken back */
    uint32_t stale;
    uint32_t hw_private;         /* bitmap: private interrupts that a physical one feeds */
    uint32_t maintenance;        /* GIC_MAINT_* as set in the CPU interface */
    bool refold;                 /* list registers are out of date */
    bool asleep;                 /* GICv3: GICR_WAKER.ProcessorSleep */
    struct cpu *resident;        /* whose list registers hold our state; NULL: it is all in memory */
    struct gic_vcpu_state interface;   /* while not resident */
};
