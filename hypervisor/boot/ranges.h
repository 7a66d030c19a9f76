// SPDX-License-Identifier: Apache-2.0
/*
 * Sorted lists of disjoint address ranges of a fixed capacity (lib/ranges.h), by start and size: RAM, and the parts of
 * it that are spoken for.
 */
#pragma once

#include "lib/ranges.h"

#define BOOT_RANGES 64

struct boot_range {
    uint64_t start, size;   /* bytes; size is not 0 in a list */
};

struct boot_ranges {
    struct range room[BOOT_RANGES];
    unsigned count;
};

/* Both: -ENOSPC if the list is full (it is then unchanged), -EINVAL if the range wraps. A size of 0 changes nothing. */
int boot_ranges_add(struct boot_ranges *r, uint64_t start, uint64_t size);
int boot_ranges_remove(struct boot_ranges *r, uint64_t start, uint64_t size);

/* The i-th, of count. */
struct boot_range boot_ranges_at(const struct boot_ranges *r, unsigned i);
/* The first of them, `most` at most, into `out`: how many. */
unsigned boot_ranges_list(const struct boot_ranges *r, struct boot_range *out, unsigned most);

/* True if all, or any, of [start, start + size) is in the list; of a size of 0 nothing is. */
bool boot_ranges_contain(const struct boot_ranges *r, uint64_t start, uint64_t size);
bool boot_ranges_overlap(const struct boot_ranges *r, uint64_t start, uint64_t size);
uint64_t boot_ranges_total(const struct boot_ranges *r);
