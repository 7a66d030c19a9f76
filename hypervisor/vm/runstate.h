// SPDX-License-Identifier: Apache-2.0
/*
 * How long a vCPU ran, waited for a CPU, waited for something else or was off (xen/include/public/vcpu.h), and the area
 * in its guest's memory that says so to the guest.
 */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"

struct domain;
struct vcpu;

enum runstate { RUNSTATE_RUNNING, RUNSTATE_RUNNABLE, RUNSTATE_BLOCKED, RUNSTATE_OFFLINE, RUNSTATE_COUNT };

struct vcpu_runstate {
    struct spinlock lock;
    enum runstate state GUARDED_BY(lock);
    uint64_t since GUARDED_BY(lock);                   /* system time, ns */
    uint64_t time[RUNSTATE_COUNT] GUARDED_BY(lock);    /* ns, up to `since` */
    void *area GUARDED_BY(lock);         /* the guest's registered copy, in the direct map, or NULL */
    void *area_second GUARDED_BY(lock);  /* its other half where it crosses a page */
    mfn_t frame[2] GUARDED_BY(lock);     /* the references held for them */
    gfn_t gfn[2] GUARDED_BY(lock);       /* as the guest named them */
};

struct domain_runstate {
    bool update_flag;   /* an area that is being written is marked; atomic */
};

/* v's domain is set; it is off. */
void runstate_vcpu_init(struct vcpu *v);
/* Drops the area. */
void runstate_vcpu_destroy(struct vcpu *v);

/* v's run states up to now. Any vCPU. */
struct runstate_info {
    enum runstate state;
    uint64_t since_ns;
    uint64_t time_ns[RUNSTATE_COUNT];
};
void runstate_get(struct vcpu *v, struct runstate_info *out);

/*
 * VCPUOP_register_runstate_memory_area: the area begins at `offset` (8-aligned) in gfn[0] and, where it crosses the
 * page, goes on in gfn[1] (else INVALID_GFN). It is held in place of the one before, and written once. -EFAULT: no
 * memory of the domain's that it may write.
 */
int runstate_set_area(struct vcpu *v, const gfn_t gfn[2], unsigned offset);
/* Whether an area at `offset` crosses the page. */
bool runstate_area_crosses(unsigned offset);

struct record_kind;
extern const struct record_kind runstate_record;

/* VMASST_TYPE_runstate_update_flag, of all the domain's areas. */
void runstate_set_update_flag(struct domain *d, bool on);
