// SPDX-License-Identifier: Apache-2.0
/*
 * The invariants, whatever a domain does to itself.
 *
 * - A word of the playground is 0 or its tag, which only this domain in this life can know and which belongs to its
 *   address. A frame that was not zeroed, that has a second owner, or is mapped at two places breaks this, sooner or
 *   later.
 * - A value written while nobody else runs is still there a moment later.
 * - A domain owns at least the frames that it finds mapped, and how many more it owns, which are those that it mapped
 *   others over, never becomes less. The second is true of a domain that is `counted`: it gives away frames of the
 *   playground only, and nobody else holds any of those.
 * - The garden is as it was.
 */
#include "lib/string.h"
#include "tests/guests/fuzz/fuzz.h"

bool believed[SLOTS * SLOT_PAGES], tried[SLOTS * SLOT_PAGES];
static uint64_t secret;
static uint64_t lost;               /* frames that the domain owned the last time that it counted, and found nowhere */
static uint64_t owned_elsewhere;    /* frames that are neither of the playground nor of the arena */

static uint64_t *garden(void) { return (uint64_t *)(platform.ram_base + GARDEN_OFFSET); }

uint64_t slot_address(unsigned slot)
{
    uint64_t size = SLOT_PAGES * PAGE_SIZE;

    return slot < RAM_SLOTS ? platform.ram_base + PLAYGROUND_OFFSET + slot * size
                            : SPARSE_ADDRESS + (slot - RAM_SLOTS) * size;
}

int slot_index(uint64_t gfn)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint64_t first = slot_address(slot) >> PAGE_SHIFT;

        if (gfn >= first && gfn < first + SLOT_PAGES)
            return (int)(slot * SLOT_PAGES + gfn - first);
    }
    return -1;
}

static uint64_t tag_of(const volatile uint64_t *p) { return mix(secret ^ (uintptr_t)p) | 1; }

bool tag_check(const volatile uint64_t *p)
{
    uint64_t v;

    if (!peek(p, &v))
        return false;
    if (v && v != tag_of(p))
        violation("%p holds %lx, which is not ours (%lx)", (const void *)p, v, tag_of(p));
    return true;
}

void tag_write(volatile uint64_t *p) { poke(p, tag_of(p)); }

static uint64_t owned(void)
{
    struct xen_memory_domain d = { .domid = DOMID_SELF };

    return (uint64_t)memory_op(XENMEM_current_reservation, &d);
}

void check_init(void)
{
    secret = mix(seed ^ mix(sysreg_read(cntpct_el0)));
    owned_elsewhere = owned() - RAM_SLOTS * SLOT_PAGES - (RAM_LEAST - ARENA_OFFSET) / PAGE_SIZE;
    memset(believed, true, RAM_SLOTS * SLOT_PAGES);
    for (uint64_t i = 0; i < GARDEN_PAGES * 512; i++)
        garden()[i] = tag_of(&garden()[i]);
}

static void check_garden(uint64_t step)
{
    for (uint64_t i = below(step); i < GARDEN_PAGES * 512; i += step)
        if (garden()[i] != tag_of(&garden()[i]))
            violation("garden: %p holds %lx instead of %lx", (void *)&garden()[i], garden()[i], tag_of(&garden()[i]));
}

static volatile uint64_t *page_of(unsigned slot, unsigned i)
{
    return (volatile uint64_t *)(slot_address(slot) + i * PAGE_SIZE);
}

/* Looks through a page, and marks it; false if there is none. */
static bool page_mark(volatile uint64_t *page)
{
    if (!tag_check(page))
        return false;
    tag_check(page + below(512));
    tag_check(page + 511);
    tag_write(page);
    return true;
}

/* Marks those pages that may be there, or all. The number of those that are. */
static uint64_t playground_mark(bool whole)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < SLOTS * SLOT_PAGES; i++)
        if (whole || believed[i] || tried[i]) {
            believed[i] = page_mark(page_of(i / SLOT_PAGES, i % SLOT_PAGES));
            tried[i] = false;
            n += believed[i];
        }
    return n;
}

static void playground_confirm(void)
{
    uint64_t v;

    for (unsigned slot = 0; slot < SLOTS; slot++)
        for (unsigned i = 0; i < SLOT_PAGES; i++) {
            volatile uint64_t *page = page_of(slot, i);

            if (believed[slot * SLOT_PAGES + i] && (!peek(page, &v) || v != tag_of(page)))
                violation("%p lost what was written to it, and holds %lx", (void *)page, v);
        }
}

void check_all(bool whole)
{
    uint64_t mapped, has;

    check_garden(whole ? 1 : 61);
    mapped = playground_mark(whole);
    has = owned();
    if (has < owned_elsewhere + mapped + lost)
        violation("%lu frames are mapped, and %lu more, and %lu are lost, but only %lu are ours", mapped,
                  owned_elsewhere, lost, has);
    if (counted)
        lost = has - owned_elsewhere - mapped;
    playground_confirm();
}
