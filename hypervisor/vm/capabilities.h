// SPDX-License-Identifier: Apache-2.0
/* A domain's rights to map and bind parts of the machine: machine frames of devices, and physical interrupts. */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"
#include "lib/ranges.h"

struct domain;

enum capability { CAPABILITY_IOMEM, CAPABILITY_IRQ, CAPABILITY_COUNT };   /* numbers of frames, of interrupts */

/* capabilities.c's */
struct domain_capabilities {
    struct spinlock lock;
    struct ranges of[CAPABILITY_COUNT] GUARDED_BY(lock);
};

/*
 * All of first..last, both counted in. Granting numbers that it has and revoking numbers that it has not changes
 * nothing. -EINVAL, -ENOMEM.
 */
int capability_grant(struct domain *d, enum capability kind, uint64_t first, uint64_t last);
int capability_revoke(struct domain *d, enum capability kind, uint64_t first, uint64_t last);
/* It has all of first..last. */
bool capability_has(struct domain *d, enum capability kind, uint64_t first, uint64_t last);
bool capabilities_are_none(struct domain *d);
void capabilities_free(struct domain *d);
