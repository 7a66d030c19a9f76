// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of a p2m, for mm/p2m.c: entries, the pages that tables are made of, and how entries change.
 *
 * A change is made under the p2m's lock, from its first to its last step: the tables that it needs are taken before
 * (change_begin); entries that go are marked invalid and keep their content (change_mark), so are tables with nothing
 * in them (change_mark_tables); the TLBs forget them, once for all of it (change_flush); then the frames that they held
 * are let go (change_finish). Nothing fails after the first step.
 *
 * While the p2m is tracked an entry of its RAM without S2_AP_WRITE was not written since it was last cleaned. Where RAM
 * came or went since then the entry, or the hole, has S2_CHANGED, and no leaf or hole with something to tell is larger
 * than 2 MiB. A collection may mark a table of pages as having nothing to tell (S2_QUIET); a change that gives one of
 * its entries something to tell, or another frame, takes the mark back (table_disturb()). While tracking starts, that
 * holds for the tables that it has come past; on an untracked p2m the mark means nothing.
 */
#pragma once

#include "mm/p2m.h"

#define P2M_ENTRIES 512

#define S2_VALID      BIT(0)
#define S2_TABLE      BIT(1)
#define S2_ADDRESS    UINT64_C(0x0000fffffffff000)
#define S2_AP_WRITE   (UINT64_C(2) << 6)
#define S2_DBM        BIT(51)     /* the CPU may set S2_AP_WRITE by itself (FEAT_HAFDBS) */
#define S2_TYPE_SHIFT 55
#define S2_CHANGED    BIT(59)     /* ours: no PBHA, for VTCR_EL2.HWU59 is 0 */

/* Of an entry that is a table of pages (IGNORED there by the CPU: Arm ARM, "Table descriptor format"). */
#define S2_QUIET      BIT(52)     /* none of its RAM may be written without a fault, or came or went */
#define S2_WHOLE      BIT(53)     /* and all of it is of the 2 MiB of machine memory that its first page is of */

/* So many entries' translations are forgotten one by one; more than that, with all of the VMID's. */
#define CHANGE_BY_ADDRESS 8

struct p2m_change {
    struct spare_table *tables;    /* taken for entries to come */
    bool exact;                    /* only entries of a run that begins with: */
    mfn_t mfn;
    bool give_back;                /* RAM that goes is no longer the owner's */
    /* RAM that comes or goes leaves S2_CHANGED; otherwise the marks of holes are forgotten */
    bool tell;
    unsigned marked;
    gfn_t at[CHANGE_BY_ADDRESS];   /* the first that were marked */
    bool tables_marked;
};

static inline unsigned level_order(unsigned level) { return (3 - level) * 9; }
static inline uint64_t level_span(unsigned level) { return BIT(level_order(level)); }
static inline enum p2m_type pte_type(uint64_t pte) { return (enum p2m_type)((pte >> S2_TYPE_SHIFT) & 0xf); }
static inline bool pte_is_ram(uint64_t pte)
{
    return (pte & S2_VALID) && (pte_type(pte) == P2M_RAM_RW || pte_type(pte) == P2M_RAM_RO);
}
static inline mfn_t pte_mfn(uint64_t pte) { return MFN((pte & S2_ADDRESS) >> PAGE_SHIFT); }

static inline bool pte_is_table(uint64_t pte, unsigned level) { return level < 3 && (pte & S2_TABLE); }
uint64_t *pte_table(uint64_t pte);
void entry_set(uint64_t *pte, uint64_t value);
/* A leaf as it is made while the p2m is not tracked. */
uint64_t leaf_make(mfn_t mfn, enum p2m_type type, unsigned level);

/* Entries of this type hold a reference to their frame. */
bool type_holds_reference(enum p2m_type t);

/* The deepest entry that there is for gfn: a leaf, or a hole. */
uint64_t *entry_find(struct p2m *p2m, gfn_t gfn, unsigned *level) REQUIRES(p2m->lock);
/* The same down to level 2: a leaf, a hole, or a table of pages. */
uint64_t *entry_find_block(struct p2m *p2m, gfn_t gfn, unsigned *level) REQUIRES(p2m->lock);
/* If gfn has an entry in a table of pages, that has something to tell from now on. */
void table_disturb(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock);

/*
 * Replaces a block by tables that say the same, down to where an entry begins at gfn; one level down at least. -ENOMEM:
 * no tables.
 */
MUST_CHECK int entry_split(struct p2m *p2m, uint64_t *pte, unsigned level, gfn_t gfn) REQUIRES(p2m->lock);
/*
 * If the table of level 2 that ends with gfn's entry maps the same as one block of 1 GiB would, it becomes that block.
 */
void table_merge(struct p2m *p2m, gfn_t gfn) REQUIRES(p2m->lock);
void table_free(struct p2m *p2m, void *table) REQUIRES(p2m->lock);

/*
 * Makes sure that no block reaches over a border of [gfn, end); and takes the tables that new entries there will lack.
 * -ENOMEM: the change cannot be made; the p2m still says the same.
 */
MUST_CHECK int change_begin(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock);
MUST_CHECK int change_take_tables(struct p2m *p2m, struct p2m_change *c, gfn_t gfn, mfn_t mfn, uint64_t nr,
                                  enum p2m_type type) REQUIRES(p2m->lock);
/* Marks the entries in [gfn, end), at most `budget` entries and holes of it. Returns where it stopped. */
uint64_t change_mark(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end, uint64_t budget)
    REQUIRES(p2m->lock);
/* And tables that are empty now, so that a guest that maps here and there does not collect them. */
void change_mark_tables(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock);
void change_flush(struct p2m *p2m, struct p2m_change *c) REQUIRES(p2m->lock);
void change_finish(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock);
/* The four in this order, whole. */
void change_remove(struct p2m *p2m, struct p2m_change *c, uint64_t gfn, uint64_t end) REQUIRES(p2m->lock);
/* Makes nr entries out of holes, the largest that fit, with the tables that were taken. */
void change_fill(struct p2m *p2m, struct p2m_change *c, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
    REQUIRES(p2m->lock);

/* Frees all tables, and the spares. The frames that their entries held were let go before. */
void tables_free_all(struct p2m *p2m) REQUIRES(p2m->lock);
void spare_put(struct p2m *p2m, void *page) REQUIRES(p2m->lock);
