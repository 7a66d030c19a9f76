// SPDX-License-Identifier: Apache-2.0
/*
 * Event channels: a domain's ports, and how an event on one becomes visible to its
 * guest (xen/include/public/event_channel.h).
 *
 * A port is free, or one end of something: waiting for a peer (unbound), connected to a port of another domain
 * (interdomain), or fed by a virtual interrupt (VIRQ) or by the domain's own vCPUs (IPI). Two locks:
 *
 *   domain_evtchn.lock  which ports are in use, and the buckets they live in;
 *   port.lock           the port's state. Connecting and disconnecting hold the locks of both ends, so a holder of that
 *                       of one end of a connection knows that the other end stays; each end holds a reference to the
 *                       other's domain.
 *
 * A send takes one lock: the sending port's. Events reach the guest in the 2-level form (twolevel.c) or, once a vCPU
 * has registered a control block, as FIFO queues (fifo.c).
 */
#pragma once

#include "cpu/timer.h"
#include "lib/base.h"
#include "arch/lock.h"

struct domain;
struct vcpu;
struct port;
struct port_bucket;
struct fifo_domain;
struct fifo_vcpu;
struct vcpu_info;

#define EVTCHN_NR_VIRQS    24    /* NR_VIRQS of xen/include/public/xen.h */
#define EVTCHN_MAX_BUCKETS 1024  /* pages of ports */

struct domain_evtchn {
    struct spinlock lock;
    struct port_bucket *buckets;     /* nr_buckets are used; their ports are allocated on demand and stay */
    unsigned nr_buckets;
    uint32_t bucket_mask;            /* there are that many and one, a power of two */
    uint64_t open_buckets[EVTCHN_MAX_BUCKETS / 64] GUARDED_BY(lock);  /* a bit for each with a port in use */
    uint64_t full_buckets[EVTCHN_MAX_BUCKETS / 64] GUARDED_BY(lock);  /* ... and for each with none that is free */
    /* below it each port is in use, or was on a queue (FIFO) when last looked at */
    uint32_t alloc_from GUARDED_BY(lock);
    uint32_t max_port;               /* the highest number the domain may have */
    uint32_t ports_used GUARDED_BY(lock);
    uint32_t consumer_ports GUARDED_BY(lock);  /* of these, the hypervisor's */
    bool dying GUARDED_BY(lock);     /* no more ports */
    uint32_t pollers;                /* vCPUs in SCHEDOP_poll; atomic */
    struct fifo_domain *fifo;        /* NULL: 2-level; changed under lock, see fifo_of() */
};

struct vcpu_evtchn {
    struct vcpu_info *info;          /* where the guest looks, or NULL while it has no place */
    mfn_t info_frame;                /* the registered page, a reference to it held; or INVALID_MFN */
    gfn_t info_gfn;                  /* as the guest named it */
    uint32_t poll_port;              /* atomic: 0 not polling, EVTCHN_POLL_ANY, or the one number waited for */
    uint32_t virq_port[EVTCHN_NR_VIRQS];  /* 0: not bound; changed under that port's lock */
    struct fifo_vcpu *fifo;          /* with domain_evtchn.fifo */
    struct timer poll_timeout;       /* kicks it */
};

/* A port's state, for EVTCHNOP_status and the tools; the numbers are EVTCHNSTAT_*. */
struct evtchn_port_status {
    unsigned status;
    unsigned vcpu;
    domid_t remote_domain;   /* unbound, interdomain */
    uint32_t remote_port;    /* interdomain */
    unsigned virq;           /* VIRQ */
};

/* d->shared_info is there already. max_port as createdomain has it. -ENOMEM. */
int evtchn_domain_init(struct domain *d, uint32_t max_port);
/*
 * Closes every port, and no new ones come: whatever resets are under way. -ERESTART: call again. Before the vCPUs are
 * destroyed.
 */
int evtchn_domain_destroy(struct domain *d, bool (*preempt)(void));
/* Frees the tables; with the last reference to d, when no port is in use. Harmless after a failed init. */
void evtchn_domain_free(struct domain *d);
/* v->id and v->domain are set. */
void evtchn_vcpu_init(struct vcpu *v);
/* Drops the registered vcpu_info. evtchn_domain_destroy does it for all; harmless a second time. */
void evtchn_vcpu_destroy(struct vcpu *v);

/*
 * EVTCHNOP_*. d is the domain whose ports they are; the caller decides on privilege. All return 0 or: -EINVAL (no
 * such port, or not in a state for that), -ENOSPC (no port left), -ENOMEM, -ENOENT (no such vCPU), -EEXIST, and as
 * noted.
 */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port);
int evtchn_bind_virq(struct domain *d, unsigned virq, unsigned vcpu, uint32_t *port);
int evtchn_bind_ipi(struct domain *d, unsigned vcpu, uint32_t *port);
int evtchn_close(struct domain *d, uint32_t port);
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_status(struct domain *d, uint32_t port, struct evtchn_port_status *status);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, unsigned vcpu);
int evtchn_unmask(struct domain *d, uint32_t port);
/*
 * Closes all ports that are the guest's own and goes back to the 2-level form. -ERESTART: call again, or not: nothing
 * is kept from one call to the next. -EAGAIN: others were opened meanwhile.
 */
int evtchn_reset(struct domain *d, bool (*preempt)(void));
/* FIFO. init_control: the page at `gfn` holds v's control block at `offset`. */
int evtchn_init_control(struct domain *d, unsigned vcpu, gfn_t gfn, uint32_t offset);
int evtchn_expand_array(struct domain *d, gfn_t gfn);     /* -EOPNOTSUPP before init_control */
int evtchn_set_priority(struct domain *d, uint32_t port, unsigned priority);  /* -ENOSYS before init_control */

/*
 * VCPUOP_register_vcpu_info: the guest's page takes over; everything is marked pending once. -EINVAL: a second time, or
 * v is online and not the caller, or the place is not aligned or leaves the page.
 */
int evtchn_register_vcpu_info(struct vcpu *v, gfn_t gfn, uint32_t offset);

/*
 * The same for v of a restored domain, which has registered it already: its contents stay as they are. -EINVAL: no RAM.
 */
int evtchn_reattach_vcpu_info(struct vcpu *v, gfn_t gfn, uint32_t offset);

struct record_kind;
extern const struct record_kind evtchn_record, evtchn_vcpu_record;

/*
 * A virtual interrupt of one vCPU; of the domain that handles a global one (dom0 unless changed). Nobody bound: no
 * effect.
 */
void evtchn_send_virq(struct vcpu *v, unsigned virq);
void evtchn_send_global_virq(unsigned virq);
/*
 * XEN_DOMCTL_set_virq_handler: -EINVAL if virq is not a global one, -ESRCH if d dies. Until d dies, when dom0 takes it
 * back.
 */
int evtchn_set_virq_handler(struct domain *d, unsigned virq);

/*
 * Ports whose local end is the hypervisor (the vuart's): the guest d cannot touch them; an event from the peer calls
 * notify, with the peer's port lock held: it may inject interrupts and take its own lock, but not call evtchn_*.
 */
typedef void evtchn_consumer(struct domain *d, uint32_t port);
int evtchn_alloc_consumer(struct domain *d, domid_t remote, evtchn_consumer *notify, uint32_t *port);
void evtchn_free_consumer(struct domain *d, uint32_t port);
/* Sends to the peer of such a port; no effect without a peer. */
void evtchn_notify(struct domain *d, uint32_t port);

/*
 * SCHEDOP_poll. begin: from now on the next event on `port` (EVTCHN_POLL_ANY: on any port; 0: on none) ends the poll
 * and kicks v; look with evtchn_port_pending after it, then block, and look with evtchn_polling after that: an event
 * that came between has found v awake. A v that goes on for another reason leaves its poll to the next event or poll,
 * which costs a needless kick. set_timeout: it is kicked at that system time, ns (0: never), as well; of the current
 * vCPU. end: may be called twice. cancel: of a vCPU that does not run; its time-out does not come either.
 */
#define EVTCHN_POLL_ANY UINT32_MAX
void evtchn_poll_begin(struct vcpu *v, uint32_t port);
void evtchn_poll_set_timeout(struct vcpu *v, uint64_t timeout_ns);
void evtchn_poll_end(struct vcpu *v);
void evtchn_poll_cancel(struct vcpu *v);
bool evtchn_polling(const struct vcpu *v);
/* 1: an event is pending, masked or not; 0: none (on one of the hypervisor's there never is); -EINVAL: no such port. */
int evtchn_port_pending(struct domain *d, uint32_t port);

/* True while the guest of v has an upcall to take (evtchn_upcall_pending); for dumps. */
bool evtchn_upcall_pending(const struct vcpu *v);

/* Pages that its ports take, for dumps. */
unsigned evtchn_pages(const struct domain *d);
/* One console line per used port (debug key 'e'). */
void evtchn_dump(struct domain *d);
