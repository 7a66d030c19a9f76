// SPDX-License-Identifier: Apache-2.0
/*
 * Invariants: `spaces` and the numbers in use, and each space's tables, are under `lock`, whose owner holds: a suspend
 * finds no table half changed and no frame number in anybody's registers. Every root of `spaces` is whole. loaded[] is
 * written by its own CPU, and names no space that is not pinned.
 */
#include "dormouse/core/space.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "machine/cpu.h"
#include "machine/memory.h"

struct space {
    struct list link;
    uint64_t *root;
    unsigned number;
    bool pinned, for_sleep;         /* for_sleep: unpinned again after it */
};

static struct mutex lock = MUTEX_INIT(lock);
static struct list spaces = LIST_INIT(spaces);
static uint64_t numbers[BITMAP_WORDS(SPACES_MAX + 1)] = { 1 };      /* 0 is nobody's */
static struct space *loaded[MAX_CPUS];

static void spaces_lock(void)
{
    thread_hold();
    mutex_lock(&lock);
}

static void spaces_unlock(void)
{
    mutex_unlock(&lock);
    thread_release();
}

static unsigned index_of(uint64_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

static bool is_inside(uint64_t va)
{
    return va >= SPACE_BASE && va - SPACE_BASE < SPACE_SIZE;
}

/* Calls fn on each table that is there below `table`, and on itself after them: those below it are done by then. */
static void tables_each(uint64_t *table, unsigned level, uint64_t va, void (*fn)(uint64_t *table, unsigned level))
{
    uint64_t step = UINT64_C(1) << (PAGE_SHIFT + 9 * (level - 1));

    for (unsigned i = index_of(va, level); level > 1 && i < TABLE_ENTRIES && is_inside(va); i++, va += step) {
        uint64_t *below = entry_pointer(table[i]);

        if (below)
            tables_each(below, level - 1, va, fn);
    }
    fn(table, level);
}

static void protect_one(uint64_t *table, unsigned level)
{
    (void)level;
    table_protect(table);
}

static void release_one(uint64_t *table, unsigned level)
{
    (void)level;
    table_release(table);
}

static void free_one(uint64_t *table, unsigned level)
{
    void *page;

    for (unsigned i = 0; level == 1 && i < TABLE_ENTRIES; i++)
        if ((page = entry_pointer(table[i])))
            pages_free(page, 1);
    pages_free(table, 1);
}

static int pin(struct space *s)
{
    int error;

    if (s->pinned)
        return 0;
    tables_each(s->root, SPACE_LEVELS, SPACE_BASE, protect_one);
    error = root_pin(s->root);
    if (error)
        tables_each(s->root, SPACE_LEVELS, SPACE_BASE, release_one);
    s->pinned = !error;
    return error;
}

static void unpin(struct space *s)
{
    if (!s->pinned)
        return;
    BUG_ON(root_unpin(s->root));
    tables_each(s->root, SPACE_LEVELS, SPACE_BASE, release_one);
    s->pinned = false;
}

struct space *space_new(void)
{
    struct space *s = pages_alloc(1);
    unsigned number;

    if (!s)
        return NULL;
    s->root = pages_alloc(1);
    spaces_lock();
    number = bitmap_find(numbers, SPACES_MAX + 1, 0, false);
    if (s->root && number <= SPACES_MAX) {
        bitmap_set(numbers, number);
        s->number = number;
        root_init(s->root);
        list_push_back(&spaces, &s->link);
        spaces_unlock();
        return s;
    }
    spaces_unlock();
    if (s->root)
        pages_free(s->root, 1);
    pages_free(s, 1);
    return NULL;
}

static void let_go_of(void *space)
{
    if (loaded[cpu_id()] == space)
        space_let_go();
}

static uint64_t cpus_that_loaded(const struct space *s)
{
    uint64_t mask = 0;

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (__atomic_load_n(&loaded[cpu], __ATOMIC_ACQUIRE) == s)
            mask |= BIT(cpu);
    return mask;
}

/* Nobody loads it any more. A CPU that is going offline takes no calls, but lets go on its way. */
static void all_let_go(struct space *s)
{
    uint64_t mask;

    while ((mask = cpus_that_loaded(s)))
        smp_call(mask, let_go_of, s, true);
}

void space_free(struct space *s)
{
    all_let_go(s);
    spaces_lock();
    unpin(s);
    root_forget_all(s->number);
    tables_each(s->root, SPACE_LEVELS, SPACE_BASE, free_one);
    list_remove(&s->link);
    bitmap_clear(numbers, s->number);
    spaces_unlock();
    pages_free(s, 1);
}

int space_pin(struct space *s)
{
    int error;

    spaces_lock();
    error = pin(s);
    spaces_unlock();
    return error;
}

/* Makes one more table, and has the entry lead to it; NULL: no memory. */
static uint64_t *table_add(struct space *s, uint64_t *entry)
{
    uint64_t *table = pages_alloc(1);

    if (!table)
        return NULL;
    if (s->pinned)
        table_protect(table);
    if (!entry_set(entry, entry_of_table(table), s->pinned))
        return table;
    if (s->pinned)
        table_release(table);
    pages_free(table, 1);
    return NULL;
}

/* The page's entry; NULL: a table above it is missing, or, with `add`, there is no memory for one. */
static uint64_t *entry_find(struct space *s, uint64_t va, bool add)
{
    uint64_t *table = s->root;

    for (unsigned level = SPACE_LEVELS; table && level > 1; level--) {
        uint64_t *entry = &table[index_of(va, level)];

        table = entry_pointer(*entry);
        if (!table && add)
            table = table_add(s, entry);
    }
    return table ? &table[index_of(va, 1)] : NULL;
}

int space_map(struct space *s, uint64_t va, void *page, unsigned rights)
{
    uint64_t *entry;
    int error;

    if (!is_inside(va) || va % PAGE_SIZE || (rights & SPACE_WRITE && rights & SPACE_EXECUTE))
        return -EINVAL;
    if (rights & SPACE_EXECUTE)
        code_written(page);
    spaces_lock();
    entry = entry_find(s, va, true);
    if (!entry)
        error = -ENOMEM;
    else if (entry_pointer(*entry))
        error = -EEXIST;
    else
        error = entry_set(entry, entry_of_page(page, rights), s->pinned);
    spaces_unlock();
    return error;
}

void *space_unmap(struct space *s, uint64_t va)
{
    uint64_t *entry;
    void *page = NULL;

    if (!is_inside(va))
        return NULL;
    spaces_lock();
    entry = entry_find(s, va, false);
    if (entry)
        page = entry_pointer(*entry);
    if (page && entry_set(entry, 0, s->pinned))
        page = NULL;
    if (page && s->pinned)
        root_forget(va & PAGE_MASK, s->number);
    spaces_unlock();
    return page;
}

void space_load(struct space *s)
{
    unsigned cpu = cpu_id();

    if (loaded[cpu] == s)
        return;
    root_load(s->root, s->number);
    __atomic_store_n(&loaded[cpu], s, __ATOMIC_RELEASE);
}

void space_let_go(void)
{
    unsigned cpu = cpu_id();

    if (!loaded[cpu])
        return;
    root_load(NULL, 0);
    __atomic_store_n(&loaded[cpu], NULL, __ATOMIC_RELEASE);
}

/* The other CPUs have let go when they stopped. Nobody else runs, and nobody was frozen with the lock. */
static void spaces_leave(struct sleep *sleep)
{
    (void)sleep;
    list_for_each (s, &spaces, struct space, link) {
        if (s->for_sleep)
            unpin(s);
        s->for_sleep = false;
    }
}

static int spaces_enter(struct sleep *sleep)
{
    space_let_go();
    list_for_each (s, &spaces, struct space, link) {
        bool was_pinned = s->pinned;
        int error = pin(s);

        if (error) {
            spaces_leave(sleep);
            return error;
        }
        s->for_sleep = !was_pinned;
    }
    return 0;
}

const struct sleep_stage spaces_stage = { .name = "page tables", .enter = spaces_enter, .leave = spaces_leave };
