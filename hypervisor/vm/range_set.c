// SPDX-License-Identifier: Apache-2.0
/* Sorted, disjoint, never touching closed ranges; used for what a domain may map. The toolstack changes them, one call at a time per domain. */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/domain.h"

#define FIRST_CAPACITY 8

static int make_room(struct range_set *s)
{
    unsigned capacity = s->capacity ? s->capacity * 2 : FIRST_CAPACITY;
    struct range *bigger;

    if (s->count < s->capacity)
        return 0;
    bigger = heap_alloc_array(capacity, sizeof(*bigger));
    if (!bigger)
        return -ENOMEM;
    if (s->count)
        memcpy(bigger, s->ranges, s->count * sizeof(*bigger));
    heap_free(s->ranges, s->capacity * sizeof(*bigger));
    s->ranges = bigger;
    s->capacity = capacity;
    return 0;
}

static void delete_at(struct range_set *s, unsigned i)
{
    memmove(&s->ranges[i], &s->ranges[i + 1], (s->count - i - 1) * sizeof(s->ranges[0]));
    s->count--;
}

static int insert_at(struct range_set *s, unsigned i, uint64_t first, uint64_t last)
{
    int err = make_room(s);

    if (err)
        return err;
    memmove(&s->ranges[i + 1], &s->ranges[i], (s->count - i) * sizeof(s->ranges[0]));
    s->ranges[i] = (struct range){ first, last };
    s->count++;
    return 0;
}

int range_set_add(struct range_set *s, uint64_t first, uint64_t last)
{
    unsigned i = 0;

    if (first > last)
        return -EINVAL;
    while (i < s->count && s->ranges[i].last < first && s->ranges[i].last + 1 < first)
        i++;
    /* Whatever overlaps or touches becomes part of the new range. */
    while (i < s->count && (last == UINT64_MAX || s->ranges[i].first <= last + 1)) {
        first = min_u64(first, s->ranges[i].first);
        last = max_u64(last, s->ranges[i].last);
        delete_at(s, i);
    }
    return insert_at(s, i, first, last);
}

int range_set_remove(struct range_set *s, uint64_t first, uint64_t last)
{
    if (first > last)
        return -EINVAL;
    for (unsigned i = 0; i < s->count;) {
        struct range r = s->ranges[i];

        if (r.last < first || r.first > last) {
            i++;
        } else if (r.first >= first && r.last <= last) {
            delete_at(s, i);
        } else if (r.first < first && r.last > last) {
            int err = insert_at(s, i + 1, last + 1, r.last);

            if (err)
                return err;
            s->ranges[i].last = first - 1;
            return 0;
        } else if (r.first < first) {
            s->ranges[i++].last = first - 1;
        } else {
            s->ranges[i++].first = last + 1;
        }
    }
    return 0;
}

bool range_set_contains(const struct range_set *s, uint64_t first, uint64_t last)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->ranges[i].first <= first && last <= s->ranges[i].last)
            return first <= last;
    return false;
}

void range_set_free(struct range_set *s)
{
    heap_free(s->ranges, s->capacity * sizeof(s->ranges[0]));
    *s = (struct range_set){ 0 };
}
