// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual interrupts as event channels. Each vCPU has a port number, or none, for each VIRQ; a global VIRQ is
 * in vCPU 0's list, whichever vCPU is told. A number in the list is that of a port in state PORT_VIRQ
 * whose virq names that slot; both change together under the port's lock.
 */
#include "vm/evtchn/internal.h"

#include "lib/errno.h"

static struct {
    struct spinlock lock;
    struct domain *domain[EVTCHN_NR_VIRQS] GUARDED_BY(lock);  /* a reference held; NULL: dom0 */
} handlers;

/* Per-vCPU or global, as the list in xen/include/public/xen.h marks them ("V.", "G."). */
bool virq_is_global(unsigned virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

int evtchn_bind_virq(struct domain *d, unsigned virq, unsigned vcpu, uint32_t *port)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct port *p;
    int err;

    if (virq >= EVTCHN_NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -EINVAL;
    if (!v)
        return -ENOENT;

    virq = (unsigned)index_nospec(virq, EVTCHN_NR_VIRQS);
    spin_lock(&d->evtchn.lock);
    err = v->evtchn.virq_port[virq] ? -EEXIST : port_alloc(d, &p);
    if (!err) {
        spin_lock(&p->lock);
        p->virq = virq;
        p->vcpu = (uint16_t)vcpu;
        port_open(d, p, PORT_VIRQ);
        __atomic_store_n(&v->evtchn.virq_port[virq], p->number, __ATOMIC_RELEASE);
        spin_unlock(&p->lock);
        *port = p->number;
    }
    spin_unlock(&d->evtchn.lock);
    return err;
}

void virq_unbind(struct domain *d, struct port *p)
{
    struct vcpu *v = d->vcpus[virq_is_global(p->virq) ? 0 : p->vcpu];

    __atomic_store_n(&v->evtchn.virq_port[p->virq], 0, __ATOMIC_RELEASE);
}

void evtchn_send_virq(struct vcpu *v, unsigned virq)
{
    uint32_t number = __atomic_load_n(&v->evtchn.virq_port[virq], __ATOMIC_ACQUIRE);
    struct port *p;

    if (!number)
        return;
    p = port_lookup(v->domain, number);
    spin_lock(&p->lock);
    /* It may have been closed, and opened as something else, since we read the number. */
    if (v->evtchn.virq_port[virq] == number)
        port_raise(v->domain, p);
    spin_unlock(&p->lock);
}

void evtchn_send_global_virq(unsigned virq)
{
    struct domain *d;
    struct vcpu *v;

    spin_lock(&handlers.lock);
    d = handlers.domain[virq] ? handlers.domain[virq] : dom0;
    if (d && !domain_hold(d))
        d = NULL;
    spin_unlock(&handlers.lock);
    if (!d)
        return;
    v = domain_vcpu(d, 0);
    if (v)
        evtchn_send_virq(v, virq);
    domain_put(d);
}

int evtchn_set_virq_handler(struct domain *d, unsigned virq)
{
    struct domain *old;

    if (virq >= EVTCHN_NR_VIRQS || !virq_is_global(virq))
        return -EINVAL;
    if (!domain_hold(d))
        return -ESRCH;
    virq = (unsigned)index_nospec(virq, EVTCHN_NR_VIRQS);
    /* d's lock keeps this from passing by evtchn_domain_destroy, which sets dying first and then clears. */
    spin_lock(&d->evtchn.lock);
    if (d->evtchn.dying) {
        spin_unlock(&d->evtchn.lock);
        domain_put(d);
        return -ESRCH;
    }
    spin_lock(&handlers.lock);
    old = handlers.domain[virq];
    handlers.domain[virq] = d;
    spin_unlock(&handlers.lock);
    spin_unlock(&d->evtchn.lock);
    if (old)
        domain_put(old);
    return 0;
}

void virq_clear_handlers(struct domain *d)
{
    for (unsigned virq = 0; virq < EVTCHN_NR_VIRQS; virq++) {
        bool ours;

        spin_lock(&handlers.lock);
        ours = handlers.domain[virq] == d;
        if (ours)
            handlers.domain[virq] = NULL;
        spin_unlock(&handlers.lock);
        if (ours)
            domain_put(d);
    }
}
