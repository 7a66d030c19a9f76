// SPDX-License-Identifier: Apache-2.0
/*
 * Domctls that give a domain a device: the right to its registers and interrupts, their mapping, and the emulated UART.
 * Rights can only be handed on: the caller has to have them itself. RAM is never a device.
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/domain.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/vuart.h"

/* The most frames that one memory_mapping call does; for more the answer is -E2BIG, and the caller halves. */
#define MAPPING_MAX_FRAMES 512

/* The last of a range of nr > 0 frames; false if it is empty or wraps. */
static bool range_last(uint64_t first, uint64_t nr, uint64_t *last)
{
    return nr > 0 && !__builtin_add_overflow(first, nr - 1, last);
}

static bool caller_has_iomem(uint64_t first, uint64_t last)
{
    return capability_has(current_vcpu()->domain, CAPABILITY_IOMEM, first, last);
}

static bool caller_has_irq(uint64_t irq)
{
    return capability_has(current_vcpu()->domain, CAPABILITY_IRQ, irq, irq);
}

int domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
    uint64_t last;

    if (!range_last(p->first_mfn, p->nr_mfns, &last))
        return -EINVAL;
    if (!caller_has_iomem(p->first_mfn, last))
        return -EPERM;
    return p->allow_access ? capability_grant(d, CAPABILITY_IOMEM, p->first_mfn, last)
                           : capability_revoke(d, CAPABILITY_IOMEM, p->first_mfn, last);
}

int domctl_irq_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_irq_permission *p = &op->u.irq_permission;

    if (!caller_has_irq(p->pirq))
        return -EPERM;
    return p->allow_access ? capability_grant(d, CAPABILITY_IRQ, p->pirq, p->pirq)
                           : capability_revoke(d, CAPABILITY_IRQ, p->pirq, p->pirq);
}

static bool range_has_ram(uint64_t first, uint64_t last)
{
    for (uint64_t mfn = first; mfn <= last; mfn++)
        if (frame_is_ram(MFN(mfn)))
            return true;
    return false;
}

int domctl_memory_mapping(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_memory_mapping *m = &op->u.memory_mapping;
    uint64_t last, last_gfn;
    int error;

    if (!range_last(m->first_mfn, m->nr_mfns, &last) || !range_last(m->first_gfn, m->nr_mfns, &last_gfn))
        return -EINVAL;
    if (m->nr_mfns > MAPPING_MAX_FRAMES)
        return -E2BIG;
    if (!caller_has_iomem(m->first_mfn, last) || !capability_has(d, CAPABILITY_IOMEM, m->first_mfn, last))
        return -EPERM;
    if (range_has_ram(m->first_mfn, last))
        return -EPERM;

    if (m->add_mapping)
        return p2m_map(&d->p2m, GFN(m->first_gfn), MFN(m->first_mfn), m->nr_mfns, P2M_DEVICE);
    /* Mappings that the guest put there since stay. */
    error = p2m_unmap_exact(&d->p2m, GFN(m->first_gfn), MFN(m->first_mfn), m->nr_mfns);
    return error == -ENOENT ? 0 : error;
}

int domctl_bind_irq(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_bind_pt_irq *b = &op->u.bind_pt_irq;

    if (b->irq_type != PT_IRQ_TYPE_SPI)
        return -EOPNOTSUPP;
    if (!caller_has_irq(b->machine_irq))
        return -EPERM;
    return vgic_route_irq(d, b->u.spi.spi, b->machine_irq);
}

int domctl_unbind_irq(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_bind_pt_irq *b = &op->u.bind_pt_irq;

    if (b->irq_type != PT_IRQ_TYPE_SPI)
        return -EOPNOTSUPP;
    if (!caller_has_irq(b->machine_irq))
        return -EPERM;
    return vgic_unroute_irq(d, b->u.spi.spi, b->machine_irq);
}

int domctl_vuart(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vuart_op *u = &op->u.vuart_op;

    if (u->cmd != XEN_DOMCTL_VUART_OP_INIT)
        return -EINVAL;
    if (u->type != XEN_DOMCTL_VUART_TYPE_VPL011)
        return -EOPNOTSUPP;
    if (d->pause.started)
        return -EPERM;
    return vuart_init(d, u->console_domid, GFN(u->gfn), &u->evtchn);
}
