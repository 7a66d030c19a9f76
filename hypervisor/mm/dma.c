// SPDX-License-Identifier: Apache-2.0
/*
 * Four levels of 4 KiB pages. A table of pages has their counts behind it; a block of 2 MiB was allowed once, as a
 * whole.
 *
 * An entry of a page changes its permission in place, and a block becomes a table that says the same while the IOMMU
 * looks (where it is made for that: IHI 0070, SMMU_IDR3.BBML): to be without it for a moment, as a CPU can, is to lose
 * what a device has under way.
 */
#include "mm/dma.h"

#include "arch/barrier.h"
#include "lib/errno.h"
#include "mm/frames.h"

#define ENTRIES     512u
#define LEAF_ORDER  9u          /* frames of a block: 2 MiB */
#define BLOCK       BIT(LEAF_ORDER)

#define S1_VALID    BIT(0)
#define S1_TABLE    BIT(1)      /* of a page, too */
#define S1_DEVICE   (UINT64_C(1) << 2)
#define S1_EL0      BIT(6)      /* AP[1]: for transactions that are not privileged, too */
#define S1_READ_ONLY BIT(7)     /* AP[2] */
#define S1_INNER    (UINT64_C(3) << 8)
#define S1_AF       BIT(10)
#define S1_NO_EXEC  (BIT(53) | BIT(54))
#define S1_ADDRESS  UINT64_C(0x0000fffffffff000)

struct counts {
    uint32_t writable[ENTRIES], readable[ENTRIES];
};

#define TABLE_ORDER 1u          /* of a table of pages, with its counts */

static inline unsigned level_order(unsigned level) { return (3 - level) * 9; }

static uint64_t leaf_make(mfn_t mfn, bool write, unsigned level)
{
    return mfn.mfn << PAGE_SHIFT | S1_NO_EXEC | S1_AF | S1_INNER | S1_EL0 | (write ? 0 : S1_READ_ONLY) | S1_VALID |
           (level == 3 ? S1_TABLE : 0);
}

static uint64_t table_make(const void *table) { return virt_to_mfn(table).mfn << PAGE_SHIFT | S1_TABLE | S1_VALID; }
static uint64_t *table_of(uint64_t entry) { return mfn_to_virt(MFN((entry & S1_ADDRESS) >> PAGE_SHIFT)); }
static struct counts *counts_of(uint64_t *pages) { return (struct counts *)(void *)&pages[ENTRIES]; }
static bool is_table(uint64_t entry) { return entry & S1_TABLE; }
static void entry_set(uint64_t *entry, uint64_t value) { __atomic_store_n(entry, value, __ATOMIC_RELEASE); }

static unsigned index_of(mfn_t mfn, unsigned level)
{
    return (unsigned)(mfn.mfn >> level_order(level)) & (ENTRIES - 1);
}

/* The entry of level 2; NULL: there is no table for it. */
static uint64_t *find_block(const struct dma *d, mfn_t mfn)
{
    uint64_t *table = d->root;

    for (unsigned level = 0; level < 2; level++) {
        uint64_t entry = table[index_of(mfn, level)];

        if (!(entry & S1_VALID))
            return NULL;
        table = table_of(entry);
    }
    return &table[index_of(mfn, 2)];
}

/* The same, made if need be; NULL: no memory. */
static uint64_t *make_block(struct dma *d, mfn_t mfn)
{
    uint64_t *table = d->root;

    for (unsigned level = 0; level < 2; level++) {
        uint64_t *entry = &table[index_of(mfn, level)];

        if (!(*entry & S1_VALID)) {
            uint64_t *below = page_alloc();

            if (!below)
                return NULL;
            entry_set(entry, table_make(below));
        }
        table = table_of(*entry);
    }
    return &table[index_of(mfn, 2)];
}

/* In place of a block, which it says the same as, or of nothing. */
static int make_pages(struct dma *d, uint64_t *block, mfn_t mfn)
{
    uint64_t *pages = pages_alloc(TABLE_ORDER), old = *block;
    bool write = !(old & S1_READ_ONLY);

    if (!pages)
        return -ENOMEM;
    mfn = MFN(align_down(mfn.mfn, BLOCK));
    for (unsigned i = 0; old && i < ENTRIES; i++) {
        pages[i] = leaf_make(mfn_add(mfn, i), write, 3);
        *(write ? &counts_of(pages)->writable[i] : &counts_of(pages)->readable[i]) = 1;
    }
    dsb_ishst();
    entry_set(block, table_make(pages));
    if (old)
        d->forget(mfn, BLOCK);
    return 0;
}

/* As many of nr frames from mfn on as are in the same 2 MiB. */
static uint64_t in_block(mfn_t mfn, uint64_t nr) { return min_u64(nr, BLOCK - (mfn.mfn & (BLOCK - 1))); }

int dma_prepare(struct dma *d, mfn_t first, uint64_t nr, bool whole)
{
    for (uint64_t part; nr; nr -= part, first = mfn_add(first, part)) {
        uint64_t *block = make_block(d, first);

        part = in_block(first, nr);
        if (!block)
            return -ENOMEM;
        if (is_table(*block) || (whole && d->has_blocks && part == BLOCK && !*block))
            continue;
        if (make_pages(d, block, first))
            return -ENOMEM;
    }
    return 0;
}

/* The page's entry after its counts have changed. True: the IOMMU may know another, that says less or more. */
static bool page_update(uint64_t *pages, mfn_t mfn)
{
    unsigned i = index_of(mfn, 3);
    const struct counts *c = counts_of(pages);
    uint64_t old = pages[i], new = c->writable[i] || c->readable[i] ? leaf_make(mfn, c->writable[i], 3) : 0;

    if (new != old)
        entry_set(&pages[i], new);
    return old && new != old;
}

static uint32_t *count_of(uint64_t *pages, mfn_t mfn, bool write)
{
    struct counts *c = counts_of(pages);

    return write ? &c->writable[index_of(mfn, 3)] : &c->readable[index_of(mfn, 3)];
}

static bool pages_allow(uint64_t *pages, mfn_t first, uint64_t nr, bool write)
{
    bool stale = false;

    for (uint64_t i = 0; i < nr; i++) {
        mfn_t mfn = mfn_add(first, i);

        ++*count_of(pages, mfn, write);
        stale |= page_update(pages, mfn);
    }
    return stale;
}

static bool pages_forbid(uint64_t *pages, mfn_t first, uint64_t nr, bool write)
{
    bool stale = false;

    for (uint64_t i = 0; i < nr; i++) {
        mfn_t mfn = mfn_add(first, i);

        BUG_ON(!*count_of(pages, mfn, write));
        --*count_of(pages, mfn, write);
        stale |= page_update(pages, mfn);
    }
    return stale;
}

void dma_allow(struct dma *d, mfn_t first, uint64_t nr, bool write)
{
    bool stale = false;

    for (uint64_t part, left = nr, at = first.mfn; left; left -= part, at += part) {
        uint64_t *block = find_block(d, MFN(at));

        part = in_block(MFN(at), left);
        BUG_ON(!block || (!is_table(*block) && (*block || part < BLOCK || !d->has_blocks)));
        if (is_table(*block))
            stale |= pages_allow(table_of(*block), MFN(at), part, write);
        else
            entry_set(block, leaf_make(MFN(at), write, 2));
    }
    dsb_ishst();
    if (stale)
        d->forget(first, nr);
}

void dma_forbid(struct dma *d, mfn_t first, uint64_t nr, bool write)
{
    bool stale = false;

    for (uint64_t part, left = nr, at = first.mfn; left; left -= part, at += part) {
        uint64_t *block = find_block(d, MFN(at));

        part = in_block(MFN(at), left);
        BUG_ON(!block || !*block || (!is_table(*block) && part < BLOCK));
        if (is_table(*block)) {
            stale |= pages_forbid(table_of(*block), MFN(at), part, write);
        } else {
            entry_set(block, 0);
            stale = true;
        }
    }
    dsb_ishst();
    if (stale)
        d->forget(first, nr);
}

int dma_allow_doorbell(struct dma *d, paddr_t page)
{
    mfn_t mfn = MFN(page.pa >> PAGE_SHIFT);
    int error = dma_prepare(d, mfn, 1, false);

    if (error)
        return error;
    dma_allow(d, mfn, 1, true);
    table_of(*find_block(d, mfn))[index_of(mfn, 3)] |= S1_DEVICE;
    return 0;
}

bool dma_reaches(const struct dma *d, mfn_t mfn, bool write)
{
    const uint64_t *block = find_block(d, mfn);
    uint64_t entry = block ? *block : 0;

    if (is_table(entry))
        entry = table_of(entry)[index_of(mfn, 3)];
    return entry && !(write && (entry & S1_READ_ONLY));
}

int dma_init(struct dma *d, bool has_blocks, void (*forget)(mfn_t first, uint64_t nr))
{
    *d = (struct dma){ .root = page_alloc(), .has_blocks = has_blocks, .forget = forget };
    return d->root ? 0 : -ENOMEM;
}
