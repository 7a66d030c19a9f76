// SPDX-License-Identifier: Apache-2.0
/*
 * Operations on ports: connecting and closing them, sending through them, and closing all.
 *
 * A port is opened and freed with the domain's lock and its own. Two connected ports point to each other, and each end
 * holds a reference to the other's domain, so that neither pointer outlives its target; the pair changes only
 * with both ports' locks held.
 */
#include "vm/evtchn/internal.h"

#include "base/printk.h"
#include "lib/errno.h"

/* How many ports a walk closes between two looks at the clock. */
#define CLOSE_SLICE 64

/* The hypervisor's callbacks; a port's consumer is the index of one, plus 1. They are few, and never go. */
#define MAX_CONSUMERS 4
static struct {
    struct spinlock lock;
    evtchn_consumer *notify[MAX_CONSUMERS];
} consumers;

static int alloc_unbound(struct domain *d, domid_t remote, unsigned consumer, uint32_t *port)
{
    struct port *p;
    int err;

    spin_lock(&d->evtchn.lock);
    err = port_alloc(d, &p);
    if (!err) {
        spin_lock(&p->lock);
        p->remote = remote;
        p->consumer = (uint8_t)consumer;
        port_open(d, p, PORT_UNBOUND);
        spin_unlock(&p->lock);
        *port = p->number;
    }
    spin_unlock(&d->evtchn.lock);
    return err;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    return alloc_unbound(d, remote, 0, port);
}

int evtchn_bind_ipi(struct domain *d, unsigned vcpu, uint32_t *port)
{
    struct port *p;
    int err;

    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    spin_lock(&d->evtchn.lock);
    err = port_alloc(d, &p);
    if (!err) {
        spin_lock(&p->lock);
        p->vcpu = (uint16_t)vcpu;
        port_open(d, p, PORT_IPI);
        spin_unlock(&p->lock);
        *port = p->number;
    }
    spin_unlock(&d->evtchn.lock);
    return err;
}

/* One reference to each of the two domains, or none and false: there are too many. */
static bool hold_both(struct domain *d, struct domain *remote)
{
    if (!domain_hold(d))
        return false;
    if (domain_hold(remote))
        return true;
    domain_put(d);
    return false;
}

/*
 * Connects a new port of d with rp, which waits for d; the references of both ends are there. Nobody else wants the new
 * port's lock.
 */
static int connect(struct domain *d, struct domain *remote, struct port *rp, uint32_t *port)
    REQUIRES(d->evtchn.lock, rp->lock)
{
    struct port *p;
    int err;

    if (rp->state != PORT_UNBOUND || rp->remote != d->id)
        return -EINVAL;
    err = port_alloc(d, &p);
    if (err)
        return err;
    spin_lock(&p->lock);
    p->peer.domain = remote;
    p->peer.port = rp;
    port_open(d, p, PORT_INTERDOMAIN);
    rp->peer.domain = d;
    rp->peer.port = p;
    rp->state = PORT_INTERDOMAIN;
    /* The remote end may have sent before it was connected. */
    port_raise(d, p);
    spin_unlock(&p->lock);
    *port = p->number;
    return 0;
}

int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port)
{
    struct port *rp = port_lookup(remote, remote_port);
    int err;

    if (!rp)
        return -EINVAL;
    if (!hold_both(d, remote))
        return -ENOSPC;
    spin_lock(&d->evtchn.lock);
    spin_lock(&rp->lock);
    err = connect(d, remote, rp, port);
    spin_unlock(&rp->lock);
    spin_unlock(&d->evtchn.lock);
    if (err) {
        domain_put(remote);
        domain_put(d);
    }
    return err;
}

/*
 * Locks p, and its peer if it has one. Of the two the one at the lower address is taken first: a holder of the
 * other lets it go again and begins anew, so two callers that close both ends do not wait for each other, and the first
 * of them gets on. The analysis cannot follow.
 */
UNCHECKED_LOCKING struct port *port_lock_pair(struct port *p)
{
    for (;;) {
        struct port *peer;

        spin_lock(&p->lock);
        peer = p->state == PORT_INTERDOMAIN ? p->peer.port : NULL;
        if (!peer)
            return NULL;
        if (p < peer) {
            spin_lock(&peer->lock);
            return peer;
        }
        if (spin_trylock(&peer->lock))
            return peer;
        spin_unlock(&p->lock);
        cpu_relax();
    }
}

UNCHECKED_LOCKING void port_unlock_pair(struct port *p, struct port *peer)
{
    if (peer)
        spin_unlock(&peer->lock);
    spin_unlock(&p->lock);
}

/*
 * p has no peer any more: the peer waits for a new connection. Returns its domain; the references of both ends are the
 * caller's.
 */
static UNCHECKED_LOCKING struct domain *port_disconnect(struct domain *d, struct port *p) ACQUIRES(p->lock)
{
    struct port *peer = port_lock_pair(p);
    struct domain *remote;

    if (!peer)
        return NULL;
    remote = p->peer.domain;
    peer->state = PORT_UNBOUND;
    peer->remote = d->id;
    spin_unlock(&peer->lock);
    return remote;
}

/*
 * p is in use. Returns the domain of its peer, or NULL: the references of a connection are the caller's to drop,
 * without locks.
 */
static struct domain *port_close(struct domain *d, struct port *p) REQUIRES(d->evtchn.lock)
{
    struct domain *remote = port_disconnect(d, p);

    if (p->state == PORT_VIRQ)
        virq_unbind(d, p);
    port_free(d, p);
    spin_unlock(&p->lock);
    return remote;
}

static void connection_put(struct domain *d, struct domain *remote)
{
    if (remote) {
        domain_put(remote);
        domain_put(d);   /* not the last: the caller has one */
    }
}

static int close_number(struct domain *d, uint32_t number, bool hypervisor)
{
    struct port *p = port_lookup(d, number);
    struct domain *remote = NULL;
    int err = -EINVAL;

    if (!p)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    if (port_in_use(d, p) && (hypervisor || !p->consumer)) {
        remote = port_close(d, p);
        err = 0;
    }
    spin_unlock(&d->evtchn.lock);
    connection_put(d, remote);
    return err;
}

int evtchn_close(struct domain *d, uint32_t number)
{
    return close_number(d, number, false);
}

/* The callback of a port that is the hypervisor's; its peer's lock is held. */
static void consumer_notify(struct domain *d, struct port *p)
{
    evtchn_consumer *notify = __atomic_load_n(&consumers.notify[p->consumer - 1], __ATOMIC_ACQUIRE);

    notify(d, p->number);
}

/* The lock of p, which is connected, is held: its peer and the peer's domain stay. */
static void port_send_to_peer(struct port *p) REQUIRES(p->lock)
{
    struct domain *remote = p->peer.domain;
    struct port *peer = p->peer.port;

    if (likely(!peer->consumer))
        port_raise(remote, peer);
    else
        consumer_notify(remote, peer);
}

int evtchn_send(struct domain *d, uint32_t number)
{
    struct port *p = port_lookup(d, number);
    int err = 0;

    if (unlikely(!p))
        return -EINVAL;
    spin_lock(&p->lock);
    if (unlikely(p->consumer))
        err = -EINVAL;
    else if (likely(p->state == PORT_INTERDOMAIN))
        port_send_to_peer(p);
    else if (likely(p->state == PORT_IPI))
        port_raise(d, p);
    else if (p->state != PORT_UNBOUND)  /* an event for a peer that is still to come is silently dropped */
        err = -EINVAL;
    spin_unlock(&p->lock);
    return err;
}

int evtchn_status(struct domain *d, uint32_t number, struct evtchn_port_status *status)
{
    static const uint8_t public_status[] = {
        [PORT_FREE] = EVTCHNSTAT_closed,
        [PORT_UNBOUND] = EVTCHNSTAT_unbound,
        [PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
        [PORT_VIRQ] = EVTCHNSTAT_virq,
        [PORT_IPI] = EVTCHNSTAT_ipi,
    };
    struct port *p = port_lookup(d, number);
    int err = 0;

    *status = (struct evtchn_port_status){ 0 };
    if (!p)
        return -EINVAL;
    spin_lock(&p->lock);
    status->status = public_status[p->state];
    status->vcpu = p->vcpu;
    if (p->consumer) {
        err = -EACCES;
    } else if (p->state == PORT_UNBOUND) {
        status->remote_domain = p->remote;
    } else if (p->state == PORT_INTERDOMAIN) {
        status->remote_domain = p->peer.domain->id;
        status->remote_port = p->peer.port->number;
    } else if (p->state == PORT_VIRQ) {
        status->virq = p->virq;
    }
    spin_unlock(&p->lock);
    return err;
}

static bool port_may_move(const struct port *p)
{
    if (p->consumer)
        return false;
    return p->state == PORT_UNBOUND || p->state == PORT_INTERDOMAIN ||
           (p->state == PORT_VIRQ && virq_is_global(p->virq));
}

int evtchn_bind_vcpu(struct domain *d, uint32_t number, unsigned vcpu)
{
    struct port *p = port_lookup(d, number);
    int err = -EINVAL;

    if (!domain_vcpu(d, vcpu))
        return -ENOENT;
    if (!p)
        return -EINVAL;
    spin_lock(&p->lock);
    if (port_may_move(p)) {
        __atomic_store_n(&p->vcpu, (uint16_t)vcpu, __ATOMIC_RELAXED);
        err = 0;
    }
    spin_unlock(&p->lock);
    return err;
}

int evtchn_unmask(struct domain *d, uint32_t number)
{
    struct port *p = port_lookup(d, number);
    struct vcpu *v;

    if (!p)
        return -EINVAL;
    spin_lock(&p->lock);
    v = domain_vcpu(d, p->vcpu);
    if (p->state == PORT_FREE || p->consumer || !v)
        ;  /* nothing can be pending */
    else if (fifo_of(d))
        fifo_unmask(d, v, p);
    else
        twolevel_unmask(d, v, number);
    spin_unlock(&p->lock);
    return 0;
}

/* Closes the first port in use at or after *next, which moves on behind it; false: there is none. */
static bool close_next(struct domain *d, uint32_t *next, bool hypervisor)
{
    struct domain *remote = NULL;
    struct port *p;

    spin_lock(&d->evtchn.lock);
    p = port_next_in_use(d, *next);
    if (p) {
        *next = p->number + 1;
        if (hypervisor || !p->consumer)
            remote = port_close(d, p);
    }
    spin_unlock(&d->evtchn.lock);
    connection_put(d, remote);
    return p;
}

/*
 * Every port that was in use when it was called. It begins at the first each time: a walk that is not gone on with
 * leaves no trace.
 */
static int close_all(struct domain *d, bool hypervisor, bool (*preempt)(void))
{
    uint32_t next = 1;

    for (unsigned n = 1; close_next(d, &next, hypervisor); n++)
        if (n % CLOSE_SLICE == 0 && preempt())
            return -ERESTART;
    return 0;
}

int evtchn_reset(struct domain *d, bool (*preempt)(void))
{
    int err = close_all(d, false, preempt);

    if (err)
        return err;
    spin_lock(&d->evtchn.lock);
    /* Another vCPU of the guest opened one meanwhile: it has to make up its mind. */
    if (d->evtchn.ports_used != d->evtchn.consumer_ports)
        err = -EAGAIN;
    else
        fifo_destroy(d);
    spin_unlock(&d->evtchn.lock);
    return err;
}

int evtchn_domain_destroy(struct domain *d, bool (*preempt)(void))
{
    int err;

    spin_lock(&d->evtchn.lock);
    d->evtchn.dying = true;
    spin_unlock(&d->evtchn.lock);
    virq_clear_handlers(d);
    err = close_all(d, true, preempt);
    if (err)
        return err;
    spin_lock(&d->evtchn.lock);
    BUG_ON(d->evtchn.ports_used);
    fifo_destroy(d);
    spin_unlock(&d->evtchn.lock);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (domain_vcpu(d, i))
            evtchn_vcpu_destroy(domain_vcpu(d, i));
    return 0;
}

/* The number of a callback, plus 1; 0 if there are too many. */
static unsigned consumer_number(evtchn_consumer *notify)
{
    unsigned found = 0;

    spin_lock(&consumers.lock);
    for (unsigned i = 0; i < MAX_CONSUMERS && !found; i++) {
        if (!consumers.notify[i])
            __atomic_store_n(&consumers.notify[i], notify, __ATOMIC_RELEASE);
        if (consumers.notify[i] == notify)
            found = i + 1;
    }
    spin_unlock(&consumers.lock);
    return found;
}

int evtchn_alloc_consumer(struct domain *d, domid_t remote, evtchn_consumer *notify, uint32_t *port)
{
    unsigned consumer = consumer_number(notify);

    return consumer ? alloc_unbound(d, remote, consumer, port) : -ENOSPC;
}

void evtchn_free_consumer(struct domain *d, uint32_t number)
{
    close_number(d, number, true);
}

void evtchn_notify(struct domain *d, uint32_t number)
{
    struct port *p = port_lookup(d, number);

    if (!p)
        return;
    spin_lock(&p->lock);
    if (p->consumer && p->state == PORT_INTERDOMAIN)
        port_send_to_peer(p);
    spin_unlock(&p->lock);
}

/* Whether the guest wants no event of it, and whether one waits on a queue: it is pending, and yet not told. */
static void port_look(struct domain *d, struct port *p, bool *masked, bool *queued)
{
    *masked = *queued = false;
    spin_lock(&p->lock);
    if (p->state != PORT_FREE && !p->consumer) {
        *masked = fifo_of(d) ? fifo_masked(d, p) : twolevel_masked(d, p->number);
        *queued = fifo_busy(d, p);
    }
    spin_unlock(&p->lock);
}

static void port_dump(struct domain *d, struct port *p)
{
    static const char *const names[] = {
        [EVTCHNSTAT_closed] = "free", [EVTCHNSTAT_unbound] = "unbound", [EVTCHNSTAT_interdomain] = "interdomain",
        [EVTCHNSTAT_virq] = "virq", [EVTCHNSTAT_ipi] = "ipi",
    };
    struct evtchn_port_status status;
    int pending = evtchn_port_pending(d, p->number);
    bool hypervisor = evtchn_status(d, p->number, &status) == -EACCES;
    bool masked, queued;

    port_look(d, p, &masked, &queued);
    printk("d%u port %u: %s%s vcpu %u, peer d%u/%u, virq %u%s%s%s\n", d->id, p->number, names[status.status],
           hypervisor ? " (hypervisor)" : "", status.vcpu, status.remote_domain, status.remote_port, status.virq,
           pending > 0 ? ", pending" : "", masked ? ", masked" : "", queued ? ", queued" : "");
}

void evtchn_dump(struct domain *d)
{
    struct port *p;

    for (uint32_t number = 1;; number = p->number + 1) {
        spin_lock(&d->evtchn.lock);
        p = port_next_in_use(d, number);
        spin_unlock(&d->evtchn.lock);
        if (!p)
            return;
        port_dump(d, p);
    }
}
