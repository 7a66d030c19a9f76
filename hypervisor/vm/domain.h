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
#include "lib/base.h"
#include "arch/lock.h"
#include "arch/nospec.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/arm64/core.h"
#include "vm/arm64/cpu_view.h"
#include "vm/arm64/vuart.h"
#include "vm/capabilities.h"
#include "vm/clock.h"
#include "vm/evtchn/evtchn.h"
#include "vm/freeze.h"
#include "vm/grant/grant.h"
#include "vm/mmio.h"
#include "vm/params.h"
#include "vm/pause.h"
#include "vm/records.h"
#include "vm/registry.h"
#include "vm/runstate.h"
#include "vm/shared_info.h"
#include "vm/shutdown.h"
#include "vm/vgic/vgic.h"
#include "vm/watchdog.h"

#define DOMAIN_MAX_VCPUS      128

enum domain_life { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

/* Each part that is a struct of its own is written by its own file only. */
struct domain {
    domid_t id;
    bool privileged;             /* dom0: may use domctl, sysctl, map foreign memory */
    bool direct_mapped;          /* gfn == mfn for its RAM */
    bool hypervisor_console;     /* its CONSOLEIO goes to the real console: dom0 */
    uint32_t refs;               /* atomic */
    enum domain_life life;
    uint8_t handle[16];
    uint32_t ssidref;
    uint32_t flags;              /* XEN_DOMCTL_CDF_* that it was created with */

    unsigned max_vcpus;
    struct vcpu **vcpus;         /* max_vcpus of them; an entry is NULL until created, and once destroyed */
    struct vcpu *destroyed_vcpus;   /* holders of a reference to the domain may still look at them */

    /* Memory */
    struct frame_owner frames;
    struct p2m p2m;

    struct domain_shared_info shared_info;
    struct domain_params params;
    struct domain_clock clock;
    struct domain_watchdogs watchdogs;
    struct domain_capabilities capabilities;
    struct domain_evtchn evtchn;
    struct domain_grants grants;
    struct domain_vgic vgic;
    struct domain_mmio mmio;
    struct vuart vuart;
    struct sched_domain sched;
    struct domain_core core;
    struct domain_cpu_view cpu_view;
    struct domain_runstate runstate;

    struct domain_pause pause;
    struct domain_shutdown shutdown;
    struct domain_freeze freeze;
    struct domain_records records;
    unsigned destroy_step;           /* how far domain_destroy has come */
};

/* The wishes for a new domain. */
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
 * Creates a domain with no memory and no vCPUs contexts, paused once by the controller (as XEN_DOMCTL_createdomain
 * says). id: wanted number, or 0xffff for the next free one. -EEXIST, -EINVAL, -ENOMEM. The creator's reference is that
 * of its life, which domain_destroy() drops.
 */
int domain_create(domid_t id, const struct domain_config *config, struct domain **out);

static inline struct domain *domain_of_frames(struct frame_owner *o) { return container_of(o, struct domain, frames); }

/*
 * Takes the domain apart. -ERESTART: call again. Idempotent; 0 when everything that is the domain's own is given back.
 */
int domain_destroy(struct domain *d);

/* The guest's memory is gone and it can never run again; its number, and frames that others hold, are left. */
static inline bool domain_is_dying(const struct domain *d) { return d->life != DOMAIN_ALIVE; }

/* Frees tables and the struct, with the last reference. registry.c calls it, when nobody can find d any more. */
void domain_free(struct domain *d);

/* XEN_DOMCTL_setdomainhandle: the toolstack's name for it, 16 bytes. */
void domain_set_handle(struct domain *d, const uint8_t handle[16]);
void domain_get_handle(const struct domain *d, uint8_t handle[16]);

static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned id)
{
    return id < d->max_vcpus ? __atomic_load_n(&d->vcpus[index_nospec(id, d->max_vcpus)], __ATOMIC_ACQUIRE) : NULL;
}

extern struct domain *dom0;   /* the hardware domain, once built */

/* It has suspended itself by PSCI SYSTEM_SUSPEND. */
bool domain_is_suspended(const struct domain *d);
/* Wakes it, without the event that it waits for. False: it is not suspended. */
bool domain_wake(struct domain *d);

extern const struct record_kind domain_record;
