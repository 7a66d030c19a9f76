// SPDX-License-Identifier: Apache-2.0
/*
 * SPIs and their sources: which are taken, and the physical interrupt that feeds one. A routed physical interrupt is
 * enabled, typed and targeted as its guest does with the virtual one; it is never enabled while the guest has not
 * enabled that.
 */
#include "base/cpu.h"
#include "dev/gic_ops.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/irq.h"
#include "vm/vgic/internal.h"

/* The CPU where v runs, or ran last; this one, if that is lost. */
static unsigned cpu_of(const struct vcpu *v)
{
    unsigned cpu = v ? sched_cpu_number(&v->sched) : 0;

    return cpus[cpu].lost ? this_cpu()->id : cpu;
}

void vgic_follow_physical(struct virq *irq)
{
    if (!irq->hw_irq || virq_is_private(irq))
        return;
    if (!irq->enabled) {
        gic_disable_irq(irq->hw_irq);
        return;
    }
    gic_set_type(irq->hw_irq, irq->level ? GIC_LEVEL_HIGH : GIC_EDGE_RISING);
    gic_set_target(irq->hw_irq, cpu_of(irq->target));
    gic_enable_irq(irq->hw_irq);
}

/* It came on another CPU than that of its vCPU, which has moved: next time it goes there straight. */
void vgic_follow_target(const struct virq *irq)
{
    if (!virq_is_private(irq) && irq->target && irq->target->sched.cpu && irq->target->sched.cpu != this_cpu())
        gic_set_target(irq->hw_irq, cpu_of(irq->target));
}

void vgic_retarget(struct domain_vgic *g, struct virq *irq, struct vcpu *target)
{
    if (irq->target == target)
        return;
    vgic_gather(g, irq);
    irq->target = target;
    if (irq->hw_irq && target)
        gic_set_target(irq->hw_irq, cpu_of(target));
    vgic_settle(g, irq);
}

static struct virq *spi(struct domain_vgic *g, unsigned intid) REQUIRES(g->lock)
{
    return intid < VGIC_NR_PRIVATE ? NULL : vgic_virq(g, NULL, intid);
}

static int reserve(struct domain_vgic *g, unsigned intid, unsigned hw_irq) REQUIRES(g->lock)
{
    struct virq *irq = spi(g, intid);

    if (!irq)
        return -EINVAL;
    if (irq->reserved)
        return -EBUSY;
    irq->reserved = true;
    irq->hw_irq = (uint16_t)hw_irq;
    vgic_follow_physical(irq);
    return 0;
}

int vgic_reserve_spi(struct domain *d, unsigned intid)
{
    int error;

    vgic_begin(&d->vgic);
    error = reserve(&d->vgic, intid, 0);
    vgic_end(&d->vgic);
    return error;
}

int vgic_offer_messages(struct domain *d, unsigned first, unsigned count)
{
    int error = 0;

    vgic_begin(&d->vgic);
    for (unsigned i = 0; i < count && !error; i++)
        error = reserve(&d->vgic, first + i, 0);
    d->vgic.typer |= error ? 0 : GICD_TYPER_MBIS;
    vgic_end(&d->vgic);
    return error;
}

int vgic_route_irq(struct domain *d, unsigned intid, unsigned irq)
{
    int error;

    error = irq_route(irq, d, intid);
    if (error)
        return error;
    gic_disable_irq(irq);
    vgic_begin(&d->vgic);
    error = reserve(&d->vgic, intid, irq);
    vgic_end(&d->vgic);
    if (error)
        irq_unroute(irq);
    return error;
}

/* The physical interrupt goes; the virtual one, if pending or active, stays as if of software. */
static int detach(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (!vgic_gather(g, irq))
        return -EBUSY;
    gic_disable_irq(irq->hw_irq);
    gic_set_pending(irq->hw_irq, false);
    gic_set_active(irq->hw_irq, false);
    irq->hw_active = false;
    irq->hw_irq = 0;
    irq->reserved = false;
    vgic_settle(g, irq);
    return 0;
}

/* -EBUSY: another CPU's guest has it just now. */
int vgic_unroute_irq(struct domain *d, unsigned intid, unsigned irq)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *virq;
    int error = -EINVAL;

    vgic_begin(g);
    virq = spi(g, intid);
    if (virq && irq && virq->hw_irq == irq)
        error = detach(g, virq);
    vgic_end(g);
    if (!error)
        irq_unroute(irq);
    return error;
}

void vgic_domain_destroy(struct domain *d)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *spis;

    for (unsigned intid = VGIC_NR_PRIVATE; intid < VGIC_NR_PRIVATE + g->nr_spis; intid++) {
        unsigned irq;

        vgic_begin(g);
        irq = g->spis[intid - VGIC_NR_PRIVATE].hw_irq;
        vgic_end(g);
        if (irq)
            BUG_ON(vgic_unroute_irq(d, intid, irq));
    }
    vgic_begin(g);
    spis = g->spis;
    heap_free(spis, g->nr_spis * sizeof(*spis));
    g->spis = NULL;
    g->nr_spis = 0;
    vgic_end(g);
}
