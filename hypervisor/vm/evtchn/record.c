// SPDX-License-Identifier: Apache-2.0
/*
 * The records of event channels: of each vCPU where its guest looks, of the domain what each port is. Pending events
 * stand in memory that the guest shares with us: the shared info page's record, and pages of its own. A domain that
 * has given its ports up has none here, and no FIFO form; only where its vcpu_info are is still so, for that it does
 * not say again.
 *
 * Memory may have been saved later than the records, and events of others may have come between. So memory is
 * believed where both say something: a vCPU whose vcpu_info tells of an upcall has the interrupt, too, and queues begin
 * and end where their heads and links do.
 */
#include "vm/evtchn/internal.h"

#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/records.h"

/* --- A vCPU's: where nothing is (any more) it has registered nothing --- */

struct vcpu_record {
    uint64_t info_gfn;           /* or that of INVALID_GFN: nothing was registered */
    uint32_t info_offset;
    uint32_t control_offset;
    uint64_t control_gfn;        /* FIFO; as above */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];
};

static int vcpu_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;
    struct vcpu *v = domain_vcpu(d, instance);
    struct vcpu_record r = { .info_gfn = INVALID_GFN.gfn, .control_gfn = INVALID_GFN.gfn };
    bool there = true;

    spin_lock(&d->evtchn.lock);
    /* A guest that has given the page away does not see our writes to it. */
    if (mfn_valid_number(v->evtchn.info_frame) && record_place_is(d, v->evtchn.info_gfn, v->evtchn.info_frame)) {
        r.info_gfn = v->evtchn.info_gfn.gfn;
        r.info_offset = (uint32_t)((uintptr_t)v->evtchn.info & ~PAGE_MASK);
    }
    if (!domain_awaits_resume(d) && fifo_control(v, &r.control_gfn, &r.control_offset, r.tail))
        there = record_place_is(d, GFN(r.control_gfn), fifo_control_frame(v));
    spin_unlock(&d->evtchn.lock);
    record_write(w, &r, sizeof(r));
    return there ? 0 : record_refuse_save(w, -EINVAL, "has its control block where the guest has no memory any more");
}

static bool place_is_possible(struct domain *d, uint64_t gfn, uint32_t offset, size_t size)
{
    if (gfn == INVALID_GFN.gfn)
        return offset == 0;
    return offset % 8 == 0 && offset <= PAGE_SIZE - size && record_place_is_ram(d, GFN(gfn));
}

static int vcpu_check(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct vcpu *v = domain_vcpu(d, instance);
    struct vcpu_record r;

    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (!place_is_possible(d, r.info_gfn, r.info_offset, sizeof(struct vcpu_info)))
        return record_refuse(in, -EBADMSG, "has its vcpu_info where the domain has no memory");
    if (!place_is_possible(d, r.control_gfn, r.control_offset, sizeof(struct evtchn_fifo_control_block)))
        return record_refuse(in, -EBADMSG, "has its control block where the domain has no memory");
    for (unsigned i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        if (r.tail[i] > PORT_MAX || (r.tail[i] && r.control_gfn == INVALID_GFN.gfn))
            return record_refuse(in, -EBADMSG, "has a queue that ends with a port that there is not");
    if (mfn_valid_number(v->evtchn.info_frame) || v->evtchn.fifo)
        return record_refuse(in, -EBUSY, "is for a vCPU that has registered these already");
    return 0;
}

static int vcpu_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct vcpu *v = domain_vcpu(d, instance);
    struct vcpu_record r;
    int error = 0;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    if (r.info_gfn != INVALID_GFN.gfn)
        error = evtchn_reattach_vcpu_info(v, GFN(r.info_gfn), r.info_offset);
    if (!error && r.control_gfn != INVALID_GFN.gfn)
        error = evtchn_init_control(d, instance, GFN(r.control_gfn), r.control_offset);
    if (!error && r.control_gfn != INVALID_GFN.gfn)
        fifo_set_tails(v, r.tail);
    if (!error && evtchn_upcall_pending(v))
        vgic_inject(d, v, GUEST_EVTCHN_PPI);
    return error;
}

const struct record_kind evtchn_vcpu_record = {
    .name = "EVTCHN_VCPU", .id = RECORD_EVTCHN_VCPU, .version = 1, .count = record_count_vcpus,
    .save = vcpu_save, .check = vcpu_check, .restore = vcpu_restore,
};

/* --- The ports --- */

struct table_record {
    uint32_t nr_ports, nr_pages;   /* FIFO's pages of event words: a frame number each, then the ports */
    uint32_t fifo, zero;           /* the form; version 1 ends before */
};

#define TABLE_V1_SIZE offsetof(struct table_record, fifo)

enum saved_state { SAVED_UNBOUND = 1, SAVED_INTERDOMAIN, SAVED_VIRQ, SAVED_IPI };

struct port_record {
    uint32_t number;             /* ascending */
    uint32_t remote_port;        /* interdomain; for people */
    uint16_t state, vcpu;
    uint16_t remote;             /* unbound: may connect; interdomain: was connected */
    uint16_t queue;              /* FIFO: where its last event was queued */
    uint32_t virq;
    uint8_t priority, missed, zero[2];
};

_Static_assert(sizeof(struct port_record) == 24 && sizeof(struct vcpu_record) == 88 && TABLE_V1_SIZE == 8 &&
                   sizeof(struct table_record) == 16,
               "the records' layout");

static void port_save(struct port *p, struct record_writer *w)
{
    static const uint8_t states[] = {
        [PORT_UNBOUND] = SAVED_UNBOUND,
        [PORT_INTERDOMAIN] = SAVED_INTERDOMAIN,
        [PORT_VIRQ] = SAVED_VIRQ,
        [PORT_IPI] = SAVED_IPI,
    };
    struct port_record r = { .number = p->number };

    spin_lock(&p->lock);
    r.state = states[p->state];
    r.vcpu = p->vcpu;
    r.queue = p->queue;
    r.priority = p->priority;
    r.missed = p->missed;
    if (p->state == PORT_UNBOUND) {
        r.remote = p->remote;
    } else if (p->state == PORT_INTERDOMAIN) {
        r.remote = p->peer.domain->id;
        r.remote_port = p->peer.port->number;
    } else if (p->state == PORT_VIRQ) {
        r.virq = p->virq;
    }
    spin_unlock(&p->lock);
    record_write(w, &r, sizeof(r));
}

static bool pages_save(struct domain *d, unsigned nr_pages, struct record_writer *w) REQUIRES(d->evtchn.lock)
{
    bool there = true;

    for (unsigned i = 0; i < nr_pages; i++) {
        mfn_t frame;
        gfn_t gfn = fifo_page(d, i, &frame);

        there &= record_place_is(d, gfn, frame);
        record_write(w, &gfn.gfn, sizeof(gfn.gfn));
    }
    return there;
}

static int table_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;
    bool given_up = domain_awaits_resume(d), there;
    struct table_record r = { 0 };

    (void)instance;
    spin_lock(&d->evtchn.lock);
    r.fifo = !given_up && fifo_of(d);
    r.nr_ports = given_up ? 0 : d->evtchn.ports_used - d->evtchn.consumer_ports;
    r.nr_pages = given_up ? 0 : fifo_pages(d);
    record_write(w, &r, sizeof(r));
    there = pages_save(d, r.nr_pages, w);
    for (struct port *p = port_next_in_use(d, 1); p && !given_up; p = port_next_in_use(d, p->number + 1))
        if (!p->consumer)
            port_save(p, w);
    spin_unlock(&d->evtchn.lock);
    return there ? 0 : record_refuse_save(w, -EINVAL, "has event words where the guest has no memory any more");
}

#define USED_OTHERWISE "has a port that the new domain uses for something else"

/* The toolstack has opened it for the guest already, for the same domain. */
static bool port_is(const struct port *p, const struct port_record *r) REQUIRES(p->lock)
{
    if (p->consumer || (r->state != SAVED_UNBOUND && r->state != SAVED_INTERDOMAIN))
        return false;
    return (p->state == PORT_UNBOUND && p->remote == r->remote) ||
           (p->state == PORT_INTERDOMAIN && p->peer.domain->id == r->remote);
}

static bool port_may_be(struct domain *d, const struct port_record *r)
{
    struct port *p = port_lookup(d, r->number);
    bool may;

    if (!p)
        return true;
    spin_lock(&p->lock);
    may = p->state == PORT_FREE || port_is(p, r);
    spin_unlock(&p->lock);
    return may;
}

/* virqs: a bit for each that a vCPU has a port for, so far. */
static bool virq_is_possible(const struct port_record *r, uint32_t *virqs)
{
    uint32_t *of_vcpu;
    bool first;

    if (r->state != SAVED_VIRQ)
        return r->virq == 0;
    if (r->virq >= EVTCHN_NR_VIRQS)
        return false;
    of_vcpu = &virqs[virq_is_global(r->virq) ? 0 : r->vcpu];
    first = !(*of_vcpu & 1u << r->virq);
    *of_vcpu |= 1u << r->virq;
    return first;
}

static int port_check(struct domain *d, const struct port_record *r, uint32_t last, uint32_t limit, uint32_t *virqs,
                      struct record_reader *in)
{
    if (r->number <= last || r->number >= limit)
        return record_refuse(in, -EBADMSG, "has ports out of order, or more than the domain may have");
    if (r->state < SAVED_UNBOUND || r->state > SAVED_IPI || r->vcpu >= d->max_vcpus ||
        r->priority > EVTCHN_FIFO_PRIORITY_MIN || r->queue >= d->max_vcpus * EVTCHN_FIFO_MAX_QUEUES || r->missed > 1 ||
        r->zero[0] || r->zero[1] || !virq_is_possible(r, virqs))
        return record_refuse(in, -EBADMSG, "has a port that there cannot be");
    return port_may_be(d, r) ? 0 : record_refuse(in, -EBUSY, USED_OTHERWISE);
}

/* Of version 1 the pages alone tell of the form. */
static bool table_read(struct record_reader *in, struct table_record *r)
{
    bool read = record_read(in, r, in->version == 1 ? TABLE_V1_SIZE : sizeof(*r));

    if (in->version == 1) {
        r->fifo = r->nr_pages != 0;
        r->zero = 0;
    }
    return read;
}

static int table_check(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    uint32_t virqs[DOMAIN_MAX_VCPUS] = { 0 }, last = 0, limit;
    struct table_record r = { 0 };
    int error = 0;

    (void)instance;
    if (!table_read(in, &r))
        return -EBADMSG;
    if (r.fifo > 1 || r.zero || (r.nr_pages && !r.fifo))
        return record_refuse(in, -EBADMSG, "has events in a form that there is not");
    if (r.nr_pages > FIFO_MAX_PAGES)
        return record_refuse(in, -EBADMSG, "has more event words than there are");
    for (unsigned i = 0; i < r.nr_pages; i++) {
        uint64_t gfn;

        if (!record_read(in, &gfn, sizeof(gfn)))
            return -EBADMSG;
        if (!record_place_is_ram(d, GFN(gfn)))
            return record_refuse(in, -EBADMSG, "has event words where the domain has no memory");
    }
    limit = (uint32_t)min_u64(d->evtchn.max_port + 1, r.fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS);
    for (uint32_t i = 0; i < r.nr_ports && !error; i++) {
        struct port_record p;

        if (!record_read(in, &p, sizeof(p)))
            return -EBADMSG;
        error = port_check(d, &p, last, limit, virqs, in);
        last = p.number;
    }
    return error;
}

static void port_become(struct domain *d, struct port *p, const struct port_record *r) REQUIRES(d->evtchn.lock, p->lock)
{
    if (r->state == SAVED_VIRQ) {
        struct vcpu *v = domain_vcpu(d, virq_is_global(r->virq) ? 0 : r->vcpu);

        p->virq = r->virq;
        port_open(d, p, PORT_VIRQ);
        __atomic_store_n(&v->evtchn.virq_port[r->virq], p->number, __ATOMIC_RELEASE);
    } else if (r->state == SAVED_IPI) {
        port_open(d, p, PORT_IPI);
    } else {
        p->remote = r->remote;
        port_open(d, p, PORT_UNBOUND);   /* its former peer connects again */
    }
}

/*
 * An event of a port that was open before, be it in the records or not, may be where the guest does not look any more,
 * or under memory that was restored since: the guest is made to look there.
 */
static void port_raise_again(struct domain *d, struct port *p) REQUIRES(d->evtchn.lock, p->lock)
{
    port_clear(d, p);
    port_raise(d, p);
}

static void ports_raise_again(struct domain *d)
{
    spin_lock(&d->evtchn.lock);
    for (struct port *p = port_next_in_use(d, 1); p; p = port_next_in_use(d, p->number + 1)) {
        spin_lock(&p->lock);
        if (!p->consumer)
            port_raise_again(d, p);
        spin_unlock(&p->lock);
    }
    spin_unlock(&d->evtchn.lock);
}

/* No event is on a queue yet, so p->queue is nobody else's. */
static void port_set(struct domain *d, struct port *p, const struct port_record *r, bool was_open)
    REQUIRES(d->evtchn.lock, p->lock)
{
    if (!was_open)
        port_become(d, p, r);
    __atomic_store_n(&p->vcpu, r->vcpu, __ATOMIC_RELAXED);
    __atomic_store_n(&p->priority, r->priority, __ATOMIC_RELAXED);
    __atomic_store_n(&p->missed, r->missed, __ATOMIC_RELAXED);
    p->queue = r->queue;
    if (was_open)
        port_raise_again(d, p);
}

/* The toolstack may have changed ports since the check. */
static int port_restore(struct domain *d, const struct port_record *r, struct record_reader *in)
{
    struct port *p;
    int error;

    spin_lock(&d->evtchn.lock);
    error = port_take(d, r->number, &p);
    if (error) {
        spin_unlock(&d->evtchn.lock);
        return error == -ENOMEM ? error : record_refuse(in, error, "has a port that its form of events has not");
    }
    spin_lock(&p->lock);
    if (p->state == PORT_FREE || port_is(p, r))
        port_set(d, p, r, p->state != PORT_FREE);
    else
        error = record_refuse(in, -EBUSY, USED_OTHERWISE);
    spin_unlock(&p->lock);
    spin_unlock(&d->evtchn.lock);
    return error;
}

static int ports_restore(struct domain *d, uint32_t nr_ports, struct record_reader *in)
{
    int error = 0;

    for (uint32_t i = 0; i < nr_ports && !error; i++) {
        struct port_record p;

        BUG_ON(!record_read(in, &p, sizeof(p)));
        error = port_restore(d, &p, in);
    }
    return error;
}

/*
 * Where the guest looks for events, FIFO's control blocks too, is there already. Without event words nothing is put
 * on a queue: an event that comes before its port is restored would be put on another one.
 */
static int table_restore(void *object, unsigned instance, struct record_reader *in)
{
    uint64_t gfns[FIFO_MAX_PAGES];
    struct domain *d = object;
    struct table_record r = { 0 };
    int error;

    (void)instance;
    BUG_ON(!table_read(in, &r));
    BUG_ON(r.nr_pages > ARRAY_SIZE(gfns) || !record_read(in, gfns, r.nr_pages * sizeof(gfns[0])));
    ports_raise_again(d);
    error = ports_restore(d, r.nr_ports, in);
    if (error || !r.nr_pages || fifo_restore_pages(d, gfns, r.nr_pages))
        return error;
    return record_refuse(in, -EINVAL, "has event words that no control block goes with, or whose memory has gone");
}

const struct record_kind evtchn_record = {
    .name = "EVTCHN", .id = RECORD_EVTCHN, .version = 2, .count = record_count_one,
    .save = table_save, .check = table_check, .restore = table_restore,
};
