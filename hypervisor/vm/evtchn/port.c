// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's ports: where they live, which are in use, and opening and freeing them.
 *
 * Ports live in buckets of a page; a bucket once filled stays until the domain is freed, so that a port can be looked
 * up without a lock, and then locked. Each port has a bit that says whether it is in use, each bucket one that says
 * whether any port of it is, and one whether all are: the next port that is free or in use is found in a few steps,
 * however many there are.
 */
#include "vm/evtchn/internal.h"

#include "base/printk.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

/*
 * How many closed ports that the guest still has on a queue one call looks at, before it leaves the others to the next
 * call.
 */
#define BUSY_TRIES 1024

_Static_assert(EVTCHN_MAX_BUCKETS * PORTS_PER_BUCKET == EVTCHN_FIFO_NR_CHANNELS, "a bucket for every port");

int evtchn_domain_init(struct domain *d, uint32_t max_port)
{
    struct domain_evtchn *e = &d->evtchn;

    e->max_port = max_port < PORT_MAX ? max_port : PORT_MAX;
    e->nr_buckets = e->max_port / PORTS_PER_BUCKET + 1;
    while (e->bucket_mask < e->nr_buckets - 1)
        e->bucket_mask = 2 * e->bucket_mask + 1;
    e->buckets = heap_alloc_array(e->bucket_mask + 1, sizeof(*e->buckets));
    if (!e->buckets) {
        e->nr_buckets = 0;
        return -ENOMEM;
    }
    bitmap_set(e->buckets[0].used, 0);   /* number 0 is no port */
    return 0;
}

/* Without the lock: nobody knows of it any more. */
UNCHECKED_LOCKING void evtchn_domain_free(struct domain *d)
{
    struct domain_evtchn *e = &d->evtchn;

    /* Another domain's port may point to one in use. */
    BUG_ON(e->ports_used || e->fifo || e->pollers);
    for (unsigned i = 0; i < e->nr_buckets; i++)
        if (e->buckets[i].ports)
            page_free(e->buckets[i].ports);
    heap_free(e->buckets, (e->bucket_mask + 1) * sizeof(*e->buckets));
    e->buckets = NULL;
    e->nr_buckets = 0;
}

unsigned evtchn_pages(const struct domain *d)
{
    unsigned pages = 0;

    for (unsigned i = 0; i < d->evtchn.nr_buckets; i++)
        pages += __atomic_load_n(&d->evtchn.buckets[i].ports, __ATOMIC_RELAXED) != NULL;
    return pages;
}

/* The first number that the domain may not have: its own limit, or that of the form it uses. */
static uint32_t port_limit(const struct domain *d)
{
    uint32_t form = fifo_of(d) ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;

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

/* The first free number at or after `from`, or one that is not below the domain's limit. */
static uint32_t number_find_free(const struct domain *d, uint32_t from) REQUIRES(d->evtchn.lock)
{
    const struct domain_evtchn *e = &d->evtchn;
    unsigned first = from / PORTS_PER_BUCKET, bucket = first, i = PORTS_PER_BUCKET;

    while (i == PORTS_PER_BUCKET) {
        bucket = bitmap_find(e->full_buckets, e->nr_buckets, bucket, false);
        if (bucket == e->nr_buckets)
            return UINT32_MAX;
        i = bitmap_find(e->buckets[bucket].used, PORTS_PER_BUCKET, bucket == first ? from % PORTS_PER_BUCKET : 0,
                        false);
        bucket += i == PORTS_PER_BUCKET;   /* at most once: only the first bucket is looked at from its middle */
    }
    return (uint32_t)(bucket * PORTS_PER_BUCKET + i);
}

static int port_find_free(struct domain *d, uint32_t from, struct port **out) REQUIRES(d->evtchn.lock)
{
    uint32_t number = number_find_free(d, from);
    unsigned bucket = number / PORTS_PER_BUCKET;

    if (number >= port_limit(d))
        return -ENOSPC;
    if (!d->evtchn.buckets[bucket].ports && bucket_fill(d, bucket))
        return -ENOMEM;
    *out = &d->evtchn.buckets[bucket].ports[number % PORTS_PER_BUCKET];
    return 0;
}

int port_alloc(struct domain *d, struct port **out)
{
    struct domain_evtchn *e = &d->evtchn;
    uint32_t from = e->alloc_from;

    if (e->dying)
        return -EINVAL;
    for (unsigned tries = 0; tries < BUSY_TRIES; tries++) {
        int err = port_find_free(d, from, out);

        if (err == -ENOSPC && e->alloc_from) {
            from = e->alloc_from = 0;
            continue;
        }
        if (err || !fifo_busy(d, *out))
            return err;
        from = (*out)->number + 1;
    }
    e->alloc_from = from;
    return -ENOSPC;
}

int port_take(struct domain *d, uint32_t number, struct port **out)
{
    unsigned bucket = number / PORTS_PER_BUCKET;

    if (d->evtchn.dying || !number || number >= port_limit(d))
        return -EINVAL;
    if (!d->evtchn.buckets[bucket].ports && bucket_fill(d, bucket))
        return -ENOMEM;
    *out = &d->evtchn.buckets[bucket].ports[number % PORTS_PER_BUCKET];
    return 0;
}

void port_open(struct domain *d, struct port *p, enum port_state state)
{
    struct domain_evtchn *e = &d->evtchn;
    unsigned bucket = p->number / PORTS_PER_BUCKET;
    uint64_t *used = e->buckets[bucket].used;

    __atomic_store_n(&p->priority, EVTCHN_FIFO_PRIORITY_DEFAULT, __ATOMIC_RELAXED);
    __atomic_store_n(&p->missed, 0, __ATOMIC_RELAXED);
    p->state = state;
    e->ports_used++;
    if (p->consumer)
        e->consumer_ports++;
    bitmap_set(used, p->number % PORTS_PER_BUCKET);
    bitmap_set(e->open_buckets, bucket);
    if (bitmap_find(used, PORTS_PER_BUCKET, 0, false) == PORTS_PER_BUCKET)
        bitmap_set(e->full_buckets, bucket);
}

void port_free(struct domain *d, struct port *p)
{
    struct domain_evtchn *e = &d->evtchn;
    unsigned bucket = p->number / PORTS_PER_BUCKET;
    uint64_t *used = e->buckets[bucket].used;

    /* The hypervisor's ports have no place in the guest's memory. */
    if (!p->consumer)
        port_clear(d, p);
    e->ports_used--;
    if (p->consumer)
        e->consumer_ports--;
    bitmap_clear(used, p->number % PORTS_PER_BUCKET);
    bitmap_clear(e->full_buckets, bucket);
    if (bitmap_find(used, PORTS_PER_BUCKET, 0, true) == PORTS_PER_BUCKET)
        bitmap_clear(e->open_buckets, bucket);
    if (p->number < e->alloc_from)
        e->alloc_from = p->number;
    p->consumer = 0;
    __atomic_store_n(&p->vcpu, 0, __ATOMIC_RELAXED);
    p->state = PORT_FREE;
}

bool port_in_use(const struct domain *d, const struct port *p)
{
    return p->number && bitmap_test(d->evtchn.buckets[p->number / PORTS_PER_BUCKET].used, p->number % PORTS_PER_BUCKET);
}

struct port *port_next_in_use(struct domain *d, uint32_t from)
{
    struct domain_evtchn *e = &d->evtchn;
    unsigned first = from / PORTS_PER_BUCKET;

    for (unsigned bucket = first;; bucket++) {
        unsigned i;

        bucket = bitmap_find(e->open_buckets, e->nr_buckets, bucket, true);
        if (bucket == e->nr_buckets)
            return NULL;
        i = bitmap_find(e->buckets[bucket].used, PORTS_PER_BUCKET, bucket == first ? from % PORTS_PER_BUCKET : 0, true);
        if (i < PORTS_PER_BUCKET)
            return &e->buckets[bucket].ports[i];
    }
}
