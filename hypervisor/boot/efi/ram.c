// SPDX-License-Identifier: Apache-2.0
/*
 * RAM, out of the firmware's memory map: some hundred pieces, which touch each other where only their kinds differ.
 *
 * The map is the firmware's word, not to be trusted further than needed: what does not make sense as RAM is left out,
 * and where descriptors overlap the one that says "not yours" is right. So RAM is added first and everything else is
 * taken out of it then, in whatever order the map has them.
 */
#include "boot/efi/ram.h"

#include "boot/efi/efi.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PAGE_LIMIT (BIT(48) >> PAGE_SHIFT)

static bool is_ram(const struct efi_memory *m)
{
    switch (m->type) {
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
    case EFI_BOOT_SERVICES_CODE:
    case EFI_BOOT_SERVICES_DATA:
    case EFI_CONVENTIONAL_MEMORY:
        return m->attribute & EFI_MEMORY_WB;
    default:
        return false;
    }
}

static unsigned smallest(const struct ranges *r)
{
    unsigned least = 0;

    for (unsigned i = 1; i < r->count; i++)
        if (r->at[i].last - r->at[i].first < r->at[least].last - r->at[least].first)
            least = i;
    return least;
}

/* Makes room for one more. */
static void drop_smallest(struct ranges *r, uint64_t *lost)
{
    struct range least = r->at[smallest(r)];

    *lost += (least.last - least.first + 1) << PAGE_SHIFT;
    (void)ranges_remove(r, least.first, least.last);
}

static void add_ram(struct ranges *r, const struct efi_memory *m, uint64_t *lost)
{
    uint64_t first, pages = m->pages;

    if (m->start >= BIT(48) || !pages || pages > PAGE_LIMIT)
        return;
    first = align_up(m->start, PAGE_SIZE) >> PAGE_SHIFT;
    pages -= (m->start & ~PAGE_MASK) != 0;   /* then the last page is a part of one, too */
    if (!pages || first + pages > PAGE_LIMIT)
        return;
    if (ranges_add(r, first, first + pages - 1)) {
        drop_smallest(r, lost);
        (void)ranges_add(r, first, first + pages - 1);
    }
}

static void remove_other(struct ranges *r, const struct efi_memory *m, uint64_t *lost)
{
    uint64_t first = m->start >> PAGE_SHIFT, pages = min_u64(m->pages, PAGE_LIMIT);

    if (first >= PAGE_LIMIT || !pages)
        return;
    pages += (m->start & ~PAGE_MASK) != 0;
    if (ranges_remove(r, first, first + pages - 1)) {
        drop_smallest(r, lost);
        (void)ranges_remove(r, first, first + pages - 1);
    }
}

int efi_ram_read(const void *map, uint64_t size, uint64_t descriptor_size, struct range *pieces,
                 struct boot_ranges *ram, uint64_t *lost)
{
    struct ranges all = { pieces, 0, EFI_RAM_PIECES };   /* counted in pages */
    struct efi_memory m;

    ram->count = 0;
    *lost = 0;
    if (descriptor_size < sizeof(m) || descriptor_size > PAGE_SIZE || size / descriptor_size == 0)
        return -EINVAL;
    for (unsigned wanted = 2; wanted--;)   /* RAM first */
        for (uint64_t at = 0; size - at >= descriptor_size; at += descriptor_size) {
            memcpy(&m, (const char *)map + at, sizeof(m));
            if (is_ram(&m) == wanted)
                (wanted ? add_ram : remove_other)(&all, &m, lost);
        }
    while (all.count > EFI_RAM_RANGES)
        drop_smallest(&all, lost);
    for (unsigned i = 0; i < all.count; i++)
        ram->room[i] = (struct range){ all.at[i].first << PAGE_SHIFT, (all.at[i].last << PAGE_SHIFT) + PAGE_SIZE - 1 };
    ram->count = all.count;
    return all.count ? 0 : -ENOENT;
}
