// SPDX-License-Identifier: Apache-2.0
/*
 * Who a physical interrupt is for. An entry is free, one of our handlers', or a domain's; its lock is held
 * while the interrupt is handed over, so that after irq_unroute() nothing more of it reaches the domain.
 *
 * Lock order: an entry's lock, then the domain's vgic.lock.
 */
#include "vm/irq.h"

#include "base/printk.h"
#include "dev/gic.h"
#include "lib/errno.h"
#include "arch/lock.h"
#include "vm/domain.h"
#include "vm/vgic/vgic.h"

#define INTID_MASK    0x3ffu   /* GICv2 puts an SGI's source above it */
#define INTID_SPECIAL 1020u    /* from here on: nothing to handle (IHI 0069 2.2.1) */

struct irq_entry {
    struct spinlock lock;
    uint16_t intid;                             /* the domain's number for it */
    bool forwarded;                             /* the guest ends it */
    bool wakes_host;                            /* though it is the hypervisor's */
    void (*handler)(unsigned irq, void *data);
    void *data;
    const char *name;
    struct domain *domain;
    char device[IRQ_DEVICE_NAME];               /* printable, without spaces; empty: not known */
};

static struct irq_entry entries[INTID_SPECIAL];

static int request(unsigned irq, void (*handler)(unsigned irq, void *data), void *data, const char *name, bool forwarded)
{
    struct irq_entry *e;
    int error = 0;

    if (irq >= INTID_SPECIAL)
        return -EINVAL;
    e = &entries[irq];
    spin_lock(&e->lock);
    if (e->handler || e->domain) {
        error = -EBUSY;
    } else {
        e->handler = handler;
        e->data = data;
        e->name = name;
        e->forwarded = forwarded;
    }
    spin_unlock(&e->lock);
    return error;
}

int irq_request(unsigned irq, void (*handler)(unsigned irq, void *data), void *data, const char *name)
{
    return request(irq, handler, data, name, false);
}

int irq_request_forwarded(unsigned irq, void (*handler)(unsigned irq, void *data), void *data, const char *name)
{
    return irq < VGIC_NR_PRIVATE ? request(irq, handler, data, name, true) : -EINVAL;
}

int irq_route(unsigned irq, struct domain *d, unsigned intid)
{
    struct irq_entry *e;
    int error = 0;

    if (irq < VGIC_NR_PRIVATE || irq >= gic.nr_irqs)
        return -EINVAL;
    e = &entries[irq];
    spin_lock(&e->lock);
    if (e->handler || e->domain) {
        error = -EBUSY;
    } else {
        e->domain = d;
        e->intid = (uint16_t)intid;
    }
    spin_unlock(&e->lock);
    return error;
}

void irq_unroute(unsigned irq)
{
    struct irq_entry *e = &entries[irq];

    spin_lock(&e->lock);
    e->domain = NULL;
    spin_unlock(&e->lock);
}

bool irq_is_free(unsigned irq)
{
    struct irq_entry *e = &entries[irq];
    bool is_free;

    if (irq >= INTID_SPECIAL)
        return false;
    spin_lock(&e->lock);
    is_free = !e->handler && !e->domain;
    spin_unlock(&e->lock);
    return is_free;
}

/* Nobody's: kept from coming again. */
static void refuse(uint32_t ack, unsigned irq)
{
    printk("irq: interrupt %u came, but nobody has asked for it; disabled", irq);
    gic_disable_irq(irq);
    gic_drop_priority(ack);
    gic_deactivate(ack);
}

/* True if it went to a domain. */
static bool hand_to_domain(uint32_t ack, unsigned irq)
{
    struct irq_entry *e = &entries[irq];
    bool routed;

    spin_lock(&e->lock);
    routed = e->domain != NULL;
    if (routed) {
        gic_drop_priority(ack);
        vgic_inject_physical(e->domain, NULL, e->intid, irq);
    }
    spin_unlock(&e->lock);
    return routed;
}

static void handle(uint32_t ack, unsigned irq)
{
    const struct irq_entry *e = &entries[irq];

    if (e->handler) {
        if (e->forwarded) {
            gic_drop_priority(ack);
            e->handler(irq, e->data);
            return;
        }
        e->handler(irq, e->data);
    } else if (irq == gic.maintenance_irq) {
        vgic_maintenance_interrupt();
    } else if (irq != SGI_KICK) {
        if (!hand_to_domain(ack, irq))
            refuse(ack, irq);
        return;
    }
    gic_drop_priority(ack);
    gic_deactivate(ack);
}

void irq_handle_all(void)
{
    for (;;) {
        uint32_t ack = gic_ack();
        unsigned irq = ack & INTID_MASK;

        if (irq >= INTID_SPECIAL)
            return;
        handle(ack, irq);
    }
}

void irq_dump(void)
{
    for (unsigned irq = 0; irq < INTID_SPECIAL; irq++) {
        struct irq_entry *e = &entries[irq];
        const char *name;
        struct domain *d;
        unsigned intid;

        spin_lock(&e->lock);
        name = e->handler ? e->name : NULL;
        d = e->domain;
        intid = e->intid;
        spin_unlock(&e->lock);
        if (name)
            printk("interrupt %u: the hypervisor's, %s", irq, name);
        else if (d)
            printk("interrupt %u: a domain's, as its %u", irq, intid);
    }
}

void irq_set_device(unsigned irq, const char *name)
{
    char *device = irq < INTID_SPECIAL ? entries[irq].device : NULL;

    if (!device || device[0])
        return;
    for (unsigned i = 0; name[i] && i < IRQ_DEVICE_NAME - 1; i++)
        device[i] = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
}

const char *irq_device(unsigned irq)
{
    return irq < INTID_SPECIAL && entries[irq].device[0] ? entries[irq].device : "-";
}

void irq_wakes_host(unsigned irq) { entries[irq].wakes_host = true; }

bool irq_is_wake_source(unsigned irq, domid_t *d)
{
    const struct irq_entry *e = &entries[irq];

    *d = e->domain ? e->domain->id : DOMID_HYPERVISOR;
    return e->domain ? e->domain->privileged || e->domain->was_suspended : e->wakes_host;
}
