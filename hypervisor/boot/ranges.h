// SPDX-License-Identifier: Apache-2.0
/* Sorted lists of disjoint address ranges of a fixed capacity: RAM, and what of it is spoken for. */
#pragma once

#include "lib/base.h"

#define BOOT_RANGES 64

struct boot_range {
    uint64_t start, size;   /* bytes; size is not 0 in a list */
};

/* Invariant: ranges[0..count) ascend and neither overlap nor touch. */
struct boot_ranges {
    struct boot_range ranges[BOOT_RANGES];
    unsigned count;
};

/* Both: -ENOSPC if the list is full (it is then unchanged), -EINVAL if the range wraps. A size of 0 changes nothing. */
int boot_ranges_add(struct boot_ranges *r, uint64_t start, uint64_t size);
int boot_ranges_remove(struct boot_ranges *r, uint64_t start, uint64_t size);

/* True if all of [start, start + size) is in the list. */
bool boot_ranges_contain(const struct boot_ranges *r, uint64_t start, uint64_t size);
bool boot_ranges_overlap(const struct boot_ranges *r, uint64_t start, uint64_t size);
uint64_t boot_ranges_total(const struct boot_ranges *r);
