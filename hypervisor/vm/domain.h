// SPDX-License-Identifier: Apache-2.0
/*
 * A domain: memory, vCPUs, ports and grants under one number.
 *
 * Life: created (by abi/domctl.c or boot/dom0/dom0.c) -> alive -> dying (destroy
 * takes everything back in slices) -> dead, which lasts until the last page or reference is dropped, then freed.
 * A reference (domain_get) keeps the struct; it does not keep the domain alive.
 */
#pragma once

#include "base/cpu.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "lib/base.h"
#include "lib/list.h"
#include "arch/lock.h"
#include "arch/nospec.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/evtchn/evtchn.h"
#include "vm/grant/grant.h"
#include "vm/mmio.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/vuart.h"

#define DOMID_FIRST_RESERVED_ 0x7ff0u  /* DOMID_FIRST_RESERVED of xen/include/public/xen.h */
#define DOMAIN_MAX_VCPUS      128
#define DOMAIN_HVM_PARAMS     39       /* HVM_NR_PARAMS of xen/include/public/hvm/params.h */
#define DOMAIN_WATCHDOGS      2

enum domain_life { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

/* The ranges of device memory and interrupts that a domain may map: a short sorted array of closed ranges. */
struct range_set {
    struct range { uint64_t first, last; } *ranges;
    unsigned count, capacity;
};
int range_set_add(struct range_set *s, uint64_t first, uint64_t last);
int range_set_remove(struct range_set *s, uint64_t first, uint64_t last);
bool range_set_contains(const struct range_set *s, uint64_t first, uint64_t last);
void range_set_free(struct range_set *s);

struct domain {
    domid_t id;
    bool privileged;             /* dom0: may use domctl, sysctl, map foreign memory */
    bool direct_mapped;          /* gfn == mfn for its RAM */
    bool hypervisor_console;     /* its CONSOLEIO goes to the real console: dom0 */
    uint32_t refs;               /* atomic */
    struct list node;            /* domain list, ordered by id; domain.c's lock */
    enum domain_life life;
    uint8_t handle[16];
    uint32_t ssidref;
    uint32_t flags;              /* XEN_DOMCTL_CDF_* that it was created with */

    unsigned max_vcpus;
    struct vcpu **vcpus;         /* max_vcpus of them; an entry is NULL until created, and once destroyed */
    struct vcpu *destroyed_vcpus;   /* whoever has a reference to the domain may still look at one */

    /* Memory */
    struct frame_owner frames;
    struct p2m p2m;

    /* What the guest sees of us */
    void *shared_info;           /* hypervisor page, also in the p2m where the guest put it */
    gfn_t shared_info_gfn;       /* there; INVALID_GFN from the start */
    uint32_t suspend_port;       /* XEN_DOMCTL_subscribe: gets an event instead of VIRQ_DOM_EXC on SHUTDOWN_suspend; 0: none */
    bool started;                /* was unpaused once: built by then, what only a builder may do is over */
    uint64_t hvm_params[DOMAIN_HVM_PARAMS];
    uint64_t counter_offset;     /* CNTVOFF_EL2, ticks: its counter, and with it its system time, began then, and stood still while frozen */
    int64_t time_offset_seconds; /* XEN_DOMCTL_settimeoffset */

    struct domain_evtchn evtchn;
    struct domain_grants grants;
    struct domain_vgic vgic;
    struct vuart vuart;
    struct sched_domain sched;

    /* Pausing and ending */
    uint32_t pause_count;            /* all of it; atomic */
    uint32_t controller_pause_count; /* the toolstack's part */
    struct spinlock shutdown_lock;
    bool shutting_down;              /* vCPUs stopped, toolstack told */
    unsigned shutdown_code;
    bool shutdown_latched;           /* shutdown_code is what a later shutdown reports */
    unsigned destroy_step;           /* how far domain_destroy has come */

    struct range_set iomem_caps;     /* machine frames */
    struct range_set irq_caps;       /* physical interrupts */

    struct {
        struct timer timer;
        bool in_use;
        uint64_t left;               /* ticks, while they stand still */
    } watchdogs[DOMAIN_WATCHDOGS];
    unsigned watchdogs_halted GUARDED_BY(watchdog_lock);   /* nested */
    struct spinlock watchdog_lock;

    bool frozen;                     /* by a host sleep (freeze.c) */
    bool was_suspended;              /* ... when it had suspended itself already */
    uint64_t frozen_at;              /* ticks */

    bool runstate_update_flag;       /* VMASST_TYPE_runstate_update_flag: vcpu.c marks an area that it is writing */

    uint64_t created_ns;

    struct mmio_region mmio[MMIO_REGIONS];   /* vm/mmio.c's; only grows, before vCPUs run */
    unsigned mmio_count;
    struct vcpu *last_vcpu[MAX_CPUS];        /* whose stage-1 entries each CPU's TLB may hold */
};

/* What a new domain is to be. */
struct domain_config {
    unsigned max_vcpus;          /* 1 .. DOMAIN_MAX_VCPUS */
    unsigned nr_spis;            /* multiple of 32, <= 960 */
    unsigned max_event_ports;    /* highest allowed port number */
    unsigned max_grant_frames, max_maptrack_frames;
    bool privileged, direct_mapped;
    uint32_t flags;
    uint8_t handle[16];
    uint32_t ssidref;
};

/*
 * Creates a domain with no memory and no vCPUs contexts, paused once by the controller (as XEN_DOMCTL_createdomain says).
 * id: wanted number, or 0xffff for the next free one. -EEXIST, -EINVAL, -ENOMEM. The creator's reference is the list's.
 */
int domain_create(domid_t id, const struct domain_config *config, struct domain **out);

/* The domain whose number this is, with no reference: only where something of the domain (a page) keeps it from going. */
struct domain *domain_of_id(domid_t id);

/* A reference, or NULL. By exact id; the first with an id >= `id` (for listing). */
struct domain *domain_get(domid_t id);
struct domain *domain_get_from(domid_t id);
static inline struct domain *domain_of_frames(struct frame_owner *o) { return container_of(o, struct domain, frames); }
bool domain_hold(struct domain *d);      /* one more; false if the struct is about to be freed */
void domain_put(struct domain *d);

/* Takes the domain apart. -ERESTART: call again. Idempotent; 0 when everything that is the domain's own is given back. */
int domain_destroy(struct domain *d);

void domain_pause(struct domain *d);            /* nested, and waits until no vCPU runs; not for one's own domain */
void domain_unpause(struct domain *d);
int domain_pause_by_controller(struct domain *d);    /* -EOVERFLOW after too many */
int domain_unpause_by_controller(struct domain *d);  /* -EINVAL if it was not */

/* The guest's memory is gone and it can never run again; nothing but its number and what others hold of it is left. */
static inline bool domain_is_dying(const struct domain *d) { return d->life != DOMAIN_ALIVE; }

/* Ends the guest's run with a SHUTDOWN_* reason and tells the toolstack by VIRQ_DOM_EXC. Safe from any context of the domain. */
void domain_shutdown(struct domain *d, unsigned reason);
/* SCHEDOP_shutdown_code: the code that a later domain_shutdown() reports instead of its own; the first one latched stays. */
void domain_latch_shutdown(struct domain *d, unsigned reason);
/* The guest did what cannot go on: one console line, then domain_shutdown(SHUTDOWN_crash). */
void domain_crash(struct domain *d, const char *fmt, ...) PRINTF(2, 3);
/* After SHUTDOWN_suspend: the guest goes on (XEN_DOMCTL_resumedomain). */
void domain_resume(struct domain *d);

static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned id)
{
    return id < d->max_vcpus ? __atomic_load_n(&d->vcpus[index_nospec(id, d->max_vcpus)], __ATOMIC_ACQUIRE) : NULL;
}

extern struct domain *dom0;   /* the hardware domain, once built */

/* Sends a global VIRQ (VIRQ_CONSOLE, VIRQ_DOM_EXC, ...) to the domain that handles it: dom0, on vCPU 0. */
void domain_send_global_virq(unsigned virq);

/* Wall clock: nanoseconds since the epoch at system time 0, set by dom0 (XENPF_settime) and told to every domain in its own time. */
void wallclock_set(uint64_t epoch_ns_at_boot);
void wallclock_update(struct domain *d);
/* A domain's counter begins at 0 now. Before it runs. */
void domain_start_clock(struct domain *d);
/* Seconds since the epoch at this system time; 0: dom0 has not set the clock yet. */
uint64_t wallclock_at(uint64_t system_time_ns);

/* SCHEDOP_watchdog: id 0 takes a free one. Returns the id (1..2), 0, or -errno. */
int domain_watchdog(struct domain *d, unsigned id, unsigned timeout_seconds);
/* While their domain sleeps they stand still (nested), and then go on with the time that they had left. */
void domain_watchdogs_halt(struct domain *d);
void domain_watchdogs_continue(struct domain *d);

/* A host sleep: every domain but dom0 stands still, and its virtual counter with it. One that has suspended itself stays so. */
struct sleep_stage;
extern const struct sleep_stage domains_stage;
/* While that is entered: the interrupt of a domain that had suspended itself came meanwhile. */
bool domains_woken(void);

/* It has suspended itself by PSCI SYSTEM_SUSPEND. */
bool domain_is_suspended(const struct domain *d);
/* Wakes it, whatever it waits for. False: it is not suspended. */
bool domain_wake(struct domain *d);
