// SPDX-License-Identifier: Apache-2.0
/*
 * Between the files of the event channels: the port, and the two forms in which an
 * event is shown to the guest. Lock order: domain_evtchn.lock, then a port's, then fifo_domain.lock, then the vGIC's.
 * Of two connected ports' locks that of the lower address comes first; one that nothing is connected to yet may come
 * after any.
 */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"
#include "arch/nospec.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"

#define PORT_MAX        (EVTCHN_FIFO_NR_CHANNELS - 1)
#define PORTS_PER_BUCKET (PAGE_SIZE / sizeof(struct port))
#define FIFO_MAX_PAGES  (EVTCHN_FIFO_NR_CHANNELS / (PAGE_SIZE / sizeof(event_word_t)))

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ, PORT_IPI };

struct port {
    struct spinlock lock;
    uint8_t state;           /* enum port_state; to and from PORT_FREE with the domain's lock, too */
    uint8_t consumer;        /* 0: the guest's; otherwise the number of the hypervisor's callback */
    uint8_t priority;        /* FIFO: where the next event is queued; read by the sender without this lock: atomic */
    uint8_t missed;          /* FIFO: an event came while the guest had no word for it; atomic */
    uint16_t vcpu;           /* the vCPU to be told; read by the sender without this lock: atomic */
    uint16_t queue;          /* FIFO: where the last event was queued, vCPU * 16 + priority; under fifo_domain.lock */
    uint32_t number;
    union {
        struct {
            struct domain *domain;   /* a reference held */
            struct port *port;
        } peer;              /* PORT_INTERDOMAIN */
        domid_t remote;      /* PORT_UNBOUND: the domain that may connect */
        uint32_t virq;       /* PORT_VIRQ */
    };
};
_Static_assert(sizeof(struct port) == 32, "a bucket of ports fills a page");

struct port_bucket {
    struct port *ports;      /* a page of them, or NULL; set once */
    uint64_t used[PORTS_PER_BUCKET / 64];   /* a bit for each that is not PORT_FREE; under the domain's lock */
    uint64_t : 64;           /* a send finds the bucket by a shift */
};

/* Ports (port.c) */
static inline struct port *port_lookup(struct domain *d, uint32_t number)
{
    struct domain_evtchn *e = &d->evtchn;
    uint32_t bucket = number / (uint32_t)PORTS_PER_BUCKET;
    struct port *ports;

    if (unlikely(bucket > e->bucket_mask))
        return NULL;
    /* The mask holds also where the CPU only guesses that the number will turn out right (Spectre variant 1). */
    ports = __atomic_load_n(&e->buckets[bucket & e->bucket_mask].ports, __ATOMIC_ACQUIRE);
    return likely(ports) ? &ports[number % PORTS_PER_BUCKET] : NULL;
}

/* The first free port, its fields as new, still PORT_FREE. -EINVAL: dying. -ENOSPC, -ENOMEM. */
int port_alloc(struct domain *d, struct port **out) REQUIRES(d->evtchn.lock);
/* Makes a port that port_alloc gave into something. */
void port_open(struct domain *d, struct port *p, enum port_state state) REQUIRES(d->evtchn.lock, p->lock);
/* The reverse: p has no peer and no VIRQ any more. */
void port_free(struct domain *d, struct port *p) REQUIRES(d->evtchn.lock, p->lock);
/* Neither comes or goes while the domain's lock is held, though the port may change otherwise. */
bool port_in_use(const struct domain *d, const struct port *p) REQUIRES(d->evtchn.lock);
/* The first port in use with a number not below `from`, which is at least 1, or NULL. */
struct port *port_next_in_use(struct domain *d, uint32_t from) REQUIRES(d->evtchn.lock);

/* p, and its peer if it has one, which is returned: while both are locked nobody sends to p. */
struct port *port_lock_pair(struct port *p) ACQUIRES(p->lock);
void port_unlock_pair(struct port *p, struct port *peer) RELEASES(p->lock);
/*
 * The port of that number, in use or not, for a restored domain. -EINVAL: dying, or it may not have so many; -ENOMEM.
 */
int port_take(struct domain *d, uint32_t number, struct port **out) REQUIRES(d->evtchn.lock);

/* VIRQs (virq.c) */
bool virq_is_global(unsigned virq);
/* p, a VIRQ's port, is being closed. */
void virq_unbind(struct domain *d, struct port *p) REQUIRES(p->lock);
void virq_clear_handlers(struct domain *d);

/* Delivery (deliver.c). The lock of p, or of its peer, is held: so p stays what it is. */
void port_raise(struct domain *d, struct port *p);
/* No event is pending any more on p, a port of the guest's that is being freed. */
void port_clear(struct domain *d, struct port *p) REQUIRES(d->evtchn.lock, p->lock);

/*
 * Where v's guest looks, or NULL. Read after the event was made visible: a mover of the place then sees that event, or
 * we see the new place.
 */
static inline struct vcpu_info *vcpu_info_of(const struct vcpu *v)
{
    return __atomic_load_n(&v->evtchn.info, __ATOMIC_SEQ_CST);
}

/* Something became visible in v's shared memory: tells it, once until it has looked. */
static inline void vcpu_mark_events(struct vcpu *v, struct vcpu_info *info)
{
    if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        vgic_inject(v->domain, v, GUEST_EVTCHN_PPI);
}

/* The 2-level form (twolevel.c) */
void twolevel_raise(struct domain *d, struct vcpu *v, uint32_t port);
void twolevel_unmask(struct domain *d, struct vcpu *v, uint32_t port);
bool twolevel_pending(const struct domain *d, uint32_t port);
bool twolevel_masked(const struct domain *d, uint32_t port);
void twolevel_clear(struct domain *d, uint32_t port);

/*
 * The FIFO form (fifo.c). fifo_of()'s result stays valid while d's lock is held, or that of a port of the guest's in
 * use or of its peer: a port that is the hypervisor's stays open when the form changes, and has no place in either.
 */
static inline struct fifo_domain *fifo_of(const struct domain *d)
{
    return __atomic_load_n(&d->evtchn.fifo, __ATOMIC_ACQUIRE);   /* NULL: 2-level */
}

void fifo_raise(struct domain *d, struct vcpu *v, struct port *p);
void fifo_unmask(struct domain *d, struct vcpu *v, struct port *p);
bool fifo_pending(const struct domain *d, const struct port *p);
bool fifo_masked(const struct domain *d, const struct port *p);
void fifo_clear(struct domain *d, struct port *p);
/*
 * The guest has not taken the port's last event off its queue yet: it cannot be used anew. False in the 2-level form.
 */
bool fifo_busy(const struct domain *d, const struct port *p);
/* For records: v's control block (false: none), its tails, and the pages of event words. */
bool fifo_control(const struct vcpu *v, uint64_t *gfn, uint32_t *offset, uint32_t tail[EVTCHN_FIFO_MAX_QUEUES]);
mfn_t fifo_control_frame(const struct vcpu *v);
unsigned fifo_pages(const struct domain *d);
gfn_t fifo_page(const struct domain *d, unsigned page, mfn_t *frame);
void fifo_set_tails(struct vcpu *v, const uint32_t tail[EVTCHN_FIFO_MAX_QUEUES]);
/*
 * All pages of a restored domain's event words, n of them; its control blocks and their tails are there, and its ports,
 * for an event is linked where they say. The tails move to where the links in its memory end, before any event can be
 * linked. False: there is no control block, or one of these guest frames is no memory; nothing is held then.
 */
MUST_CHECK bool fifo_restore_pages(struct domain *d, const uint64_t *gfns, unsigned n);
/* Back to 2-level; no port of the guest's is in use. */
void fifo_destroy(struct domain *d) REQUIRES(d->evtchn.lock);
