// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's interrupt controller, GICv2 or GICv3, found from the device tree. EOImode is 1: gic_ack() and
 * gic_drop_priority() bracket handling; a guest's interrupt is deactivated by the guest through its list register,
 * ours by gic_deactivate(). (GICv3 IHI 0069, GICv2 IHI 0048.)
 */
#pragma once

#include "lib/base.h"

#define GIC_SPURIOUS  1023u
#define GIC_MAX_LRS   16

/* SGIs the hypervisor sends to itself. */
#define SGI_KICK      0u
#define SGI_STOP      1u

enum gic_type { GIC_LEVEL_HIGH, GIC_EDGE_RISING };

/* A list register in our own terms; the drivers encode it. */
struct gic_lr {
    uint16_t intid;
    uint16_t hw_irq;      /* physical interrupt to deactivate; meaningful with hw */
    uint8_t priority;     /* 8 bits as in GICD_IPRIORITYR */
    uint8_t source;       /* GICv2 SGIs: the CPU that sent it */
    bool pending, active, hw, eoi_interrupt, group1;   /* eoi_interrupt: not together with hw */
};

/* The rest of the virtual CPU interface, as saved and loaded on a switch. */
struct gic_vcpu_state {
    uint32_t vmcr;
    uint32_t apr[8];            /* GICv2: apr[0]; GICv3: AP0R0..3, AP1R0..3 */
};

/* Reasons for the maintenance interrupt beside eoi_interrupt. */
#define GIC_MAINT_UNDERFLOW   1u   /* at most one list register is in use */
#define GIC_MAINT_NO_PENDING  2u   /* none is pending */
#define GIC_MAINT_EOI_COUNT   4u   /* an interrupt that is in no list register was ended */

/* Where devices write to cause SPIs (GICv2m: SBSA DEN0029, appendix I). */
#define GIC_MESSAGE_FRAMES 4

struct gic_message_frame {
    uint64_t base, size;
    unsigned first, count;      /* INTIDs */
    uint32_t phandle;
};

struct gic_info {
    unsigned version;           /* 2 or 3 */
    unsigned nr_irqs;           /* INTIDs incl. private ones, <= 1020 */
    unsigned nr_lrs;
    unsigned priority_bits;     /* of the virtual interface */
    uint64_t distributor, distributor_size;
    uint64_t cpu_interface, cpu_interface_size;      /* GICv2 */
    uint64_t hypervisor_interface, hypervisor_interface_size;
    uint64_t virtual_interface, virtual_interface_size;  /* GICv2: GICV, given to guests as their GICC */
    struct { uint64_t base, size; } redistributors[8];
    unsigned redistributor_regions;
    uint32_t redistributor_stride;
    struct gic_message_frame message_frames[GIC_MESSAGE_FRAMES];   /* GICv2 */
    unsigned message_frame_count;
    struct { uint64_t base, size; uint32_t phandle; } its;   /* GICv3; base 0: there is none */
    unsigned maintenance_irq;
    bool lr_deactivates;        /* a list register with hw set deactivates the physical interrupt reliably */
};
extern struct gic_info gic;

/* From the flattened device tree at boot. Prints one line and returns -errno for a GIC that cannot be used. */
int gic_init(const void *fdt);
/* This CPU's interface (and redistributor): -ENODEV if there is none. Off, it takes no interrupt any more. */
struct cpu_stage;
extern const struct cpu_stage gic_cpu_stage;

/*
 * A host sleep: enter keeps the distributor's and this CPU's registers; leave sets them up anew from there, for they
 * may be lost. Levels that devices assert are pending again by themselves; edges that came meanwhile are there if the
 * hardware kept them.
 */
struct sleep_stage;
extern const struct sleep_stage gic_stage;
/* SPIs that went to CPU `from`, which will not come back, go to `to`. */
void gic_evict(unsigned from, unsigned to);

/* Operations; all of this CPU or the distributor. irq numbers are INTIDs. */
uint32_t gic_ack(void);                   /* GICv2: the SGI's source CPU is in bits 12:10 and wanted back by drop */
void gic_drop_priority(uint32_t ack);
void gic_deactivate(uint32_t ack);
void gic_enable_irq(unsigned irq);
void gic_disable_irq(unsigned irq);
void gic_set_type(unsigned irq, enum gic_type type);
void gic_set_target(unsigned irq, unsigned cpu);        /* SPIs */
void gic_set_active(unsigned irq, bool active);         /* private ones: of this CPU */
void gic_set_pending(unsigned irq, bool pending);
bool gic_is_enabled(unsigned irq);
bool gic_is_pending(unsigned irq);
void gic_send_sgi(unsigned cpu, unsigned sgi);
void gic_clear_sgis(void);                /* those that wait for this CPU */

/* List registers of this CPU. */
uint64_t gic_lr_encode(const struct gic_lr *lr);
void gic_lr_decode(uint64_t raw, struct gic_lr *lr);
void gic_lr_write(unsigned n, uint64_t raw);
uint64_t gic_lr_read(unsigned n);
/*
 * A bit for each that holds nothing: neither pending nor active, nor an end that a maintenance interrupt has yet to
 * tell of.
 */
uint32_t gic_lrs_empty(void);
/*
 * Makes the interrupt in list register n pending once more, with the same priority and all; hw: its physical interrupt
 * came again. False if that is not all there is to do: it is active, does not or does end a physical interrupt, asks
 * for a maintenance interrupt, or (GICv2's SGIs) is another sender's.
 */
bool gic_lr_pend_again(unsigned n, unsigned source, bool hw);

/* The virtual CPU interface of this CPU. */
uint32_t gic_read_vmcr(void);
/* Priority mask and group enables of a saved or read VMCR. */
void gic_vmcr_decode(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2]);
uint32_t gic_vmcr_reset(void);
uint32_t gic_vmcr_fields(void);               /* the bits that mean something */
void gic_set_maintenance(uint32_t reasons);   /* GIC_MAINT_*; the interface is on */
unsigned gic_take_eoi_count(void);            /* ends counted since the last call */
/* Save leaves the interface off for guests; load switches it on. List registers are the caller's to write. */
void gic_vcpu_save(struct gic_vcpu_state *s);
void gic_vcpu_load(const struct gic_vcpu_state *s);
