// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller: a GICv2 or GICv3, the same as the machine's.
 *
 * Only state that the guest can see is kept; list registers are touched only when an interrupt is injected into the
 * running vCPU, on a switch, or when WORK_VGIC says so: a trap that has nothing to do with interrupts costs no GIC
 * access. Injecting for a vCPU that does not run here marks it pending, sets WORK_VGIC and kicks.
 */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"

struct domain;
struct vcpu;

#include "vm/vgic/state.h"   /* struct domain_vgic and struct vcpu_vgic */

#define VGIC_V2_MAX_VCPUS 8    /* IHI 0048B.b 2.1: eight CPU interfaces */

/* Where the emulated registers stand, guest-physical; for dom0 those of the machine, for others xen/arch-arm.h's. */
struct vgic_layout {
    uint64_t distributor;
    uint64_t cpu_interface;          /* GICv2: the machine's GICV is mapped there */
    uint64_t redistributors;         /* GICv3: one region; if it is the machine's first, the machine's others follow */
    uint64_t redistributors_size;
};

/* version 2 or 3. -ENODEV if the machine's GIC cannot do that; -EINVAL, -ENOMEM. */
int vgic_domain_init(struct domain *d, unsigned version, unsigned nr_spis, const struct vgic_layout *layout);
int vgic_vcpu_init(struct vcpu *v);
/* The private interrupts and the CPU interface back to their reset state (PSCI CPU_ON); v is on no CPU. */
void vgic_vcpu_reset(struct vcpu *v);
void vgic_vcpu_destroy(struct vcpu *v);
void vgic_domain_destroy(struct domain *d);   /* gives routed interrupts back: disabled, deactivated */

/* An edge: intid becomes pending. For private interrupts (0..31) v says whose; for SPIs v is ignored. */
void vgic_inject(struct domain *d, struct vcpu *v, unsigned intid);
/* The same for a private one of a vCPU whose state is all in memory; nothing if it is loaded anywhere. */
void vgic_inject_away(struct vcpu *v, unsigned intid);
/* An interrupt that is pending and that the guest has not taken is so no more: its source has withdrawn it. */
void vgic_retract(struct domain *d, struct vcpu *v, unsigned intid);
/* A level, driven by an emulated device. */
void vgic_set_line(struct domain *d, struct vcpu *v, unsigned intid, bool high);

/*
 * The physical interrupt `irq`, owned by d, came (priority dropped, still active): inject it as its hardware interrupt.
 * The end by the guest ends it. A private one (v current) is ended at once if v's state is not loaded here: its source
 * asks again then.
 */
void vgic_inject_physical(struct domain *d, struct vcpu *v, unsigned intid, unsigned irq);

/* Gives physical SPI `irq` to d as its `intid`. -EBUSY taken, -EINVAL. */
int vgic_route_irq(struct domain *d, unsigned intid, unsigned irq);
int vgic_unroute_irq(struct domain *d, unsigned intid, unsigned irq);
/*
 * GICv3, before d runs: SPIs first .. first + count - 1 are raised by messages (GICD_TYPER.MBIS), all of which come by
 * vgic_inject_message(), or from d's CPUs. -EBUSY: one is taken.
 */
int vgic_offer_messages(struct domain *d, unsigned first, unsigned count);
/* One came for it. The CPU where the vCPU is that takes it; this CPU, if that is on none. */
unsigned vgic_inject_message(struct domain *d, unsigned intid);
/* Takes an SPI for an emulated device, for good. -EBUSY taken, -EINVAL. */
int vgic_reserve_spi(struct domain *d, unsigned intid);

/*
 * v's private `intid` is fed by the private physical interrupt `irq` of the CPU that it runs on: a restore of v says so
 * before that interrupt comes.
 */
void vgic_pair_private(struct vcpu *v, unsigned intid, unsigned irq);

struct record_kind;
extern const struct record_kind vgic_record, vgic_vcpu_record, gic_record;

/* An enabled interrupt that v would take, its own PSTATE.I aside: wakes a WFI. Exact for a vCPU that does not run. */
bool vgic_pending(struct vcpu *v);

/*
 * INTID of an enabled interrupt for v, regardless of its interface's mask and group enables: wakes a suspended one
 * (PSCI DEN0022D 5.20). VGIC_NO_INTID: there is none but `except`.
 */
#define VGIC_NO_INTID 1023u
unsigned vgic_waker(struct vcpu *v, unsigned except);
static inline bool vgic_wakes(struct vcpu *v) { return vgic_waker(v, VGIC_NO_INTID) != VGIC_NO_INTID; }

/*
 * On a context switch: v's list registers and interface state in from memory, out to it. This CPU, no lock held. The
 * source of a private physical interrupt (the virtual timer) is switched off before vgic_save and on after vgic_load.
 */
void vgic_load(struct vcpu *v);
void vgic_save(struct vcpu *v);
/* WORK_VGIC on the way back to the guest. */
void vgic_update_running(struct vcpu *v);
/* Boot, once: has gic.maintenance_irq, which gic_cpu_stage enables. */
void vgic_init(void);

/*
 * GICv3 system registers that a guest's access to traps: ICC_SGI1R_EL1; ICC_SGI0R_EL1 and ICC_ASGI1R_EL1, which are for
 * group 0. False: undefined. ICC_SRE_EL1 traps too (on hardware that lets it be written): reads as VGIC_ICC_SRE, writes
 * are ignored.
 */
bool vgic_write_sgi1r(struct vcpu *v, uint64_t value);
bool vgic_write_sgi0r(struct vcpu *v, uint64_t value);
#define VGIC_ICC_SRE 7u   /* SRE, DFB, DIB */
