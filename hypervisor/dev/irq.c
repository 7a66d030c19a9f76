// SPDX-License-Identifier: Apache-2.0
/*
 * The table of handlers. An entry that was requested stays as it is, so that handling it takes no lock; one that was
 * claimed (enum irq_kind) is looked at and handled under its lock only.
 */
#include "dev/irq.h"

#include "arch/lock.h"
#include "base/printk.h"
#include "dev/gic.h"
#include "dev/its.h"
#include "lib/errno.h"

#define INTID_MASK    0x3ffu   /* GICv2 puts an SGI's source above it */
#define INTID_SPECIAL 1020u    /* from here on: nothing to handle (IHI 0069 2.2.1) */
#define FIRST_SPI     32u

enum irq_kind {
    IRQ_FREE,
    IRQ_OWN,         /* ended here */
    IRQ_FORWARDED,   /* a guest ends it */
    IRQ_CLAIMED,     /* the same, until it is released */
};

struct irq_entry {
    struct spinlock lock;                       /* over changes of kind, and over the handling of a claimed one */
    enum irq_kind kind;                         /* atomic; set after the rest */
    irq_handler *handler;
    void *data;
    const char *name;
    bool wakes_host;
    char device[IRQ_DEVICE_NAME];               /* printable, without spaces; empty: not known */
};

static struct irq_entry entries[INTID_SPECIAL];

static int request(unsigned irq, enum irq_kind kind, irq_handler *handler, void *data, const char *name)
{
    struct irq_entry *e;
    int error = 0;

    if (irq >= INTID_SPECIAL)
        return -EINVAL;
    e = &entries[irq];
    spin_lock(&e->lock);
    if (e->kind != IRQ_FREE) {
        error = -EBUSY;
    } else {
        e->handler = handler;
        e->data = data;
        e->name = name;
        __atomic_store_n(&e->kind, kind, __ATOMIC_RELEASE);
    }
    spin_unlock(&e->lock);
    return error;
}

int irq_request(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    return request(irq, IRQ_OWN, handler, data, name);
}

int irq_request_forwarded(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    return request(irq, IRQ_FORWARDED, handler, data, name);
}

int irq_claim(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    return irq >= FIRST_SPI && irq < gic.nr_irqs ? request(irq, IRQ_CLAIMED, handler, data, name) : -EINVAL;
}

void irq_release(unsigned irq)
{
    struct irq_entry *e = &entries[irq];

    spin_lock(&e->lock);
    BUG_ON(e->kind != IRQ_CLAIMED);
    __atomic_store_n(&e->kind, IRQ_FREE, __ATOMIC_RELEASE);
    spin_unlock(&e->lock);
}

/* An interrupt without a handler: kept from coming again, unless somebody has asked for it by now. */
static void refuse(uint32_t ack, unsigned irq)
{
    struct irq_entry *e = &entries[irq];

    spin_lock(&e->lock);
    if (e->kind == IRQ_FREE) {
        printk("irq: interrupt %u came, but nobody has asked for it; disabled", irq);
        gic_disable_irq(irq);
    }
    spin_unlock(&e->lock);
    gic_drop_priority(ack);
    gic_deactivate(ack);
}

static void handle_claimed(uint32_t ack, unsigned irq)
{
    struct irq_entry *e = &entries[irq];
    bool claimed;

    spin_lock(&e->lock);
    claimed = e->kind == IRQ_CLAIMED;
    if (claimed) {
        gic_drop_priority(ack);
        e->handler(irq, e->data);
    }
    spin_unlock(&e->lock);
    if (!claimed)
        refuse(ack, irq);
}

static void handle(uint32_t ack, unsigned irq)
{
    const struct irq_entry *e = &entries[irq];

    switch (__atomic_load_n(&e->kind, __ATOMIC_ACQUIRE)) {
    case IRQ_OWN:
        e->handler(irq, e->data);
        break;
    case IRQ_FORWARDED:
        gic_drop_priority(ack);
        e->handler(irq, e->data);
        return;
    case IRQ_CLAIMED:
        handle_claimed(ack, irq);
        return;
    default:
        if (irq == SGI_KICK)
            break;   /* that it came is all that it says */
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

        if (unlikely(ack >= ITS_FIRST_LPI)) {   /* never with a GICv2 */
            gic_drop_priority(ack);             /* which ends it */
            its_take(ack);
            continue;
        }
        if (irq >= INTID_SPECIAL)
            return;
        handle(ack, irq);
    }
}

void irq_dump(void)
{
    for (unsigned irq = 0; irq < INTID_SPECIAL; irq++) {
        enum irq_kind kind = __atomic_load_n(&entries[irq].kind, __ATOMIC_ACQUIRE);

        if (kind == IRQ_OWN || kind == IRQ_FORWARDED)
            printk("interrupt %u: the hypervisor's, %s", irq, entries[irq].name);
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

void irq_set_wakes_host(unsigned irq) { entries[irq].wakes_host = true; }
bool irq_wakes_host(unsigned irq) { return entries[irq].wakes_host; }
