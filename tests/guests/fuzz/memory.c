// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that comes and goes: extents against single pages, at few places, where they overlap. Large ones mostly lie
 * across two tables, so that a small pool has one and not the other.
 */
#include "lib/string.h"
#include "tests/guests/fuzz/fuzz.h"

enum { MAX_EXTENTS = 4, HEADROOM_PAGES = 3 << LARGEST_ORDER };

static xen_pfn_t lists[MAX_CPUS][SLOT_PAGES];

static bool in_playground(uint64_t gfn, uint64_t n) { return slot_index(gfn) >= 0 && slot_index(gfn + n - 1) >= 0; }

/* Most meet about the end of one table; others see to it that tables are taken elsewhere. */
static uint64_t draw_page(void)
{
    unsigned slot = one_in(4) ? (unsigned)below(SLOTS) : habits.slot;
    uint64_t first = slot_address(slot) >> PAGE_SHIFT,
             gfn = first + SLOT_PAGES - habits.reach + below(2 * habits.reach);

    if (one_in(16))
        return first + below(SLOT_PAGES);
    return in_playground(gfn, 1) ? gfn : first + SLOT_PAGES - 1 - below(habits.reach);
}

/* An extent within the playground, mostly across the end of a table: it may have the one and not get the other. */
static uint64_t draw_extent(unsigned order)
{
    uint64_t gfn;

    do {
        gfn = draw_page();
        if (order && !one_in(3))
            gfn = (gfn | (SLOT_PAGES - 1)) - below(BIT(order));
        else if (one_in(4))
            gfn &= ~(BIT(order) - 1);
    } while (!in_playground(gfn, BIT(order)));
    return gfn;
}

static unsigned draw_order(void) { return one_in(2) ? 0 : (unsigned)below(habits.largest_order + 1); }

/* The list's extents from `from` on. How many were done, which is fewer where one failed. */
static long reservation(unsigned op, unsigned order, unsigned from, unsigned n)
{
    struct xen_memory_reservation r = { .nr_extents = n - from, .extent_order = order, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, lists[this_cpu()->id] + from);
    return call(__HYPERVISOR_memory_op, op, (uintptr_t)&r, 0, 0, 0);
}

static volatile uint64_t *word_of(uint64_t gfn, uint64_t i) { return (volatile uint64_t *)(gfn << PAGE_SHIFT) + i; }

static void touch_page(uint64_t gfn)
{
    if (!tag_check(word_of(gfn, 0)) || !tag_check(word_of(gfn, below(512))))
        return;
    tag_write(word_of(gfn, below(512)));
    tag_write(word_of(gfn, 0));
}

static void believe(uint64_t gfn, unsigned order, bool mapped)
{
    for (uint64_t i = 0; i < BIT(order); i++)
        believed[slot_index(gfn + i)] = mapped;
}

/* The frames of the range that are believed to be mapped, as this vCPU's list; how many. */
static unsigned list_mapped(uint64_t gfn, unsigned order)
{
    unsigned n = 0;

    for (uint64_t i = 0; i < BIT(order); i++)
        if (believed[slot_index(gfn + i)])
            lists[this_cpu()->id][n++] = gfn + i;
    return n;
}

/* A frame that fails was given back by somebody else, or a block lacks a table to be split: on to the next. */
static void give_back_listed(unsigned order, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        long done = reservation(XENMEM_decrease_reservation, order, i, n);

        for (; done > 0 && i < n; done--)
            believe(lists[this_cpu()->id][i++], order, false);
        if (i < n) {
            tried[slot_index(lists[this_cpu()->id][i])] = true;
            believe(lists[this_cpu()->id][i], 0, false);
        }
    }
}

/* A frame that is replaced stays ours with nowhere to be reached, so mostly it is given back first. */
void memory_populate(void)
{
    unsigned order = draw_order(), n;
    uint64_t gfn = draw_extent(order);

    n = list_mapped(gfn, order);
    if (n && !one_in(32))
        give_back_listed(0, n);
    lists[this_cpu()->id][0] = gfn;
    believe(gfn, order, true);
    memset(&tried[slot_index(gfn)], true, BIT(order));
    if (reservation(XENMEM_populate_physmap, order, 0, 1) == 0) {
        believe(gfn, order, false);
        return;
    }
    for (uint64_t page = 0; page < BIT(order); page += 1 + below(64))
        touch_page(gfn + page);
}

void memory_give_back(void)
{
    unsigned order = draw_order(), n = 1 + (unsigned)below(MAX_EXTENTS);

    for (unsigned i = 0; i < n; i++)
        lists[this_cpu()->id][i] = draw_extent(order);
    give_back_listed(order, n);
}

void memory_init(void)
{
    struct xen_memory_domain d = { .domid = DOMID_SELF };
    long has = memory_op(XENMEM_current_reservation, &d), may_have = memory_op(XENMEM_maximum_reservation, &d);
    unsigned n = 0;

    if (may_have - has >= HEADROOM_PAGES)
        return;
    for (uint64_t at = ARENA_OFFSET + (2 << 20); at < RAM_LEAST; at += BIT(LARGEST_ORDER) << PAGE_SHIFT)
        lists[this_cpu()->id][n++] = (platform.ram_base + at) >> PAGE_SHIFT;
    reservation(XENMEM_decrease_reservation, LARGEST_ORDER, 0, n);
}

void memory_prepare(void)
{
    for (unsigned i = 0; i < SPARSE_SLOTS; i++) {
        unsigned slot = RAM_SLOTS + (habits.slot - RAM_SLOTS + i) % SPARSE_SLOTS;
        uint64_t gfn = (slot_address(slot) >> PAGE_SHIFT) + SLOT_PAGES / 2;

        lists[this_cpu()->id][0] = gfn;
        if (i && one_in(2)) {
            give_back_listed(0, 1);
        } else if (!believed[slot_index(gfn)]) {
            believe(gfn, 0, reservation(XENMEM_populate_physmap, 0, 0, 1) == 1);
            tried[slot_index(gfn)] = true;
        }
    }
}

void memory_touch(void)
{
    for (unsigned i = 0; i < 3; i++)
        touch_page(draw_page());
}

/* In the arena, anything that can be put there: grant frames, the shared page, nothing, and memory again. */
void memory_place(void)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF,
        .space = one_in(3) ? XENMAPSPACE_shared_info : XENMAPSPACE_grant_table,
        .gpfn = draw_gfn_of_arena(),
    };
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = draw_gfn_of_arena() };

    if (counted)
        return;
    lists[this_cpu()->id][0] = draw_gfn_of_arena();
    switch (below(4)) {
    case 0:
        add.idx = add.space == XENMAPSPACE_grant_table ? below(6) : 0;
        call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&add, 0, 0, 0);
        break;
    case 1:
        call(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, (uintptr_t)&remove, 0, 0, 0);
        break;
    case 2:
        reservation(XENMEM_decrease_reservation, 0, 0, 1);
        break;
    default:
        reservation(XENMEM_populate_physmap, 0, 0, 1);
        break;
    }
}
