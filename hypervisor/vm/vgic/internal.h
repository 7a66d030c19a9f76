// SPDX-License-Identifier: Apache-2.0
/*
 * Between vgic.c (interrupts, and making them pending), lr.c (how they reach list registers), route.c (SPIs and
 * physical interrupts), dist.c (the registers that both versions have), v2.c and v3.c.
 *
 * To change an interrupt: vgic_gather() it, change its fields, vgic_settle() it.
 */
#pragma once

#include "base/cpu.h"
#include "vm/domain.h"
#include "vm/mmio.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"

/* Takes the domain's lock; vgic_end drops it and then kicks the vCPUs that the changes concern. */
static inline void vgic_begin(struct domain_vgic *g) ACQUIRES(g->lock) { spin_lock(&g->lock); }
void vgic_end_and_kick(struct domain_vgic *g) RELEASES(g->lock);
static inline void vgic_end(struct domain_vgic *g) RELEASES(g->lock)
{
    if (unlikely(g->kicks[0] | g->kicks[1]))
        vgic_end_and_kick(g);
    else
        spin_unlock(&g->lock);
}

/* NULL: no such interrupt. v: whose private ones; NULL: there are none. */
struct virq *vgic_virq(struct domain_vgic *g, struct vcpu *v, unsigned intid) REQUIRES(g->lock);

/* Brings irq's whole state into its fields; false: another CPU's list register has it, and `asked` takes the wishes. */
bool vgic_gather(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock);
/* Puts it where its state now says. */
void vgic_settle(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock);

static inline bool virq_is_private(const struct virq *irq) { return irq->intid < VGIC_NR_PRIVATE; }
static inline bool virq_has_pending(const struct virq *irq)
{
    return irq->latch || irq->sources || (irq->level && irq->line);
}
static inline bool virq_is_deliverable(const struct virq *irq) { return irq->enabled && virq_has_pending(irq); }
/* v's list registers are this CPU's. */
static inline bool vcpu_is_here(const struct vcpu *v) { return v->vgic.resident == this_cpu(); }

/* Off the queue it is in, if any; for an interrupt that goes away or is reset. */
void vgic_dequeue(struct virq *irq);
/* v has something to look at: it will pass vgic_look_at_queue(), or wake. */
void vgic_notify(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock);

/*
 * The list registers of v, which is resident here. Empty: all state to memory. Refold: all taken back and the best put
 * in.
 */
void vgic_empty_registers(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock);
void vgic_fill_registers(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock);
void vgic_refold(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock);
void vgic_look_at_queue(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock);

/* As the guest sees it, list registers included. */
bool vgic_shows_pending(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock);
bool vgic_shows_active(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock);

/* An SGI from `source` (GICv2; else 0) to v. */
void vgic_send_sgi(struct domain_vgic *g, struct vcpu *v, unsigned sgi, unsigned source) REQUIRES(g->lock);
/* A new target (may be NULL) for an SPI, and its physical interrupt with it. */
void vgic_retarget(struct domain_vgic *g, struct virq *irq, struct vcpu *target) REQUIRES(g->lock);
/* The physical interrupt follows the guest's enable and type. */
void vgic_follow_physical(struct virq *irq);
/* It came here: the next one goes to the CPU of its vCPU. */
void vgic_follow_target(const struct virq *irq);
/* GICD_CTLR's group enables. */
void vgic_set_groups(struct domain_vgic *g, bool group0, bool group1) REQUIRES(g->lock);

#define GIC_IIDR 0x43bu   /* implementer: Arm */
/* The distributor's registers below GICD_IGROUPR. */
bool vgic_control_access(struct domain_vgic *g, struct mmio_access *a);
/*
 * The registers from GICD_IGROUPR to GICD_ICFGR but for GICD_ITARGETSR, at a->offset from the frame's start.
 * v: whose private interrupts the first ones are, or NULL where there are none.
 */
bool vgic_bank_access(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a);

int vgicv2_init(struct domain *d, const struct vgic_layout *layout);
int vgicv3_init(struct domain *d, const struct vgic_layout *layout);
/* The target that a reset or written route names. */
struct vcpu *vgicv2_route_target(const struct domain *d, uint64_t route);
struct vcpu *vgicv3_route_target(const struct domain *d, uint64_t route);
/* A route as a guest could have written it; GICv2: no bit but those of vCPUs. */
bool vgicv2_route_is_valid(const struct domain *d, uint64_t route);
bool vgicv3_route_is_valid(uint64_t route);
