// SPDX-License-Identifier: Apache-2.0
/*
 * Range lists: an addition merges with the ranges that it touches, a removal splits those that it cuts. Lists are
 * short, so they are moved as arrays.
 */
#include "lib/ranges.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Replaces `old` entries from `at` on by `new` ones of `with`. */
static int replace(struct ranges *r, unsigned at, unsigned old, const struct range *with, unsigned new)
{
    if (r->count - old + new > r->capacity)
        return -ENOSPC;
    if (r->count > at + old)
        memmove(&r->at[at + new], &r->at[at + old], (r->count - at - old) * sizeof(r->at[0]));
    for (unsigned i = 0; i < new; i++)
        r->at[at + i] = with[i];
    r->count = r->count - old + new;
    return 0;
}

/* The entries that have a number of first..last: where they begin, and how many. */
static unsigned overlapping(const struct range *at, unsigned count, uint64_t first, uint64_t last, unsigned *begin)
{
    unsigned i = 0, n = 0;

    while (i < count && at[i].last < first)
        i++;
    *begin = i;
    while (i + n < count && at[i + n].first <= last)
        n++;
    return n;
}

int ranges_add(struct ranges *r, uint64_t first, uint64_t last)
{
    unsigned at, n;

    if (first > last)
        return -EINVAL;
    /* One number more on either side: ranges that only touch are merged, too. */
    n = overlapping(r->at, r->count, first - (first > 0), last + (last < UINT64_MAX), &at);
    if (n) {
        first = min_u64(first, r->at[at].first);
        last = max_u64(last, r->at[at + n - 1].last);
    }
    return replace(r, at, n, &(struct range){ first, last }, 1);
}

int ranges_remove(struct ranges *r, uint64_t first, uint64_t last)
{
    struct range left[2];
    unsigned at, n, kept = 0;

    if (first > last)
        return -EINVAL;
    n = overlapping(r->at, r->count, first, last, &at);
    if (!n)
        return 0;
    if (r->at[at].first < first)
        left[kept++] = (struct range){ r->at[at].first, first - 1 };
    if (r->at[at + n - 1].last > last)
        left[kept++] = (struct range){ last + 1, r->at[at + n - 1].last };
    return replace(r, at, n, left, kept);
}

bool ranges_contain(const struct range *at, unsigned count, uint64_t first, uint64_t last)
{
    unsigned i;

    return first <= last && overlapping(at, count, first, last, &i) == 1 && at[i].first <= first && last <= at[i].last;
}

bool ranges_overlap(const struct range *at, unsigned count, uint64_t first, uint64_t last)
{
    unsigned i;

    return first <= last && overlapping(at, count, first, last, &i) > 0;
}
