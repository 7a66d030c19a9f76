// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks of free frames, for mm/frames.c: a block has no owner between taking and putting back. Every function takes
 * the lock itself.
 */
#pragma once

#include "mm/frame_table.h"

/* of frame numbers, by how many bits they have: to be below an address costs no search */
#define BUDDY_ZONES    37
#define BUDDY_ANYWHERE (BUDDY_ZONES - 1)

/*
 * A block of 2^order frames below 2^bits, for an owner, whose claim it uses up; or, with NULL, for the hypervisor,
 * which may take claimed frames, too: it takes few, and refusing them would help no domain. NULL: there is none.
 */
struct frame *buddy_take(struct frame_owner *o_or_null, unsigned order, unsigned bits);
/* Exactly that one. NULL: it is not free, or not whole. */
struct frame *buddy_take_at(mfn_t first, unsigned order);
void buddy_put(struct frame *f, unsigned order);
