// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages a running guest has written to: the hypervisor's log of dirty pages (XEN_DOMCTL_shadow_op). Functions
 * return 0 or -errno.
 */
#pragma once

#include <stdint.h>

#include "tools/helper/memory.h"

/*
 * From now on it is kept; `chunks` from the first on are looked at. A log kept already is taken over: its keeper finds
 * out by the period. -EBUSY: another of these programs is at it.
 */
int track_begin(const struct guest_memory *m, uint64_t chunks);
/* As left by track_leave_on() in that period: the pages written to since are taken first. -ESTALE: that has gone by. */
int track_go_on(const struct guest_memory *m, uint64_t chunks, uint32_t period);
void track_end(const struct guest_memory *m);
/* It is kept still; the period says what for. */
void track_leave_on(const struct guest_memory *m);

/*
 * The pages written to since the last time, *pages of them; kept until the next time. -ESTALE: somebody else has
 * asked in between, and was told a part of them.
 */
int track_take(const struct guest_memory *m, uint64_t *pages);
/* How many have been written to since; they are told next time all the same. */
int track_count(const struct guest_memory *m, uint64_t *pages);
/* Of the writes from then on. */
uint32_t track_period(void);
/* Of the pages taken, those of a chunk. */
void track_dirty(uint64_t gfn, uint64_t dirty[CHUNK_WORDS]);
