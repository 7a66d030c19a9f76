// SPDX-License-Identifier: Apache-2.0
/* Between the files of the grant tables: pinning an entry of another domain's table. */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"
#include "arch/nospec.h"

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "vm/domain.h"
#include "vm/grant/grant.h"

#define ENTRIES_PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry_v1))

/* An entry's meaning when it was first pinned; of no meaning while nobody pins it. */
struct grant_active {
    uint64_t mfn : 47, read_only : 1, user : 16;   /* the frame (a reference held), and the domain that may use it */
    uint32_t readers, writers;                     /* pins */
};
_Static_assert(sizeof(struct grant_active) == 16, "two pages of these to a grant frame");
#define ACTIVE_ORDER 1

/*
 * Pins entry `ref` of granter's table for `user`: until grant_unpin() its frame stays, and its flags say that it is in
 * use. granter is held by the caller. GNTST_*.
 */
int grant_pin(struct domain *granter, uint32_t ref, const struct domain *user, bool write, mfn_t *mfn);
void grant_unpin(struct domain *granter, uint32_t ref, bool write);

/*
 * Whether `user` has pinned an entry of granter's that means this frame: 1, 0, or -ERESTART. The table is searched from
 * its frame *next on, which moves on.
 */
int grant_is_pinned(struct domain *granter, const struct domain *user, mfn_t mfn, unsigned *next,
                    bool (*preempt)(void));

/* Gives back d's mappings, and frees its handles (map.c). */
int maptrack_release(struct domain *d, bool (*preempt)(void));
void maptrack_free(struct domain *d);
