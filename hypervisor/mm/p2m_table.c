// SPDX-License-Identifier: Apache-2.0
/*
 * Stage-2 tables (Arm ARM DDI 0487, "Translation table descriptor formats"): 4 KiB granule, three levels from level 1,
 * the first of concatenated tables. The type of an entry stands in its software bits. A valid entry is never changed
 * into another valid one, but for the permission to write: it is marked invalid and flushed first (break before make),
 * so a guest may fault on a page that is there again when the fault is looked at; the trap path then just goes back.
 *
 * Outside a change an entry is valid or 0, and a table but the first has a valid entry; or, while tracked, one that is
 * S2_CHANGED alone.
 */
#include "mm/p2m_table.h"

#include "arch/barrier.h"
#include "arch/stage2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/dma.h"
#include "mm/el2.h"
#include "mm/frames.h"

#define ENTRIES P2M_ENTRIES

#define S2_MEM_DEVICE (UINT64_C(1) << 2)    /* Device-nGnRE */
#define S2_MEM_NORMAL (UINT64_C(15) << 2)   /* write-back */
#define S2_AP_READ    (UINT64_C(1) << 6)
#define S2_SH_INNER   (UINT64_C(3) << 8)
#define S2_AF         BIT(10)
#define S2_XN         BIT(54)

uint64_t *pte_table(uint64_t pte) { return mfn_to_virt(pte_mfn(pte)); }

bool type_holds_reference(enum p2m_type t)
{
    return t == P2M_FOREIGN_RW || t == P2M_FOREIGN_CLEAN || t == P2M_FOREIGN_RO || t == P2M_GRANT_RW ||
           t == P2M_GRANT_RO;
}

static uint64_t type_attributes(enum p2m_type t)
{
    uint64_t normal = S2_MEM_NORMAL | S2_SH_INNER | S2_AP_READ;

    switch (t) {
    case P2M_RAM_RW:
    case P2M_XENHEAP:
        return normal | S2_AP_WRITE;
    case P2M_FOREIGN_RW:
    case P2M_GRANT_RW:
        return normal | S2_AP_WRITE | S2_XN;
    case P2M_RAM_RO:
        return normal;
    case P2M_FOREIGN_RO:
    case P2M_FOREIGN_CLEAN:
    case P2M_GRANT_RO:
        return normal | S2_XN;
    case P2M_DEVICE:
        return S2_MEM_DEVICE | S2_AP_READ | S2_AP_WRITE | S2_XN;
    case P2M_DEVICE_CACHED:
        return normal | S2_AP_WRITE | S2_XN;
    default:
        return 0;
    }
}

uint64_t leaf_make(mfn_t mfn, enum p2m_type type, unsigned level)
{
    return (mfn.mfn << PAGE_SHIFT) | type_attributes(type) | S2_AF | S2_VALID | (level == 3 ? S2_TABLE : 0) |
           (uint64_t)type << S2_TYPE_SHIFT;
}

/* What devices may do there that are told machine addresses. False: nothing. */
static bool type_for_devices(enum p2m_type t, bool *write)
{
    switch (t) {
    case P2M_RAM_RW:
    case P2M_DEVICE_CACHED:
    case P2M_FOREIGN_RW:
    case P2M_FOREIGN_CLEAN:   /* a write by a device leaves no mark, with or without an IOMMU */
    case P2M_GRANT_RW:
        *write = true;
        return true;
    case P2M_RAM_RO:
    case P2M_FOREIGN_RO:
    case P2M_GRANT_RO:
        *write = false;
        return true;
    default:
        return false;
    }
}

static uint64_t table_make(const void *table) { return (virt_to_mfn(table).mfn << PAGE_SHIFT) | S2_TABLE | S2_VALID; }

void entry_set(uint64_t *pte, uint64_t value)
{
    __atomic_store_n(pte, value, __ATOMIC_RELEASE);
}

/* A page that is no table now: a spare one, or taken for a change. */
struct spare_table {
    struct spare_table *next;
};

void spare_put(struct p2m *p2m, void *page)
{
    struct spare_table *spare = page;

    spare->next = p2m->spares;
    p2m->spares = spare;
    p2m->spare_pages++;
}

static void *spare_take(struct p2m *p2m) REQUIRES(p2m->lock)
{
    struct spare_table *spare = p2m->spares;

    if (!spare)
        return NULL;
    p2m->spares = spare->next;
    p2m->spare_pages--;
    return spare;
}

static uint64_t *table_new(struct p2m *p2m) REQUIRES(p2m->lock)
{
    uint64_t *table;

    if (p2m->pool_pages && p2m->table_pages >= p2m->pool_pages)
        return NULL;
    table = spare_take(p2m);
    if (table)
        memset(table, 0, PAGE_SIZE);
    else
        table = page_alloc();
    if (table)
        p2m->table_pages++;
    return table;
}

void table_free(struct p2m *p2m, void *table)
{
    p2m->table_pages--;
    if (p2m->spare_pages < p2m->reserve)
        spare_put(p2m, table);
    else
        page_free(table);
}

/* gfn was checked; the mask holds where the CPU only guesses so: the entry is followed, and guests choose GFNs. */
static uint64_t *root_entry(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock)
{
    return &p2m->root[(gfn.gfn >> level_order(1)) & (((uint64_t)ENTRIES << p2m->root_order) - 1)];
}

static uint64_t *entry_below(uint64_t pte, gfn_t gfn, unsigned level)
{
    return &pte_table(pte)[(gfn.gfn >> level_order(level)) & (ENTRIES - 1)];
}

uint64_t *entry_find(struct p2m *p2m, gfn_t gfn, unsigned *level)
{
    uint64_t *pte = root_entry(p2m, gfn);

    for (*level = 1; (*pte & S2_VALID) && pte_is_table(*pte, *level);)
        pte = entry_below(*pte, gfn, ++*level);
    return pte;
}

uint64_t *entry_find_block(struct p2m *p2m, gfn_t gfn, unsigned *level)
{
    uint64_t *pte = root_entry(p2m, gfn);

    *level = 1;
    if ((*pte & S2_VALID) && pte_is_table(*pte, 1))
        pte = entry_below(*pte, gfn, *level = 2);
    return pte;
}

static void entry_disturb(uint64_t *pte)
{
    if (*pte & S2_QUIET)
        entry_set(pte, *pte & ~(S2_QUIET | S2_WHOLE));
}

void table_disturb(struct p2m *p2m, gfn_t gfn)
{
    unsigned level;
    uint64_t *pte = entry_find_block(p2m, gfn, &level);

    if (level == 2 && (*pte & S2_VALID) && pte_is_table(*pte, 2))
        entry_disturb(pte);
}

static void table_fill(uint64_t *table, uint64_t block, unsigned level, bool tracked)
{
    uint64_t first = (block & ~S2_TABLE) | (level == 3 ? S2_TABLE : 0);

    if (tracked && level == 3 && pte_type(block) == P2M_RAM_RW && stage2_has_dirty_state())
        first |= S2_DBM;
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = first + ((uint64_t)i << (level_order(level) + PAGE_SHIFT));
}

/* The guest may fault in between and comes back. */
int entry_split(struct p2m *p2m, uint64_t *pte, unsigned level, gfn_t gfn)
{
    uint64_t old = *pte, *table = table_new(p2m);
    bool twice = gfn.gfn & (level_span(level + 1) - 1);
    uint64_t *below = table && twice ? table_new(p2m) : NULL;

    if (!table || (twice && !below)) {
        if (table)
            table_free(p2m, table);
        return -ENOMEM;
    }
    table_fill(table, old, level + 1, p2m_is_tracked(p2m));
    if (twice) {
        uint64_t *middle = &table[(gfn.gfn >> level_order(level + 1)) & (ENTRIES - 1)];

        table_fill(below, *middle, level + 2, p2m_is_tracked(p2m));
        *middle = table_make(below);
    }
    entry_set(pte, 0);
    stage2_flush_entries(p2m->vttbr, &gfn, 1);
    entry_set(pte, table_make(table));
    return 0;
}

/* So that no block reaches over gfn. */
static int border_make(struct p2m *p2m, uint64_t gfn) REQUIRES(p2m->lock)
{
    unsigned level;
    uint64_t *pte;

    if (!(gfn & (level_span(1) - 1)))
        return 0;
    pte = entry_find(p2m, GFN(gfn), &level);
    return (*pte & S2_VALID) && (gfn & (level_span(level) - 1)) ? entry_split(p2m, pte, level, GFN(gfn)) : 0;
}

/* Pages that go may be part of a block for devices. */
static int prepare_to_forbid(struct p2m *p2m, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    int err = 0;

    while (!err && gfn < end) {
        unsigned level;
        uint64_t pte = *entry_find(p2m, GFN(gfn), &level);
        bool write;

        if ((pte & S2_VALID) && level == 3 && type_for_devices(pte_type(pte), &write))
            err = dma_prepare(p2m->dma, pte_mfn(pte), 1, false);
        gfn = align_down(gfn, level_span(level)) + level_span(level);
    }
    return err;
}

int change_begin(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end)
{
    int err = border_make(p2m, gfn);

    *c = (struct p2m_change){ .tell = p2m_is_tracked(p2m) };
    if (!err)
        err = border_make(p2m, end);
    return !err && p2m->dma ? prepare_to_forbid(p2m, gfn, end) : err;
}

/* The largest level whose blocks fit. A type that holds references has one entry for each frame. */
static unsigned leaf_level(const struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    if (type_holds_reference(type))
        return 3;
    for (unsigned level = p2m_is_tracked(p2m) ? 2 : 1; level < 3; level++)
        if (!((gfn.gfn | mfn.mfn) & (level_span(level) - 1)) && nr >= level_span(level))
            return level;
    return 3;
}

/* How many tables there are not yet on the way to a leaf of this level. */
static unsigned tables_missing(struct p2m *p2m, gfn_t gfn, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t *pte = root_entry(p2m, gfn);

    for (unsigned l = 1; l < level; l++) {
        if (!(*pte & S2_VALID) || !pte_is_table(*pte, l))
            return level - l;
        pte = entry_below(*pte, gfn, l + 1);
    }
    return 0;
}

static void change_drop_tables(struct p2m *p2m, struct p2m_change *c) REQUIRES(p2m->lock)
{
    while (c->tables) {
        struct spare_table *table = c->tables;

        c->tables = table->next;
        table_free(p2m, table);
    }
}

/* As many tables as the leaves lack that are to be made. */
static uint64_t tables_lacking(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
    REQUIRES(p2m->lock)
{
    uint64_t lacking = 0, counted = UINT64_MAX;   /* the 1 GiB whose own table was counted last */

    for (uint64_t span; nr; nr -= span, gfn = gfn_add(gfn, span), mfn = mfn_add(mfn, span)) {
        unsigned level = leaf_level(p2m, gfn, mfn, nr, type), missing = tables_missing(p2m, gfn, level);
        uint64_t upper = gfn.gfn >> level_order(1);

        lacking += missing;
        if (missing && missing == level - 1) {
            lacking -= upper == counted;
            counted = upper;
        }
        /* As far as the same tables serve. */
        span = level == 3 ? min_u64(nr, level_span(2) - (gfn.gfn & (level_span(2) - 1))) : level_span(level);
    }
    return lacking;
}

/* Blocks of ours and of the devices' begin at the same frames, or there are none. */
static int prepare_to_allow(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
    REQUIRES(p2m->lock)
{
    bool whole = !type_holds_reference(type) && !((gfn.gfn ^ mfn.mfn) & (level_span(2) - 1)), write;

    return type_for_devices(type, &write) ? dma_prepare(p2m->dma, mfn, nr, whole) : 0;
}

int change_take_tables(struct p2m *p2m, struct p2m_change *c, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    int err = p2m->dma ? prepare_to_allow(p2m, gfn, mfn, nr, type) : 0;

    if (err)
        return err;
    for (uint64_t n = tables_lacking(p2m, gfn, mfn, nr, type); n; n--) {
        struct spare_table *table = (struct spare_table *)(void *)table_new(p2m);

        if (!table) {
            change_drop_tables(p2m, c);
            return -ENOMEM;
        }
        table->next = c->tables;
        c->tables = table;
    }
    return 0;
}

/* In place of a hole, which may have something to tell. */
static uint64_t *change_table(struct p2m_change *c, uint64_t hole)
{
    struct spare_table *table = c->tables;

    BUG_ON(!table);
    c->tables = table->next;
    table->next = NULL;   /* all of it is 0 again */
    for (unsigned i = 0; hole && i < ENTRIES; i++)
        ((uint64_t *)(void *)table)[i] = hole;
    return (uint64_t *)(void *)table;
}

uint64_t change_mark(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end, uint64_t budget)
{
    uint64_t first = gfn;

    while (gfn < end && budget--) {
        unsigned level;
        uint64_t *pte = entry_find(p2m, GFN(gfn), &level);

        if ((*pte & S2_VALID) && (!c->exact || pte_mfn(*pte).mfn - gfn == c->mfn.mfn - first)) {
            entry_set(pte, *pte & ~S2_VALID);
            if (c->marked < CHANGE_BY_ADDRESS)
                c->at[c->marked] = GFN(gfn);
            c->marked++;
        }
        gfn = align_down(gfn, level_span(level)) + level_span(level);
    }
    return min_u64(gfn, end);
}

static bool table_is_empty(const uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i] & S2_VALID)
            return false;
    return true;
}

/* The first entry of a table that begins at `base` to look at, and the one behind the last. */
static unsigned index_from(uint64_t base, uint64_t gfn, unsigned level)
{
    return gfn <= base ? 0 : (unsigned)((gfn - base) >> level_order(level));
}

static unsigned index_to(const struct p2m *p2m, uint64_t base, uint64_t end, unsigned level)
{
    uint64_t entries = level == 1 ? (uint64_t)ENTRIES << p2m->root_order : ENTRIES;

    return (unsigned)min_u64(entries, (end - base + level_span(level) - 1) >> level_order(level));
}

/* True if a change left nothing in the table, which begins at `base`. */
static bool mark_below(struct p2m *p2m, struct p2m_change *c, uint64_t *table, unsigned level, uint64_t base,
                       uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    bool changed = false;

    for (unsigned i = index_from(base, gfn, level), to = index_to(p2m, base, end, level); i < to; i++) {
        uint64_t pte = table[i], at = base + ((uint64_t)i << level_order(level));

        if ((pte & S2_VALID) && pte_is_table(pte, level) &&
            mark_below(p2m, c, pte_table(pte), level + 1, at, gfn, end)) {
            entry_set(&table[i], pte & ~S2_VALID);
            c->tables_marked = true;
        }
        changed |= table[i] && !(table[i] & S2_VALID);
    }
    return changed && level > 1 && table_is_empty(table);
}

void change_mark_tables(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end)
{
    if (c->marked && !c->tell)
        (void)mark_below(p2m, c, p2m->root, 1, 0, gfn, end);
}

void change_flush(struct p2m *p2m, struct p2m_change *c)
{
    if (c->tables_marked || c->marked > CHANGE_BY_ADDRESS)
        stage2_flush(p2m->vttbr);
    else if (c->marked)
        stage2_flush_entries(p2m->vttbr, c->at, c->marked);
}

/*
 * No TLB knows the entry any more. A last reference to a foreign frame may be the last to its domain, which is freed
 * then and there: nobody else can have it, all locks that its freeing takes are inside this p2m's (none of their
 * holders takes a p2m's), and a dead domain has no guest memory left to free, but at most a thousand pages of its ports
 * and tables.
 */
static void leaf_let_go(struct p2m *p2m, const struct p2m_change *c, uint64_t pte, unsigned level) REQUIRES(p2m->lock)
{
    bool write;

    if (p2m->dma && type_for_devices(pte_type(pte), &write))
        dma_forbid(p2m->dma, pte_mfn(pte), level_span(level), write);
    if (pte_type(pte) == P2M_FOREIGN_RW)
        frame_writer_end(pte_mfn(pte));
    if (type_holds_reference(pte_type(pte)))
        frame_put(pte_mfn(pte));
    /* Only frames that a destroy under way has taken already are not their owner's any more. */
    for (uint64_t i = 0; c->give_back && i < level_span(level); i++)
        (void)frame_release(mfn_add(pte_mfn(pte), i), p2m->owner);
}

/* The mark that stays where RAM was, for the next collection of dirty pages. */
static uint64_t pte_trace(uint64_t pte)
{
    return pte_is_ram(pte | S2_VALID) ? S2_CHANGED : pte & S2_CHANGED;
}

static void finish_below(struct p2m *p2m, const struct p2m_change *c, uint64_t *table, unsigned level, uint64_t base,
                         uint64_t gfn, uint64_t end) REQUIRES(p2m->lock)
{
    for (unsigned i = index_from(base, gfn, level), to = index_to(p2m, base, end, level); i < to; i++) {
        uint64_t pte = table[i];

        if (pte_is_table(pte, level)) {
            if (level == 2)
                entry_disturb(&table[i]);
            finish_below(p2m, c, pte_table(pte), level + 1, base + ((uint64_t)i << level_order(level)), gfn, end);
        }
        if (!pte || (pte & S2_VALID) || (c->tell && pte == S2_CHANGED))
            continue;
        if (pte_is_table(pte, level))
            table_free(p2m, pte_table(pte));
        else if (pte != S2_CHANGED)
            leaf_let_go(p2m, c, pte, level);
        table[i] = c->tell && level > 1 ? pte_trace(pte) : 0;
    }
}

void change_finish(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end)
{
    if (c->marked)
        finish_below(p2m, c, p2m->root, 1, 0, gfn, end);
}

void change_remove(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end)
{
    (void)change_mark(p2m, c, gfn, end, UINT64_MAX);
    change_mark_tables(p2m, c, gfn, end);
    change_flush(p2m, c);
    change_finish(p2m, c, gfn, end);
}

/* Frees the tables below an entry. Leaves are not looked at: there are none, or they hold nothing. */
static void tables_free(struct p2m *p2m, uint64_t pte, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t *table = pte_table(pte);

    for (unsigned i = 0; level < 2 && i < ENTRIES; i++)
        if ((table[i] & S2_VALID) && pte_is_table(table[i], level + 1))
            tables_free(p2m, table[i], level + 1);
    table_free(p2m, table);
}

/* Makes an entry a hole in which a table stands, of which the change or a merge has made every leaf superfluous. */
static void entry_vacate(struct p2m *p2m, uint64_t *pte, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t old = *pte;

    if (!(old & S2_VALID))
        return;
    entry_set(pte, 0);
    stage2_flush(p2m->vttbr);
    tables_free(p2m, old, level);
}

/* Does the table hold 512 blocks of 2 MiB that are one of 1 GiB? */
static bool table_is_block(const uint64_t *table)
{
    mfn_t first = pte_mfn(table[0]);

    if (!(table[0] & S2_VALID) || (first.mfn & (level_span(1) - 1)))
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i] != leaf_make(mfn_add(first, (uint64_t)i << level_order(2)), pte_type(table[0]), 2))
            return false;
    return true;
}

/*
 * A 2 MiB block was mapped at gfn. Memory comes block by block from below, so when it is its table's last, all of them
 * may now be one of 1 GiB: the table goes. Guests are built so, and walk a level less ever after.
 */
void table_merge(struct p2m *p2m, gfn_t gfn)
{
    uint64_t *pte = root_entry(p2m, gfn), *table, block;

    if (((gfn.gfn >> level_order(2)) & (ENTRIES - 1)) != ENTRIES - 1)
        return;
    table = pte_table(*pte);
    if (!table_is_block(table))
        return;
    block = leaf_make(pte_mfn(table[0]), pte_type(table[0]), 1);
    entry_vacate(p2m, pte, 1);
    entry_set(pte, block);
}

/* The entry for gfn at `level`, with tables as needed. */
static uint64_t *entry_make(struct p2m *p2m, struct p2m_change *c, gfn_t gfn, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t *pte = root_entry(p2m, gfn);

    for (unsigned l = 1; l < level; l++) {
        if (!(*pte & S2_VALID))
            entry_set(pte, table_make(change_table(c, *pte)));
        if (l == 2)
            entry_disturb(pte);
        pte = entry_below(*pte, gfn, l + 1);
    }
    return pte;
}

void change_fill(struct p2m *p2m, struct p2m_change *c, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    while (nr) {
        unsigned level = leaf_level(p2m, gfn, mfn, nr, type);
        uint64_t *pte = entry_make(p2m, c, gfn, level), span = level_span(level), leaf = leaf_make(mfn, type, level);
        bool write;

        if (c->tell && (*pte || pte_is_ram(leaf)))
            leaf |= S2_CHANGED;
        if (type == P2M_FOREIGN_RW)
            frame_writer_begin(mfn);
        entry_vacate(p2m, pte, level);
        entry_set(pte, leaf);
        if (p2m->dma && type_for_devices(type, &write))
            dma_allow(p2m->dma, mfn, span, write);
        if (level == 2 && !c->tell)
            table_merge(p2m, gfn);
        gfn = gfn_add(gfn, span);
        mfn = mfn_add(mfn, span);
        nr -= span;
    }
    BUG_ON(c->tables);
    dsb_ishst();
}

void tables_free_all(struct p2m *p2m)
{
    stage2_flush(p2m->vttbr);
    p2m->reserve = 0;
    for (unsigned i = 0; i < (unsigned)ENTRIES << p2m->root_order; i++)
        if ((p2m->root[i] & S2_VALID) && pte_is_table(p2m->root[i], 1))
            tables_free(p2m, p2m->root[i], 1);
    pages_free(p2m->root, p2m->root_order);
    p2m->root = NULL;
    for (void *page; (page = spare_take(p2m));)
        page_free(page);
}
