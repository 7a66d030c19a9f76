// SPDX-License-Identifier: Apache-2.0
/*
 * Which domain a physical interrupt is for. A route is written before its interrupt is claimed and read by the handler,
 * which dev/irq.c calls under the interrupt's lock: after irq_unroute() nothing more of it reaches the domain. Any
 * other reader of a route takes `lock`.
 *
 * Lock order: `lock`; the interrupt's lock, then the domain's vgic.lock.
 */
#include "vm/irq.h"

#include "arch/lock.h"
#include "base/printk.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "dev/its.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/vgic/vgic.h"

#define IRQS 1020u   /* INTIDs that can be routed are below */

static struct route {
    struct domain *domain;   /* NULL: not routed */
    uint16_t intid;          /* the domain's number for it */
} routes[IRQS];
static struct spinlock lock = SPINLOCK_INIT;

static void domain_interrupt(unsigned irq, void *data)
{
    const struct route *r = data;

    vgic_inject_physical(r->domain, NULL, r->intid, irq);
}

int irq_route(unsigned irq, struct domain *d, unsigned intid)
{
    int error = -EINVAL;

    if (irq >= IRQS)
        return -EINVAL;
    irq = (unsigned)index_nospec(irq, IRQS);
    spin_lock(&lock);
    if (routes[irq].domain) {
        error = -EBUSY;
    } else {
        routes[irq] = (struct route){ d, (uint16_t)intid };
        error = irq_claim(irq, domain_interrupt, &routes[irq], "a domain's");
        if (error)
            routes[irq].domain = NULL;
    }
    spin_unlock(&lock);
    return error;
}

void irq_unroute(unsigned irq)
{
    spin_lock(&lock);
    irq_release(irq);
    routes[irq].domain = NULL;
    spin_unlock(&lock);
}

static struct domain *messages_domain;   /* for good */

static unsigned domain_message(unsigned message) { return vgic_inject_message(messages_domain, message); }

int irq_route_messages(struct domain *d, unsigned first, unsigned count)
{
    int error;

    messages_domain = d;
    error = its_start(first, count, domain_message);
    return error ? error : vgic_offer_messages(d, first, count);
}

bool irq_is_wake_source(unsigned irq, domid_t *d)
{
    const struct domain *owner;
    bool wakes;

    spin_lock(&lock);
    owner = irq < IRQS ? routes[irq].domain : NULL;
    *d = owner ? owner->id : DOMID_HYPERVISOR;
    wakes = owner ? owner->privileged || owner->freeze.was_suspended : irq_wakes_host(irq);
    spin_unlock(&lock);
    return wakes;
}

void irq_dump_routes(void)
{
    for (unsigned irq = 0; irq < IRQS; irq++) {
        struct route r;

        spin_lock(&lock);
        r = routes[irq];
        spin_unlock(&lock);
        if (r.domain)
            printk("interrupt %u: a domain's, as its %u", irq, r.intid);
    }
}
