// SPDX-License-Identifier: Apache-2.0
/* Range lists: additions merge with what they touch, removals split what they cut. Lists are short, so they are moved as arrays. */
#include "boot/ranges.h"

#include "lib/errno.h"
#include "lib/string.h"

static uint64_t range_end(const struct boot_range *r)
{
    return r->start + r->size;
}

/* Replaces `old` entries from `at` on by `new` ones of `with`. */
static int replace(struct boot_ranges *r, unsigned at, unsigned old, const struct boot_range *with, unsigned new)
{
    if (r->count - old + new > BOOT_RANGES)
        return -ENOSPC;
    memmove(&r->ranges[at + new], &r->ranges[at + old], (r->count - at - old) * sizeof(r->ranges[0]));
    for (unsigned i = 0; i < new; i++)
        r->ranges[at + i] = with[i];
    r->count = r->count - old + new;
    return 0;
}

/* The entries that overlap [start, end] with both ends counted in: first and how many. */
static unsigned touching(const struct boot_ranges *r, uint64_t start, uint64_t end, unsigned *first)
{
    unsigned i = 0, n = 0;

    while (i < r->count && range_end(&r->ranges[i]) < start)
        i++;
    *first = i;
    while (i + n < r->count && r->ranges[i + n].start <= end)
        n++;
    return n;
}

int boot_ranges_add(struct boot_ranges *r, uint64_t start, uint64_t size)
{
    uint64_t end = start + size;
    unsigned first, n;

    if (!size)
        return 0;
    if (end < start)
        return -EINVAL;
    n = touching(r, start, end, &first);
    if (n) {
        start = min_u64(start, r->ranges[first].start);
        end = max_u64(end, range_end(&r->ranges[first + n - 1]));
    }
    return replace(r, first, n, &(struct boot_range){ start, end - start }, 1);
}

int boot_ranges_remove(struct boot_ranges *r, uint64_t start, uint64_t size)
{
    uint64_t end = start + size;
    struct boot_range left[2];
    unsigned first, n, kept = 0;

    if (!size)
        return 0;
    if (end < start)
        return -EINVAL;
    n = touching(r, start, end, &first);
    if (!n)
        return 0;
    if (r->ranges[first].start < start)
        left[kept++] = (struct boot_range){ r->ranges[first].start,
                                            min_u64(start, range_end(&r->ranges[first])) - r->ranges[first].start };
    if (range_end(&r->ranges[first + n - 1]) > end) {
        uint64_t from = max_u64(end, r->ranges[first + n - 1].start);

        left[kept++] = (struct boot_range){ from, range_end(&r->ranges[first + n - 1]) - from };
    }
    return replace(r, first, n, left, kept);
}

bool boot_ranges_contain(const struct boot_ranges *r, uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < r->count; i++)
        if (start >= r->ranges[i].start && start - r->ranges[i].start < r->ranges[i].size)
            return size <= r->ranges[i].size - (start - r->ranges[i].start);
    return false;
}

bool boot_ranges_overlap(const struct boot_ranges *r, uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < r->count; i++)
        if (start < range_end(&r->ranges[i]) && r->ranges[i].start < start + size)
            return true;
    return false;
}

uint64_t boot_ranges_total(const struct boot_ranges *r)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < r->count; i++)
        total += r->ranges[i].size;
    return total;
}
