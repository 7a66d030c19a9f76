// SPDX-License-Identifier: Apache-2.0
/*
 * The page that a guest reads of us (struct shared_info, xen/include/public/xen.h): event channels and the wall clock
 * are in it.
 */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"
#include "mm/frames.h"

struct domain;
struct shared_info;

/* shared_info.c's; vm/evtchn/ sets the bits of events in the page. */
struct domain_shared_info {
    struct spinlock lock;         /* orders mapping and writing it with its end */
    /* also in the p2m where the guest put it; NULL before and after; written under the lock */
    struct shared_info *page;
    gfn_t gfn;                    /* there; INVALID_GFN from the start; written under the lock */
};

/* -ENOMEM. */
int shared_info_create(struct domain *d);
/* Idempotent. Nobody sends events to the domain any more, and its p2m is empty and stays so. */
void shared_info_destroy(struct domain *d);
/* Puts it at gfn, and away from where it was. -EINVAL for a dying domain; errors of p2m_map(). */
MUST_CHECK int shared_info_map(struct domain *d, gfn_t gfn);
/* The time of day, in seconds and ns since the epoch, when the guest's counter was 0. */
void shared_info_set_clock(struct domain *d, uint64_t seconds, uint32_t ns);

struct record_kind;
extern const struct record_kind shared_info_record;
