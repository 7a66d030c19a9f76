// SPDX-License-Identifier: Apache-2.0
/*
 * Grants given. Invariant (grant_table.h): frame and domid are in place before the flags make an entry valid,
 * and an entry ends by a compare-and-swap that sees GTF_reading and GTF_writing clear.
 */
#include "dormouse/xen/grant.h"
#include "dormouse/core/lock.h"
#include "dormouse/xen/console.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "machine/grant.h"
#include "machine/memory.h"

enum { ENTRIES = GRANT_FRAMES * GRANT_PER_FRAME };

struct grant_entry_v1 *grant_table;
static bool wanted;                 /* it has been mapped, and is again in each life */
static struct spinlock lock = SPINLOCK_INIT;
static uint64_t given[BITMAP_WORDS(ENTRIES)] GUARDED_BY(lock);

long grant_init(void)
{
    long error = grant_table_map(GRANT_FRAMES, &grant_table);

    wanted |= !error;
    return error;
}

void grant_access(grant_ref_t ref, domid_t to, gfn_t frame, bool readonly)
{
    struct grant_entry_v1 *e = &grant_table[ref];

    e->domid = to;
    e->frame = (uint32_t)frame.gfn;
    __atomic_store_n(&e->flags, (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)), __ATOMIC_RELEASE);
}

bool grant_end(grant_ref_t ref)
{
    uint16_t *flags = &grant_table[ref].flags;
    uint16_t old = __atomic_load_n(flags, __ATOMIC_RELAXED);

    do {
        if (old & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(flags, &old, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

/* The first ones are the tools', for console and xenstore. -ENOSPC. */
static long reference_take(void)
{
    bool enabled = spin_lock_irq(&lock);
    unsigned ref = bitmap_find(given, ENTRIES, GNTTAB_NR_RESERVED_ENTRIES, false);
    if (ref < ENTRIES)
        bitmap_set(given, ref);
    spin_unlock_irq(&lock, enabled);
    return ref < ENTRIES ? (long)ref : -ENOSPC;
}

static void reference_put(grant_ref_t ref)
{
    bool enabled = spin_lock_irq(&lock);

    bitmap_clear(given, ref);
    spin_unlock_irq(&lock, enabled);
}

long grant_give(domid_t to, const void *page)
{
    long ref = grant_table ? 0 : grant_init();

    if (ref)
        return ref;
    ref = reference_take();
    if (ref >= 0)
        grant_access((grant_ref_t)ref, to, GFN(frame_of(page)), false);
    return ref;
}

bool grant_take_back(grant_ref_t ref)
{
    if (grant_table && !grant_end(ref))
        return false;
    reference_put(ref);
    return true;
}

int grant_give_pages(domid_t to, const char *pages, unsigned n, grant_ref_t *refs)
{
    for (unsigned i = 0; i < n; i++) {
        long ref = grant_give(to, pages + i * PAGE_SIZE);

        if (ref < 0) {
            while (i--)
                grant_take_back(refs[i]);
            return (int)ref;
        }
        refs[i] = (grant_ref_t)ref;
    }
    return 0;
}

bool grant_take_back_pages(unsigned n, const grant_ref_t *refs)
{
    bool all = true;

    for (unsigned i = 0; i < n; i++)
        all &= grant_take_back(refs[i]);
    return all;
}

static int grant_enter(struct sleep *s)
{
    (void)s;
    if (wanted)
        grant_table_unmap(GRANT_FRAMES);
    return 0;
}

static void grant_leave(struct sleep *s)
{
    (void)s;
    if (!wanted || !grant_table_map(GRANT_FRAMES, &grant_table))
        return;
    grant_table = NULL;
    print("dormouse: the grant table is refused: devices do not work\n");
}

const struct sleep_stage grant_stage = { .name = "grants", .enter = grant_enter, .leave = grant_leave };
