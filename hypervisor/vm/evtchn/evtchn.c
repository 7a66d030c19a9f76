// SPDX-License-Identifier: Apache-2.0
/*
 * The ports of a domain: finding, opening, connecting and closing them, and sending through them.
 *
 * Ports live in buckets of a page; a bucket once allocated stays until the domain is freed, so a port can be
 * looked up without a lock, and then locked. A port is opened and freed with the domain's lock and its own. Two
 * connected ports point to each other: the pair changes only with both locks held, the second
 * tried for, never waited for, because the two ends have no order.
 */
#include "vm/evtchn/internal.h"

#include "base/printk.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* How many ports a reset looks at between two looks at the clock. */
#define RESET_SLICE 64

/* The hypervisor's callbacks; a port's consumer is the index of one, plus 1. They are few, and never go. */
#define MAX_CONSUMERS 4
static struct {
    struct spinlock lock;
    evtchn_consumer *notify[MAX_CONSUMERS];
} consumers;

int evtchn_domain_init(struct domain *d, uint32_t max_port)
{
    struct domain_evtchn *e = &d->evtchn;

    e->max_port = max_port < PORT_MAX ? max_port : PORT_MAX;
    e->nr_buckets = e->max_port / PORTS_PER_BUCKET + 1;
    e->buckets = heap_alloc_array(e->nr_buckets, sizeof(*e->buckets));
    if (!e->buckets) {
        e->nr_buckets = 0;
        return -ENOMEM;
    }
    return 0;
}

void evtchn_domain_free(struct domain *d)
{
    struct domain_evtchn *e = &d->evtchn;

    for (unsigned i = 0; i < e->nr_buckets; i++)
        if (e->buckets[i].ports)
            page_free(e->buckets[i].ports);
    heap_free(e->buckets, e->nr_buckets * sizeof(*e->buckets));
    e->buckets = NULL;
    e->nr_buckets = 0;
}

/* The first number that the domain may not have: its own limit, or that of the form it uses. */
static uint32_t port_limit(const struct domain *d)
{
    uint32_t form = d->evtchn.fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;

    return d->evtchn.max_port < form ? d->evtchn.max_port + 1 : form;
}

static int bucket_fill(struct domain *d, unsigned bucket)
{
    struct port *ports = page_alloc();

    if (!ports)
        return -ENOMEM;
    for (unsigned i = 0; i < PORTS_PER_BUCKET; i++)
        ports[i].number = (uint32_t)(bucket * PORTS_PER_BUCKET + i);
    __atomic_store_n(&d->evtchn.buckets[bucket].ports, ports, __ATOMIC_RELEASE);
    return 0;
}

/* The first port of the bucket that can be opened, or NULL. Number 0 is no port. */
static struct port *bucket_find(struct domain *d, unsigned bucket, uint32_t limit)
{
    struct port *ports = d->evtchn.buckets[bucket].ports;

    for (unsigned i = bucket == 0; i < PORTS_PER_BUCKET && ports[i].number < limit; i++)
        if (ports[i].state == PORT_FREE && !(d->evtchn.fifo && fifo_busy(d, &ports[i])))
            return &ports[i];
    return NULL;
}

int port_alloc(struct domain *d, struct port **out)
{
    struct domain_evtchn *e = &d->evtchn;
    uint32_t limit = port_limit(d);

    if (e->dying)
        return -EINVAL;
    for (unsigned i = 0; i * PORTS_PER_BUCKET < limit; i++) {
        if (e->buckets[i].used == PORTS_PER_BUCKET)
            continue;
        if (!e->buckets[i].ports && bucket_fill(d, i))
            return -ENOMEM;
        *out = bucket_find(d, i, limit);
        if (*out)
            return 0;
    }
    return -ENOSPC;
}

void port_open(struct domain *d, struct port *p, enum port_state state)
{
    p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    p->missed = 0;
    p->state = state;
    d->evtchn.buckets[p->number / PORTS_PER_BUCKET].used++;
    d->evtchn.ports_used++;
    if (p->consumer)
        d->evtchn.consumer_ports++;
}

static void port_free(struct domain *d, struct port *p) REQUIRES(d->evtchn.lock, p->lock)
{
    if (d->evtchn.fifo)
        fifo_clear(d, p);
    else
        twolevel_clear(d, p->number);
    if (p->consumer)
        d->evtchn.consumer_ports--;
    d->evtchn.ports_used--;
    d->evtchn.buckets[p->number / PORTS_PER_BUCKET].used--;
    p->consumer = 0;
    p->vcpu = 0;
    p->state = PORT_FREE;
}

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

/* Connects a new port of d with rp, which waits for d. rp's lock is the caller's; nobody else wants the new port's. */
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
    spin_lock(&d->evtchn.lock);
    spin_lock(&rp->lock);
    err = connect(d, remote, rp, port);
    spin_unlock(&rp->lock);
    spin_unlock(&d->evtchn.lock);
    return err;
}

/* The other end of p waits for a new connection: true, or false if its lock is taken and p's has to be let go first. */
static UNCHECKED_LOCKING bool disconnect_peer(struct domain *d, struct port *p)
{
    struct port *peer = p->peer.port;

    if (!spin_trylock(&peer->lock))
        return false;
    peer->state = PORT_UNBOUND;
    peer->remote = d->id;
    spin_unlock(&peer->lock);
    return true;
}

/* Locks p in a state in which it has no peer (any more). The analysis cannot follow the loop. */
static UNCHECKED_LOCKING void port_lock_alone(struct domain *d, struct port *p) ACQUIRES(p->lock)
{
    spin_lock(&p->lock);
    while (p->state == PORT_INTERDOMAIN && !disconnect_peer(d, p)) {
        spin_unlock(&p->lock);
        cpu_relax();
        spin_lock(&p->lock);
    }
}

/* -EINVAL if p is free, or the hypervisor's and the caller is not. */
static int port_close(struct domain *d, struct port *p, bool hypervisor) REQUIRES(d->evtchn.lock)
{
    /* Both stay as they are while the domain's lock is held. */
    if (p->state == PORT_FREE || (p->consumer && !hypervisor))
        return -EINVAL;
    port_lock_alone(d, p);
    if (p->state == PORT_VIRQ)
        virq_unbind(d, p);
    port_free(d, p);
    spin_unlock(&p->lock);
    return 0;
}

static int close_number(struct domain *d, uint32_t number, bool hypervisor)
{
    struct port *p = port_lookup(d, number);
    int err;

    if (!p)
        return -EINVAL;
    spin_lock(&d->evtchn.lock);
    err = port_close(d, p, hypervisor);
    spin_unlock(&d->evtchn.lock);
    return err;
}

int evtchn_close(struct domain *d, uint32_t number)
{
    return close_number(d, number, false);
}

/* The lock of p, which is connected, is held: its peer and the peer's domain stay. */
static void port_send_to_peer(struct port *p) REQUIRES(p->lock)
{
    struct domain *remote = p->peer.domain;
    struct port *peer = p->peer.port;

    if (likely(!peer->consumer))
        port_raise(remote, peer);
    else
        consumers.notify[peer->consumer - 1](remote, peer->number);
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
    else if (p->state == PORT_INTERDOMAIN)
        port_send_to_peer(p);
    else if (p->state == PORT_IPI)
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
    v = d->vcpus[p->vcpu];
    if (p->state == PORT_FREE || p->consumer || !v)
        ;  /* nothing can be pending */
    else if (d->evtchn.fifo)
        fifo_unmask(d, v, p);
    else
        twolevel_unmask(d, v, number);
    spin_unlock(&p->lock);
    return 0;
}

/* Closes the next slice of ports; true when there are no more. */
static bool close_slice(struct domain *d, bool hypervisor) REQUIRES(d->evtchn.lock)
{
    struct domain_evtchn *e = &d->evtchn;
    uint32_t kept = hypervisor ? 0 : e->consumer_ports;

    for (unsigned n = 0; n < RESET_SLICE; n++) {
        struct port *p;

        if (e->ports_used == kept || e->reset_next > e->max_port) {
            e->reset_next = 0;
            return true;
        }
        p = port_lookup(d, e->reset_next++);
        if (p)
            port_close(d, p, hypervisor);
    }
    return false;
}

static int close_all(struct domain *d, bool hypervisor, bool (*preempt)(void))
{
    bool done;

    do {
        spin_lock(&d->evtchn.lock);
        done = close_slice(d, hypervisor);
        spin_unlock(&d->evtchn.lock);
        if (!done && preempt())
            return -ERESTART;
    } while (!done);
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
    fifo_destroy(d);
    spin_unlock(&d->evtchn.lock);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            evtchn_vcpu_destroy(d->vcpus[i]);
    return 0;
}

/* The number of a callback, plus 1; 0 if there are too many. */
static unsigned consumer_number(evtchn_consumer *notify)
{
    unsigned found = 0;

    spin_lock(&consumers.lock);
    for (unsigned i = 0; i < MAX_CONSUMERS && !found; i++) {
        if (!consumers.notify[i])
            consumers.notify[i] = notify;
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

static void port_dump(struct domain *d, struct port *p)
{
    static const char *const names[] = { "free", "unbound", "interdomain", "virq", "ipi" };
    struct evtchn_port_status status;
    int pending = evtchn_port_pending(d, p->number);

    if (p->state == PORT_FREE)
        return;
    evtchn_status(d, p->number, &status);
    printk("d%u port %u: %s%s vcpu %u, peer d%u/%u, virq %u%s\n", d->id, p->number, names[p->state],
           p->consumer ? " (hypervisor)" : "", status.vcpu, status.remote_domain, status.remote_port, status.virq,
           pending > 0 ? ", pending" : "");
}

unsigned evtchn_pages(const struct domain *d)
{
    unsigned pages = 0;

    for (unsigned i = 0; i < d->evtchn.nr_buckets; i++)
        pages += d->evtchn.buckets[i].ports != NULL;
    return pages;
}

void evtchn_dump(struct domain *d)
{
    for (uint32_t number = 1; number <= d->evtchn.max_port; number++) {
        struct port *p = port_lookup(d, number);

        if (p)
            port_dump(d, p);
    }
}
