// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's watchdogs (SCHEDOP_watchdog, xen/include/public/sched.h): one that runs out shuts its domain down. If that
 * is down already, suspended perhaps and to be resumed, when it cannot feed it, it begins anew.
 */
#pragma once

#include "arch/lock.h"
#include "cpu/timer.h"
#include "lib/base.h"

struct domain;

#define DOMAIN_WATCHDOGS 2

/* watchdog.c's */
struct domain_watchdogs {
    struct spinlock lock;
    struct watchdog {
        struct timer timer;
        struct domain *domain;
        bool in_use;
        uint64_t time;                    /* ticks, that it was set to */
        uint64_t left GUARDED_BY(lock);   /* ticks, while they stand still */
    } each[DOMAIN_WATCHDOGS];
    unsigned halted GUARDED_BY(lock);     /* nested */
    bool ended GUARDED_BY(lock);
};

void watchdogs_init(struct domain *d);
/* The domain is being destroyed: none fires any more, nor can be set. */
void watchdogs_end(struct domain *d);

/*
 * SCHEDOP_watchdog: id 0 takes a free one. Returns the id (1..2), 0, or -EINVAL, -ENOSPC; -ESRCH: the domain is dying.
 */
int domain_watchdog(struct domain *d, unsigned id, unsigned timeout_seconds);
/* While their domain sleeps they stand still (nested), and then go on with the time that they had left. */
void domain_watchdogs_halt(struct domain *d);
void domain_watchdogs_continue(struct domain *d);

struct record_kind;
extern const struct record_kind watchdogs_record;   /* restored while they are halted */
