// SPDX-License-Identifier: Apache-2.0
/* Sorted lists of disjoint closed ranges of numbers, in room that their owner gives. */
#pragma once

#include "lib/base.h"

struct range {
    uint64_t first, last;   /* both counted in */
};

/* Invariant: at[0..count) ascend and neither overlap nor touch. */
struct ranges {
    struct range *at;
    unsigned count, capacity;
};

/*
 * Both: -EINVAL if first > last; -ENOSPC if the list would not fit, and is then unchanged: neither needs more than one
 * entry more.
 */
int ranges_add(struct ranges *r, uint64_t first, uint64_t last);
int ranges_remove(struct ranges *r, uint64_t first, uint64_t last);

/* All, or any, of first..last is in the `count` ranges of a list. */
bool ranges_contain(const struct range *at, unsigned count, uint64_t first, uint64_t last);
bool ranges_overlap(const struct range *at, unsigned count, uint64_t first, uint64_t last);
