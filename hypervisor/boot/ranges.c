// SPDX-License-Identifier: Apache-2.0
#include "boot/ranges.h"

#include "lib/errno.h"

static int change(struct boot_ranges *r, int (*how)(struct ranges *, uint64_t, uint64_t), uint64_t start, uint64_t size)
{
    struct ranges list = { r->room, r->count, BOOT_RANGES };
    int err;

    if (!size)
        return 0;
    if (start + size < start)
        return -EINVAL;
    err = how(&list, start, start + size - 1);
    r->count = list.count;
    return err;
}

int boot_ranges_add(struct boot_ranges *r, uint64_t start, uint64_t size) { return change(r, ranges_add, start, size); }
int boot_ranges_remove(struct boot_ranges *r, uint64_t start, uint64_t size)
{
    return change(r, ranges_remove, start, size);
}

struct boot_range boot_ranges_at(const struct boot_ranges *r, unsigned i)
{
    return (struct boot_range){ r->room[i].first, r->room[i].last - r->room[i].first + 1 };
}

unsigned boot_ranges_list(const struct boot_ranges *r, struct boot_range *out, unsigned most)
{
    unsigned count = r->count < most ? r->count : most;

    for (unsigned i = 0; i < count; i++)
        out[i] = boot_ranges_at(r, i);
    return count;
}

bool boot_ranges_contain(const struct boot_ranges *r, uint64_t start, uint64_t size)
{
    return size && ranges_contain(r->room, r->count, start, start + size - 1);
}

bool boot_ranges_overlap(const struct boot_ranges *r, uint64_t start, uint64_t size)
{
    return size && ranges_overlap(r->room, r->count, start, start + size - 1);
}

uint64_t boot_ranges_total(const struct boot_ranges *r)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < r->count; i++)
        total += boot_ranges_at(r, i).size;
    return total;
}
