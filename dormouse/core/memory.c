// SPDX-License-Identifier: Apache-2.0
/*
 * One bit for each page, set while it is in use, at the beginning of the memory itself. The first run that is long
 * enough is taken.
 */
#include "dormouse/core/memory.h"
#include "dormouse/core/lock.h"
#include "lib/bitmap.h"
#include "lib/string.h"

static struct spinlock lock = SPINLOCK_INIT;
static char *base;                  /* of page 0; the bitmap lies there */
static unsigned count;
static uint64_t *used PT_GUARDED_BY(lock);
static unsigned free_pages GUARDED_BY(lock);
static bool closed;                 /* the guest sleeps; changed while nobody else runs */

void memory_init(void *start, void *end)
{
    unsigned own;

    base = start;
    count = (unsigned)(((char *)end - base) / (ptrdiff_t)PAGE_SIZE);
    own = (unsigned)(align_up(BITMAP_WORDS((uint64_t)count) * sizeof(uint64_t), PAGE_SIZE) / PAGE_SIZE);
    BUG_ON(own > count);
    used = start;
    bool enabled = spin_lock_irq(&lock);
    memset(used, 0, own * PAGE_SIZE);
    for (unsigned i = 0; i < own; i++)
        bitmap_set(used, i);
    free_pages = count - own;
    spin_unlock_irq(&lock, enabled);
}

/* The first of n free pages in a row; `count`: there are none. */
static unsigned run_find(unsigned n) REQUIRES(lock)
{
    for (unsigned at = 0; (at = bitmap_find(used, count, at, false)) < count;) {
        unsigned end = bitmap_find(used, count, at, true);

        if (end - at >= n)
            return at;
        at = end;
    }
    return count;
}

void *pages_alloc(unsigned n)
{
    bool enabled = spin_lock_irq(&lock);
    unsigned at = closed ? count : run_find(n);
    if (at < count) {
        for (unsigned i = 0; i < n; i++)
            bitmap_set(used, at + i);
        free_pages -= n;
    }
    spin_unlock_irq(&lock, enabled);
    return at < count ? memset(base + at * PAGE_SIZE, 0, n * PAGE_SIZE) : NULL;
}

void pages_free(void *pages, unsigned n)
{
    unsigned at = (unsigned)(((char *)pages - base) / (ptrdiff_t)PAGE_SIZE);
    bool enabled = spin_lock_irq(&lock);

    for (unsigned i = 0; i < n; i++) {
        BUG_ON(!bitmap_test(used, at + i));
        bitmap_clear(used, at + i);
    }
    free_pages += n;
    spin_unlock_irq(&lock, enabled);
}

uint64_t pages_free_count(void)
{
    bool enabled = spin_lock_irq(&lock);
    uint64_t n = free_pages;
    spin_unlock_irq(&lock, enabled);
    return n;
}

static int memory_enter(struct sleep *s)
{
    (void)s;
    closed = true;
    return 0;
}

static void memory_leave(struct sleep *s)
{
    (void)s;
    closed = false;
}

const struct sleep_stage memory_stage = { .name = "memory", .enter = memory_enter, .leave = memory_leave };
