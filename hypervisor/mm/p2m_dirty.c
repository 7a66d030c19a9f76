// SPDX-License-Identifier: Apache-2.0
/*
 * Dirty tracking on the entries of a p2m. The lock is held while P2M_DIRTY_PIECE entries are looked at, and a few more;
 * entries that lost their permission to write are forgotten by TLBs once for many pieces, before anybody is told that
 * they were dirty. A write through such a TLB entry in between is no loss: the caller reads the page after that.
 *
 * So that looking costs by the dirty pages and not by all, a table of pages without anything to tell is not looked into
 * (S2_QUIET). Where the CPU writes the permission by itself (S2_DBM) nobody would hear of it: a table in which nothing
 * was dirty loses that, is quiet the next time, when TLBs have forgotten it, and has it again with the first fault. One
 * at a time collects.
 */
#include "mm/p2m_dirty.h"

#include "arch/stage2.h"
#include "lib/errno.h"
#include "mm/p2m_table.h"

struct collector {
    bool clean;
    uint64_t *bitmap;              /* or NULL */
    uint64_t first;                /* guest frame of bit 0 */
    bool fresh;                    /* the tables' own marks are of another time */
    bool told;                     /* an entry had something to tell */
    bool holes;                    /* that had something to tell, and are to be forgotten */
    unsigned looked;               /* at so many entries */
    unsigned cleaned;              /* entries that may not be written any more */
    gfn_t at[CHANGE_BY_ADDRESS];   /* the first of them */
};

static void bits_set(struct collector *c, uint64_t from, uint64_t to)
{
    for (uint64_t bit = from - c->first, end = to - c->first; c->bitmap && bit < end;) {
        uint64_t n = min_u64(64 - bit % 64, end - bit);

        c->bitmap[bit / 64] |= (n == 64 ? ~UINT64_C(0) : BIT(n) - 1) << bit % 64;
        bit += n;
    }
}

/* Returns the entry as it was. The CPU may give the permission back at the same time. */
static uint64_t entry_clean(uint64_t *pte, unsigned level)
{
    uint64_t was = __atomic_load_n(pte, __ATOMIC_RELAXED), clean;

    do {
        clean = was & ~S2_CHANGED;
        if (was & S2_AP_WRITE)
            clean = (clean & ~S2_AP_WRITE) | (level == 3 && stage2_has_dirty_state() ? S2_DBM : 0);
    } while (clean != was && !__atomic_compare_exchange_n(pte, &was, clean, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return was;
}

/* [from, to) is the part of the entry that is looked at. */
static void collect_ram(struct collector *c, uint64_t *pte, unsigned level, uint64_t from, uint64_t to)
{
    uint64_t was = c->clean ? entry_clean(pte, level) : __atomic_load_n(pte, __ATOMIC_RELAXED);
    bool dirty = was & (S2_CHANGED | S2_AP_WRITE);
    mfn_t mfn;

    if (c->clean && (was & S2_AP_WRITE)) {
        if (c->cleaned < CHANGE_BY_ADDRESS)
            c->at[c->cleaned] = GFN(from);
        c->cleaned++;
    }
    c->told |= dirty;
    if (dirty)
        bits_set(c, from, to);
    if (!c->clean && dirty)
        return;
    mfn = mfn_add(pte_mfn(was), from & (level_span(level) - 1));
    if (!frames_dirty_near(mfn))
        return;   /* for all of the entry: a larger one than a page is aligned to 2 MiB */
    c->looked += level < 3 ? (unsigned)(to - from) : 0;
    frames_take_dirty(mfn, (unsigned)(to - from), c->clean, dirty ? NULL : c->bitmap, (unsigned)(from - c->first));
}

static void collect_entry(struct collector *c, uint64_t *pte, unsigned level, uint64_t from, uint64_t to)
{
    uint64_t now = *pte;

    if (pte_is_ram(now)) {
        collect_ram(c, pte, level, from, to);
    } else if (now & S2_CHANGED) {
        c->told = true;
        bits_set(c, from, to);
        c->holes |= c->clean && now == S2_CHANGED;
        if (c->clean && now != S2_CHANGED)
            entry_set(pte, now & ~S2_CHANGED);
    }
}

/* Holes have nothing to tell any more; a table that is left without an entry goes. */
static void holes_forget(struct p2m *p2m, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    struct p2m_change c = { .marked = 1 };

    change_mark_tables(p2m, &c, gfn, end);
    if (c.tables_marked)
        change_flush(p2m, &c);
    change_finish(p2m, &c, gfn, end);
}

/*
 * The bits that the entries of RAM in a table have between them; *whole: its frames are all of the first one's 2 MiB.
 */
static uint64_t table_sum(const uint64_t *table, bool *whole)
{
    uint64_t sum = 0, first = pte_mfn(table[0]).mfn / P2M_ENTRIES;

    *whole = pte_is_ram(table[0]);
    for (unsigned i = 0; i < P2M_ENTRIES; i++) {
        if (!pte_is_ram(table[i]))
            continue;
        sum |= __atomic_load_n(&table[i], __ATOMIC_RELAXED);
        *whole &= pte_mfn(table[i]).mfn / P2M_ENTRIES == first;
    }
    return sum;
}

/* A page that the CPU makes writable at the same time stays so, and is told the next time. */
static void entry_take_dirty_state(uint64_t *pte)
{
    uint64_t was = __atomic_load_n(pte, __ATOMIC_RELAXED);

    while (pte_is_ram(was) && (was & S2_DBM) && !(was & S2_AP_WRITE) &&
           !__atomic_compare_exchange_n(pte, &was, was & ~S2_DBM, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

/* All of a table was looked at, and is clean but for pages that the CPU has made writable since. */
static void table_settle(struct collector *c, uint64_t *pte)
{
    uint64_t *table = pte_table(*pte), sum;
    bool whole;

    sum = table_sum(table, &whole);
    if (!(sum & (S2_DBM | S2_AP_WRITE | S2_CHANGED))) {
        entry_set(pte, *pte | S2_QUIET | (whole ? S2_WHOLE : 0));
    } else if (!c->told && (sum & S2_DBM)) {
        for (unsigned i = 0; i < P2M_ENTRIES; i++)
            entry_take_dirty_state(&table[i]);
        c->cleaned += P2M_ENTRIES;   /* to be forgotten, all of them */
    }
}

/* The part of a table of pages that [from, to) is. */
static void collect_table(struct collector *c, uint64_t *pte, uint64_t from, uint64_t to)
{
    uint64_t *table = pte_table(*pte);

    if (c->fresh)
        entry_set(pte, *pte & ~(S2_QUIET | S2_WHOLE));
    if ((*pte & S2_QUIET) && (*pte & S2_WHOLE) && !frames_dirty_near(pte_mfn(table[0])))
        return;
    c->looked += (unsigned)(to - from);
    c->told = false;
    for (uint64_t gfn = from; gfn < to; gfn++)
        if (table[gfn % P2M_ENTRIES])
            collect_entry(c, &table[gfn % P2M_ENTRIES], 3, gfn, gfn + 1);
    if (c->clean && !(*pte & S2_QUIET) && to - from == P2M_ENTRIES)
        table_settle(c, pte);
}

static void collect_piece(struct p2m *p2m, struct collector *c, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    uint64_t begin = gfn;

    while (gfn < end) {
        unsigned level;
        uint64_t *pte = entry_find_block(p2m, GFN(gfn), &level), span = level_span(level);
        uint64_t to = min_u64(end, align_down(gfn, span) + span);

        if (level == 2 && (*pte & S2_VALID) && pte_is_table(*pte, 2))
            collect_table(c, pte, gfn, to);
        else if (*pte)
            collect_entry(c, pte, level, gfn, to);
        c->looked++;
        gfn = to;
    }
    if (c->holes)
        holes_forget(p2m, begin, end);
    c->holes = false;
}

static void collect_flush(struct p2m *p2m, struct collector *c) REQUIRES(p2m->lock)
{
    if (c->cleaned > CHANGE_BY_ADDRESS)
        stage2_flush(p2m->vttbr);
    else if (c->cleaned)
        stage2_flush_entries(p2m->vttbr, c->at, c->cleaned);
    c->cleaned = 0;
}

/* A piece, and more of them as long as there is little to look at; if it is tracked. */
static bool collect_some(struct p2m *p2m, struct collector *c, gfn_t *next, uint64_t end)
{
    bool tracked;

    c->looked = 0;
    spin_lock(&p2m->lock);
    tracked = p2m->dirty.tracking == P2M_TRACKING_ON;
    while (tracked && next->gfn < end && c->looked < P2M_DIRTY_PIECE) {
        uint64_t to = min_u64(end, next->gfn + P2M_DIRTY_PIECE);

        collect_piece(p2m, c, next->gfn, to);
        *next = GFN(to);
    }
    spin_unlock(&p2m->lock);
    return tracked;
}

int p2m_dirty_collect(struct p2m *p2m, gfn_t *next, gfn_t end, bool clean, uint64_t *bitmap, bool (*preempt)(void))
{
    struct collector c = { .clean = clean, .bitmap = bitmap, .first = next->gfn };
    bool tracked;

    do
        tracked = collect_some(p2m, &c, next, end.gfn);
    while (tracked && next->gfn < end.gfn && !preempt());
    spin_lock(&p2m->lock);
    collect_flush(p2m, &c);
    spin_unlock(&p2m->lock);
    if (!tracked)
        return -EINVAL;
    return next->gfn < end.gfn ? -ERESTART : 0;
}

static void tracking_set(struct p2m *p2m, enum p2m_tracking tracking, uint64_t next) REQUIRES(p2m->lock)
{
    p2m->dirty.next = next;
    __atomic_store_n(&p2m->dirty.tracking, tracking, __ATOMIC_RELAXED);
}

/* A start that was begun goes on. */
static int start_check(struct p2m *p2m) REQUIRES(p2m->lock)
{
    if (p2m->dying || p2m->dirty.tracking == P2M_TRACKING_ON)
        return -EINVAL;
    if (p2m->dirty.tracking == P2M_TRACKING_STOPS)
        return -EBUSY;
    if (p2m->dirty.tracking == P2M_TRACKING_OFF)
        tracking_set(p2m, P2M_TRACKING_STARTS, 0);
    return 0;
}

/* *done: that was the last piece. */
static int start_piece(struct p2m *p2m, bool *done) REQUIRES(p2m->lock)
{
    struct collector c = { .clean = true, .fresh = true };
    uint64_t gfn = p2m->dirty.next, end = gfn + P2M_DIRTY_PIECE;
    unsigned level;
    uint64_t *pte = entry_find(p2m, GFN(gfn), &level);
    int err = 0;

    if (level == 1 && (*pte & S2_VALID))
        err = entry_split(p2m, pte, level, GFN(gfn));
    else if (level == 1)
        end = align_down(gfn, level_span(1)) + level_span(1);   /* nothing */
    if (err)
        return err;
    end = min_u64(end, p2m->max_mapped_gfn + 1);
    collect_piece(p2m, &c, gfn, end);
    collect_flush(p2m, &c);
    *done = end == p2m->max_mapped_gfn + 1;
    tracking_set(p2m, *done ? P2M_TRACKING_ON : P2M_TRACKING_STARTS, end);
    p2m->dirty.period += *done;
    return 0;
}

int p2m_dirty_start(struct p2m *p2m, bool (*preempt)(void))
{
    bool done = false;
    int err;

    for (;;) {
        spin_lock(&p2m->lock);
        err = start_check(p2m);
        if (!err) {
            p2m->dirty.faults = 0;
            err = start_piece(p2m, &done);
            if (err)
                tracking_set(p2m, P2M_TRACKING_STOPS, 0);
        }
        spin_unlock(&p2m->lock);
        if (err || done)
            return err;
        if (preempt())
            return -ERESTART;
    }
}

/* Makes the entry as it would be without tracking; a hole that told something is one more to forget. */
static void entry_restore(uint64_t *pte, unsigned level, bool *holes)
{
    if (pte_is_ram(*pte))
        entry_set(pte, leaf_make(pte_mfn(*pte), pte_type(*pte), level));
    else if (*pte == S2_CHANGED)
        *holes = true;
    else if (*pte & S2_CHANGED)
        entry_set(pte, *pte & ~S2_CHANGED);
}

/* Does the table say the same as one block? *block is that. */
static bool table_becomes_block(const uint64_t *table, uint64_t *block)
{
    mfn_t first = pte_mfn(table[0]);

    if (!pte_is_ram(table[0]) || (first.mfn & (level_span(2) - 1)))
        return false;
    for (unsigned i = 1; i < P2M_ENTRIES; i++)
        if (table[i] != leaf_make(mfn_add(first, i), pte_type(table[0]), 3))
            return false;
    *block = leaf_make(first, pte_type(table[0]), 2);
    return true;
}

#define STOP_TABLES (P2M_DIRTY_PIECE / P2M_ENTRIES)

/* Tables of a piece whose entries make one block: all of them go with one flush. */
static void tables_to_blocks(struct p2m *p2m, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    uint64_t *at[STOP_TABLES], block[STOP_TABLES];
    unsigned n = 0;

    for (; gfn < end; gfn += level_span(2)) {
        unsigned level;
        uint64_t *pte = entry_find(p2m, GFN(gfn), &level);

        if (level < 3)
            continue;
        pte = &pte_table(p2m->root[gfn >> level_order(1)])[(gfn >> level_order(2)) % P2M_ENTRIES];
        if (!table_becomes_block(pte_table(*pte), &block[n]))
            continue;
        at[n++] = pte;
        entry_set(pte, *pte & ~S2_VALID);
    }
    if (n)
        stage2_flush(p2m->vttbr);
    for (unsigned i = 0; i < n; i++) {
        table_free(p2m, pte_table(*at[i]));
        entry_set(at[i], block[i]);
    }
}

/*
 * Nothing has to be flushed for a permission that comes back: a vCPU that is refused still finds out and goes on
 * (p2m_write_fault()).
 */
static void restore_piece(struct p2m *p2m, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    uint64_t begin = gfn;
    bool holes = false;
    unsigned level;

    for (; gfn < end; gfn = align_down(gfn, level_span(level)) + level_span(level))
        entry_restore(entry_find(p2m, GFN(gfn), &level), level, &holes);
    if (holes)
        holes_forget(p2m, begin, end);
    tables_to_blocks(p2m, begin, end);
    (void)entry_find(p2m, GFN(end - 1), &level);
    if (level == 2)
        table_merge(p2m, GFN(end - 1));
}

static bool stop_piece(struct p2m *p2m) REQUIRES(p2m->lock)
{
    uint64_t gfn = p2m->dirty.next, end = p2m->max_mapped_gfn + 1, to;
    unsigned level;

    if (gfn >= end) {
        tracking_set(p2m, P2M_TRACKING_OFF, 0);
        return true;
    }
    (void)entry_find(p2m, GFN(gfn), &level);
    to = level == 1 ? align_down(gfn, level_span(1)) + level_span(1) : gfn + P2M_DIRTY_PIECE;
    restore_piece(p2m, gfn, to);
    p2m->dirty.next = to;
    return false;
}

int p2m_dirty_stop(struct p2m *p2m, bool (*preempt)(void))
{
    for (bool done = false; !done;) {
        spin_lock(&p2m->lock);
        if (p2m_is_tracked(p2m))
            tracking_set(p2m, P2M_TRACKING_STOPS, 0);
        done = p2m->dirty.tracking == P2M_TRACKING_OFF || stop_piece(p2m);
        spin_unlock(&p2m->lock);
        if (!done && preempt())
            return -ERESTART;
    }
    return 0;
}

uint32_t p2m_dirty_faults(struct p2m *p2m, bool clean)
{
    uint32_t n;

    spin_lock(&p2m->lock);
    n = p2m->dirty.faults;
    if (clean)
        p2m->dirty.faults = 0;
    spin_unlock(&p2m->lock);
    return n;
}

int p2m_dirty_period(struct p2m *p2m, bool next, uint32_t *period)
{
    bool tracked;

    spin_lock(&p2m->lock);
    tracked = p2m->dirty.tracking == P2M_TRACKING_ON;
    if (tracked && next)
        p2m->dirty.period++;
    *period = p2m->dirty.period;
    spin_unlock(&p2m->lock);
    return tracked ? 0 : -EINVAL;
}

/* As far down as there are tables for it: a larger entry than a page is dirty as a whole then. */
static uint64_t *entry_split_down(struct p2m *p2m, gfn_t gfn, unsigned *level) REQUIRES(p2m->lock)
{
    uint64_t *pte = entry_find(p2m, gfn, level);

    while (*level < 3 && !entry_split(p2m, pte, *level, gfn))
        pte = entry_find(p2m, gfn, level);
    return pte;
}

/* The table that the entry is in is written to again: its other pages without a fault, where the CPU can do that. */
static void table_give_dirty_state(uint64_t *pte)
{
    uint64_t *table = (uint64_t *)align_down((uintptr_t)pte, PAGE_SIZE);

    for (unsigned i = 0; i < P2M_ENTRIES; i++)
        if (pte_is_ram(table[i]) && pte_type(table[i]) == P2M_RAM_RW)
            __atomic_fetch_or(&table[i], S2_DBM, __ATOMIC_RELAXED);
}

static void ram_becomes_writable(struct p2m *p2m, uint64_t *pte, unsigned level, gfn_t gfn) REQUIRES(p2m->lock)
{
    if (*pte & S2_AP_WRITE)
        return;   /* another CPU came first */
    p2m->dirty.faults++;
    if (level < 3 && p2m_is_tracked(p2m))
        pte = entry_split_down(p2m, gfn, &level);
    if (level == 3 && p2m_is_tracked(p2m)) {
        table_disturb(p2m, gfn);
        if (stage2_has_dirty_state() && !(*pte & S2_DBM))
            table_give_dirty_state(pte);
    }
    __atomic_fetch_or(pte, S2_AP_WRITE, __ATOMIC_RELEASE);
}

bool p2m_write_fault_locked(struct p2m *p2m, gfn_t gfn)
{
    struct p2m_entry e;
    unsigned level;
    uint64_t *pte;

    if (!p2m_lookup_locked(p2m, gfn, &e))
        return false;
    pte = entry_find(p2m, gfn, &level);
    switch (e.type) {
    case P2M_RAM_RW:
        ram_becomes_writable(p2m, pte, level, gfn);
        return true;
    case P2M_FOREIGN_CLEAN:
        frame_writer_begin(e.mfn);
        entry_set(pte, leaf_make(e.mfn, P2M_FOREIGN_RW, level) | (*pte & S2_CHANGED));
        return true;
    case P2M_FOREIGN_RW:
        return true;
    default:
        return false;
    }
}

bool p2m_write_fault(struct p2m *p2m, gfn_t gfn)
{
    bool writable;

    spin_lock(&p2m->lock);
    writable = p2m_write_fault_locked(p2m, gfn);
    spin_unlock(&p2m->lock);
    return writable;
}
