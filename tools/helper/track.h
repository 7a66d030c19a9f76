// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages a running guest has written to: the hypervisor's log of dirty pages (XEN_DOMCTL_shadow_op). Functions
 * return 0 or -errno.
 */
#pragma once

#include <stdint.h>

#include "tools/helper/memory.h"

/* From now on it is kept; `chunks` from the first on are looked at. */
int track_begin(const struct guest_memory *m, uint64_t chunks);
void track_end(const struct guest_memory *m);

/* What was written to since the last time, and *pages of how many; kept until the next time. */
int track_take(const struct guest_memory *m, uint64_t *pages);
/* Of that, the pages of a chunk. */
void track_dirty(uint64_t gfn, uint64_t dirty[CHUNK_WORDS]);
