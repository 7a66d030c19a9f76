// SPDX-License-Identifier: Apache-2.0
/*
 * How a domain ended its own run, or was ended: a reason (SHUTDOWN_*, xen/include/public/sched.h) that the toolstack
 * acts on.
 */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"

struct domain;
struct record_kind;
struct vcpu;

/* shutdown.c's */
struct domain_shutdown {
    struct spinlock lock;
    bool down GUARDED_BY(lock);        /* vCPUs stopped, toolstack told */
    bool latched GUARDED_BY(lock);     /* a later shutdown reports `reason`, too */
    unsigned reason GUARDED_BY(lock);
    struct vcpu *caller GUARDED_BY(lock);   /* the vCPU that suspended its own domain; NULL: it did not do so itself */
    uint32_t suspend_port;             /* gets an event instead of VIRQ_DOM_EXC on SHUTDOWN_suspend; 0: none; atomic */
};

/*
 * Ends the guest's run with a SHUTDOWN_* reason and tells the toolstack by VIRQ_DOM_EXC. Safe from any context of the
 * domain. False: it had ended already.
 */
bool domain_shutdown(struct domain *d, unsigned reason);
/*
 * SCHEDOP_shutdown_code: the reason that a later domain_shutdown() reports instead of its own; the first one latched
 * stays.
 */
void domain_latch_shutdown(struct domain *d, unsigned reason);
/*
 * After SHUTDOWN_suspend: the guest goes on (XEN_DOMCTL_resumedomain), in the domain that it was in: the vCPU that made
 * the call reads 1 as its result, "the suspend was cancelled" (xen/include/public/sched.h); 0 would tell it that it is
 * in a new domain. Not of one's own domain.
 */
void domain_resume(struct domain *d);
/*
 * It is shut down to be suspended: it takes its event channels and grants for lost, and sets them up anew if it wakes
 * in a new domain.
 */
bool domain_awaits_resume(struct domain *d);
/* True: it is shut down, *reason says why. */
bool domain_is_down(struct domain *d, unsigned *reason);
/* XEN_DOMCTL_subscribe: the port of its own that is told of SHUTDOWN_suspend; 0: none. */
void domain_subscribe_suspend(struct domain *d, uint32_t port);

extern const struct record_kind shutdown_record;
