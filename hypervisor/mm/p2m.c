// SPDX-License-Identifier: Apache-2.0
/*
 * Stage-2 tables (Arm ARM DDI 0487, D8.3): 4 KiB granule, three levels from level 1, the first of concatenated tables.
 * The type of an entry stands in its software bits. A valid entry is never changed into another valid one: it is
 * cleared and flushed first (break before make), so a guest may fault on a page that is there again when the
 * fault is looked at; the trap path then just goes back.
 */
#include "mm/p2m.h"

#include "arch/barrier.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "arch/stage2.h"
#include "vm/domain.h"

#define ENTRIES       512
#define MAX_VMIDS     256
#define RELEASE_BATCH 32

#define S2_VALID      BIT(0)
#define S2_TABLE      BIT(1)
#define S2_MEM_DEVICE (UINT64_C(1) << 2)    /* Device-nGnRE */
#define S2_MEM_NORMAL (UINT64_C(15) << 2)   /* write-back */
#define S2_AP_READ    (UINT64_C(1) << 6)
#define S2_AP_WRITE   (UINT64_C(2) << 6)
#define S2_SH_INNER   (UINT64_C(3) << 8)
#define S2_AF         BIT(10)
#define S2_XN         BIT(54)
#define S2_TYPE_SHIFT 55
#define S2_ADDRESS    UINT64_C(0x0000fffffffff000)

static struct spinlock vmid_lock = SPINLOCK_INIT;
static uint64_t vmids[BITMAP_WORDS(MAX_VMIDS)] GUARDED_BY(vmid_lock);

/* What goes once the TLBs have forgotten it: references to frames, and tables with nothing in them. */
struct release {
    mfn_t mfn[RELEASE_BATCH];
    uint64_t *tables[RELEASE_BATCH];
    unsigned count, table_count;
    bool flush;
};

static unsigned level_order(unsigned level) { return (3 - level) * 9; }
static enum p2m_type pte_type(uint64_t pte) { return (enum p2m_type)((pte >> S2_TYPE_SHIFT) & 0xf); }
static mfn_t pte_mfn(uint64_t pte) { return MFN((pte & S2_ADDRESS) >> PAGE_SHIFT); }
static uint64_t *pte_table(uint64_t pte) { return mfn_to_virt(pte_mfn(pte)); }
static bool pte_is_table(uint64_t pte, unsigned level) { return level < 3 && (pte & S2_TABLE); }

static bool type_holds_reference(enum p2m_type t)
{
    return t == P2M_FOREIGN_RW || t == P2M_FOREIGN_RO || t == P2M_GRANT_RW || t == P2M_GRANT_RO;
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

static uint64_t leaf_make(mfn_t mfn, enum p2m_type type, unsigned level)
{
    return (mfn.mfn << PAGE_SHIFT) | type_attributes(type) | S2_AF | S2_VALID | (level == 3 ? S2_TABLE : 0) |
           (uint64_t)type << S2_TYPE_SHIFT;
}

static void entry_set(uint64_t *pte, uint64_t value)
{
    __atomic_store_n(pte, value, __ATOMIC_RELEASE);
}

struct spare_table {
    struct spare_table *next;
};

static void spare_put(struct p2m *p2m, void *page) REQUIRES(p2m->lock)
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

static void table_free(struct p2m *p2m, void *table) REQUIRES(p2m->lock)
{
    if (p2m->spare_pages < p2m->reserve)
        spare_put(p2m, table);
    else
        page_free(table);
}

static uint64_t *root_entry(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock)
{
    return &p2m->root[gfn.gfn >> level_order(1)];
}

/* The deepest entry that there is for gfn: a leaf, or a hole. */
static uint64_t *entry_find(struct p2m *p2m, gfn_t gfn, unsigned *level) REQUIRES(p2m->lock)
{
    uint64_t *pte = root_entry(p2m, gfn);

    for (*level = 1; (*pte & S2_VALID) && pte_is_table(*pte, *level);) {
        ++*level;
        pte = &pte_table(*pte)[(gfn.gfn >> level_order(*level)) & (ENTRIES - 1)];
    }
    return pte;
}

/* Replaces a block by a table that says the same. The guest may fault in between and comes back. */
static int entry_split(struct p2m *p2m, uint64_t *pte, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t old = *pte;
    uint64_t *table = table_new(p2m);

    if (!table)
        return -ENOMEM;
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = leaf_make(mfn_add(pte_mfn(old), (uint64_t)i << level_order(level + 1)), pte_type(old), level + 1);
    entry_set(pte, 0);
    stage2_flush(p2m->vttbr);
    entry_set(pte, (virt_to_mfn(table).mfn << PAGE_SHIFT) | S2_TABLE | S2_VALID);
    return 0;
}

/* The entry for gfn at `level`, with tables and splits as needed. */
static uint64_t *entry_make(struct p2m *p2m, gfn_t gfn, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t *pte = root_entry(p2m, gfn);

    for (unsigned l = 1; l < level; l++) {
        if (!(*pte & S2_VALID)) {
            uint64_t *table = table_new(p2m);

            if (!table)
                return NULL;
            entry_set(pte, (virt_to_mfn(table).mfn << PAGE_SHIFT) | S2_TABLE | S2_VALID);
        } else if (!pte_is_table(*pte, l) && entry_split(p2m, pte, l)) {
            return NULL;
        }
        pte = &pte_table(*pte)[(gfn.gfn >> level_order(l + 1)) & (ENTRIES - 1)];
    }
    return pte;
}

static void release_flush(struct p2m *p2m, struct release *r) REQUIRES(p2m->lock)
{
    if (r->flush)
        stage2_flush(p2m->vttbr);
    for (unsigned i = 0; i < r->count; i++)
        frame_put(r->mfn[i]);
    for (unsigned i = 0; i < r->table_count; i++)
        table_free(p2m, r->tables[i]);
    r->count = r->table_count = 0;
    r->flush = false;
}

static void entry_clear(struct p2m *p2m, uint64_t *pte, struct release *r) REQUIRES(p2m->lock)
{
    uint64_t old = *pte;

    entry_set(pte, 0);
    r->flush = true;
    if (!type_holds_reference(pte_type(old)))
        return;
    r->mfn[r->count++] = pte_mfn(old);
    if (r->count == RELEASE_BATCH)
        release_flush(p2m, r);
}

static bool table_is_empty(const uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i])
            return false;
    return true;
}

/* Takes the table off `pte` if nothing is in it. False if something is. */
static bool table_release(struct p2m *p2m, uint64_t *pte, struct release *r) REQUIRES(p2m->lock)
{
    uint64_t *table = pte_table(*pte);

    if (!table_is_empty(table))
        return false;
    entry_set(pte, 0);
    p2m->table_pages--;
    r->flush = true;
    r->tables[r->table_count++] = table;
    if (r->table_count == RELEASE_BATCH)
        release_flush(p2m, r);
    return true;
}

/* Something of gfn's was cleared: tables that this left empty go, so that who maps here and there does not collect them. */
static void tables_reclaim(struct p2m *p2m, gfn_t gfn, struct release *r) REQUIRES(p2m->lock)
{
    uint64_t *first = root_entry(p2m, gfn), *second;

    if (!(*first & S2_VALID) || !pte_is_table(*first, 1))
        return;
    second = &pte_table(*first)[(gfn.gfn >> level_order(2)) & (ENTRIES - 1)];
    if ((*second & S2_VALID) && (!pte_is_table(*second, 2) || !table_release(p2m, second, r)))
        return;
    (void)table_release(p2m, first, r);
}

/*
 * Clears [gfn, end). Stops early after `budget` entries and holes.
 * Returns where it stopped, or ~0 if a block could not be split.
 */
static uint64_t range_clear(struct p2m *p2m, uint64_t gfn, uint64_t end, uint64_t budget, struct release *r)
    REQUIRES(p2m->lock)
{
    uint64_t last = 0;         /* where the table begins in which an entry was cleared last */
    unsigned last_level = 3;
    bool cleared = false;

    while (gfn < end && budget--) {
        unsigned level;
        uint64_t *pte = entry_find(p2m, GFN(gfn), &level);
        uint64_t span = UINT64_C(1) << level_order(level);

        if (!(*pte & S2_VALID)) {
            gfn = align_down(gfn, span) + span;
            continue;
        }
        if (level < 3 && ((gfn & (span - 1)) || gfn + span > end)) {
            if (entry_split(p2m, pte, level))
                return UINT64_MAX;
            continue;
        }
        /* Tables are looked at once, when the walk has left them behind. */
        if (cleared && gfn - last >= UINT64_C(1) << level_order(last_level - (last_level > 1)))
            tables_reclaim(p2m, GFN(last), r);
        entry_clear(p2m, pte, r);
        cleared = true;
        last_level = level;
        last = align_down(gfn, UINT64_C(1) << level_order(level - (level > 1)));
        gfn += span;
    }
    if (cleared)
        tables_reclaim(p2m, GFN(last), r);
    return gfn;
}

static bool range_valid(const struct p2m *p2m, gfn_t gfn, uint64_t nr)
{
    uint64_t limit = UINT64_C(1) << (p2m->address_bits - PAGE_SHIFT);

    return gfn.gfn < limit && nr <= limit - gfn.gfn;
}

/* The largest level whose blocks fit. What holds a reference to its frame has an entry for each. */
static unsigned leaf_level(gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    if (type_holds_reference(type))
        return 3;
    for (unsigned level = 1; level < 3; level++) {
        uint64_t span = UINT64_C(1) << level_order(level);

        if (!((gfn.gfn | mfn.mfn) & (span - 1)) && nr >= span)
            return level;
    }
    return 3;
}

/* Frees a table and those below it. Leaves are not looked at: there are none, or they hold nothing. */
static void tables_free(struct p2m *p2m, uint64_t *table, unsigned level) REQUIRES(p2m->lock)
{
    for (unsigned i = 0; level < 3 && i < ENTRIES; i++)
        if ((table[i] & S2_VALID) && pte_is_table(table[i], level))
            tables_free(p2m, pte_table(table[i]), level + 1);
    table_free(p2m, table);
    p2m->table_pages--;
}

/* Makes an entry for what is mapped next a hole: the table that may stand there, whose range was cleared, goes. */
static void entry_vacate(struct p2m *p2m, uint64_t *pte, unsigned level) REQUIRES(p2m->lock)
{
    uint64_t old = *pte;

    if (!(old & S2_VALID))
        return;
    entry_set(pte, 0);
    stage2_flush(p2m->vttbr);
    tables_free(p2m, pte_table(old), level + 1);
}

/* Does the table hold 512 blocks of 2 MiB that are one of 1 GiB? */
static bool table_is_block(const uint64_t *table)
{
    mfn_t first = pte_mfn(table[0]);

    if (!(table[0] & S2_VALID) || (first.mfn & ((UINT64_C(1) << level_order(1)) - 1)))
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i] != leaf_make(mfn_add(first, (uint64_t)i << level_order(2)), pte_type(table[0]), 2))
            return false;
    return true;
}

/*
 * A 2 MiB block was mapped at gfn. Memory comes block by block from below, so when it is its table's last, all of them may now
 * be one of 1 GiB: the table goes. Guests are built so, and walk a level less ever after.
 */
static void table_merge(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock)
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

static int map_locked(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type) REQUIRES(p2m->lock)
{
    struct release r = { .count = 0 };
    uint64_t end = gfn.gfn + nr, at = range_clear(p2m, gfn.gfn, end, UINT64_MAX, &r);

    release_flush(p2m, &r);
    if (at == UINT64_MAX)
        return -ENOMEM;
    while (gfn.gfn < end) {
        unsigned level = leaf_level(gfn, mfn, end - gfn.gfn, type);
        uint64_t *pte = entry_make(p2m, gfn, level);

        if (!pte)
            return -ENOMEM;
        entry_vacate(p2m, pte, level);
        entry_set(pte, leaf_make(mfn, type, level));
        if (level == 2)
            table_merge(p2m, gfn);
        gfn = gfn_add(gfn, UINT64_C(1) << level_order(level));
        mfn = mfn_add(mfn, UINT64_C(1) << level_order(level));
    }
    p2m->max_mapped_gfn = max_u64(p2m->max_mapped_gfn, end - 1);
    dsb_ishst();
    return 0;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    int err;

    if (nr == 0 || !range_valid(p2m, gfn, nr))
        return -EINVAL;
    spin_lock(&p2m->lock);
    err = p2m->dying ? -EINVAL : map_locked(p2m, gfn, mfn, nr, type);
    spin_unlock(&p2m->lock);
    return err;
}

int p2m_unmap(struct p2m *p2m, gfn_t gfn, uint64_t nr)
{
    struct release r = { .count = 0 };
    uint64_t at;

    if (!range_valid(p2m, gfn, nr))
        return -EINVAL;
    spin_lock(&p2m->lock);
    at = range_clear(p2m, gfn.gfn, gfn.gfn + nr, UINT64_MAX, &r);
    release_flush(p2m, &r);
    spin_unlock(&p2m->lock);
    return at == UINT64_MAX ? -ENOMEM : 0;
}

bool p2m_lookup_locked(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    unsigned level;
    uint64_t pte;

    *entry = (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_INVALID };
    if (!range_valid(p2m, gfn, 1))
        return false;
    pte = *entry_find(p2m, gfn, &level);
    if (!(pte & S2_VALID))
        return false;
    entry->type = pte_type(pte);
    entry->order = level_order(level);
    entry->mfn = mfn_add(pte_mfn(pte), gfn.gfn & ((UINT64_C(1) << entry->order) - 1));
    return true;
}

bool p2m_lookup(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    bool found;

    spin_lock(&p2m->lock);
    found = p2m_lookup_locked(p2m, gfn, entry);
    spin_unlock(&p2m->lock);
    return found;
}

int p2m_unmap_exact(struct p2m *p2m, gfn_t gfn, mfn_t mfn)
{
    struct release r = { .count = 0 };
    struct p2m_entry e;
    int err = -ENOENT;

    spin_lock(&p2m->lock);
    if (p2m_lookup_locked(p2m, gfn, &e) && e.mfn.mfn == mfn.mfn) {
        err = range_clear(p2m, gfn.gfn, gfn.gfn + 1, UINT64_MAX, &r) == UINT64_MAX ? -ENOMEM : 0;
        release_flush(p2m, &r);
    }
    spin_unlock(&p2m->lock);
    return err;
}

bool p2m_get_frame(struct p2m *p2m, gfn_t gfn, bool write, bool any, mfn_t *mfn)
{
    struct p2m_entry e;
    bool got = false;

    spin_lock(&p2m->lock);
    if (p2m_lookup_locked(p2m, gfn, &e)) {
        bool readable = e.type == P2M_RAM_RO || (any && (e.type == P2M_FOREIGN_RO || e.type == P2M_GRANT_RO));
        bool writable = e.type == P2M_RAM_RW ||
                        (any && (e.type == P2M_FOREIGN_RW || e.type == P2M_GRANT_RW || e.type == P2M_XENHEAP));
        struct domain *owner = type_holds_reference(e.type) ? frame_owner(e.mfn) : p2m->domain;

        got = (writable || (readable && !write)) && owner && frame_get(e.mfn, owner);
        *mfn = e.mfn;
    }
    spin_unlock(&p2m->lock);
    return got;
}

uint64_t p2m_max_gfn(struct p2m *p2m)
{
    uint64_t max;

    spin_lock(&p2m->lock);
    max = p2m->max_mapped_gfn;
    spin_unlock(&p2m->lock);
    return max;
}

int p2m_cache_flush(struct p2m *p2m, gfn_t *start, gfn_t end, bool (*preempt)(void))
{
    for (unsigned n = 1; start->gfn < end.gfn; n++) {
        struct p2m_entry e;
        uint64_t span;

        spin_lock(&p2m->lock);
        if (!range_valid(p2m, *start, 1)) {
            spin_unlock(&p2m->lock);
            return 0;
        }
        if (p2m_lookup_locked(p2m, *start, &e)) {
            span = 1;
            if (frame_is_ram(e.mfn))
                cache_clean_invalidate(mfn_to_virt(e.mfn), PAGE_SIZE);
        } else {
            unsigned level;

            (void)entry_find(p2m, *start, &level);
            span = (UINT64_C(1) << level_order(level)) - (start->gfn & ((UINT64_C(1) << level_order(level)) - 1));
        }
        spin_unlock(&p2m->lock);
        *start = gfn_add(*start, span);
        if (n % 16 == 0 && start->gfn < end.gfn && preempt())
            return -ERESTART;
    }
    return 0;
}

int p2m_set_pool(struct p2m *p2m, uint64_t pages)
{
    int err = 0;

    spin_lock(&p2m->lock);
    if (pages < p2m->table_pages)
        err = -EBUSY;
    else
        p2m->pool_pages = pages;
    spin_unlock(&p2m->lock);
    return err;
}

uint64_t p2m_get_pool(struct p2m *p2m)
{
    uint64_t pages;

    spin_lock(&p2m->lock);
    pages = p2m->pool_pages;
    spin_unlock(&p2m->lock);
    return pages;
}

int p2m_reserve(struct p2m *p2m, uint64_t pages)
{
    int err = 0;

    spin_lock(&p2m->lock);
    p2m->reserve = pages;
    while (!err && p2m->spare_pages < pages) {
        void *page = page_alloc();

        if (page)
            spare_put(p2m, page);
        else
            err = -ENOMEM;
    }
    spin_unlock(&p2m->lock);
    return err;
}

static int vmid_alloc(uint16_t *vmid)
{
    unsigned n;

    spin_lock(&vmid_lock);
    n = bitmap_find(vmids, MAX_VMIDS, 1, false);   /* 0 is what EL2 runs with before the first guest */
    if (n < MAX_VMIDS)
        bitmap_set(vmids, n);
    spin_unlock(&vmid_lock);
    *vmid = (uint16_t)n;
    return n < MAX_VMIDS ? 0 : -EBUSY;
}

static void vmid_free(uint16_t vmid)
{
    spin_lock(&vmid_lock);
    bitmap_clear(vmids, vmid);
    spin_unlock(&vmid_lock);
}

int p2m_init(struct p2m *p2m, struct domain *d)
{
    int err = vmid_alloc(&p2m->vmid);

    if (err)
        return err;
    p2m->domain = d;
    p2m->address_bits = stage2_address_bits();
    p2m->root_level = 1;
    p2m->root_order = p2m->address_bits > 39 ? p2m->address_bits - 39 : 0;
    spin_lock(&p2m->lock);
    p2m->root = pages_alloc(p2m->root_order);
    if (p2m->root) {
        p2m->vttbr = (virt_to_mfn(p2m->root).mfn << PAGE_SHIFT) | (uint64_t)p2m->vmid << 48;
        stage2_flush(p2m->vttbr);   /* whatever the number's last owner left */
    } else {
        err = -ENOMEM;
    }
    spin_unlock(&p2m->lock);
    if (err)
        vmid_free(p2m->vmid);
    return err;
}

int p2m_release_all(struct p2m *p2m, bool (*preempt)(void))
{
    for (bool done = false; !done;) {
        struct release r = { .count = 0 };

        spin_lock(&p2m->lock);
        p2m->dying = true;   /* what were mapped behind our back would keep its reference for ever */
        p2m->next_to_release = range_clear(p2m, p2m->next_to_release, p2m->max_mapped_gfn + 1, 256, &r);
        release_flush(p2m, &r);
        done = p2m->next_to_release > p2m->max_mapped_gfn;
        spin_unlock(&p2m->lock);
        if (!done && preempt())
            return -ERESTART;
    }
    return 0;
}

void p2m_destroy(struct p2m *p2m)
{
    spin_lock(&p2m->lock);
    if (p2m->root) {
        stage2_flush(p2m->vttbr);
        p2m->reserve = 0;
        for (unsigned i = 0; i < (unsigned)ENTRIES << p2m->root_order; i++)
            if ((p2m->root[i] & S2_VALID) && pte_is_table(p2m->root[i], 1))
                tables_free(p2m, pte_table(p2m->root[i]), 2);
        pages_free(p2m->root, p2m->root_order);
        p2m->root = NULL;
        for (void *page; (page = spare_take(p2m));)
            page_free(page);
        vmid_free(p2m->vmid);
    }
    spin_unlock(&p2m->lock);
}
