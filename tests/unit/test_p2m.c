// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/machine.c hypervisor/mm/p2m.c hypervisor/mm/vmid.c hypervisor/mm/p2m_table.c */
/* sources: hypervisor/mm/buddy.c hypervisor/mm/frames.c hypervisor/mm/dma.c */
/*
 * Stage-2 tables against a model that is one array; and that they lose neither references nor their own pages. The
 * same for what devices may reach that are served by such tables.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "mm/dma.h"
#include "mm/p2m.h"
#include "mm/vmid.h"

#define D(n)     owners[n].frames
#define P        (&the_p2m)
#define MFN_RAM  UINT64_C(0x80000)    /* three whole large blocks from here on */
#define BLOCK    UINT64_C(512)
#define LARGE    UINT64_C(0x40000)
#define LAST_GFN (BIT(28) - 1)

static struct p2m the_p2m;

static int p2m_setup(void **state)
{
    (void)state;
    memset(P, 0, sizeof(*P));
    assert_int_equal(p2m_init(P, D(0)), 0);
    return 0;
}

static int p2m_teardown(void **state)
{
    while (p2m_release_all(P, sometimes_preempt))
        continue;
    p2m_destroy(P);
    assert_int_equal(P->table_pages, 0);
    for (unsigned i = 0; i < MACHINE_OWNERS; i++)
        assert_int_equal(frames_release_all(D(i), never_preempt), 0);
    return machine_is_whole(state);
}

static struct p2m_entry look(uint64_t gfn)
{
    struct p2m_entry e;

    assert_int_equal(p2m_lookup(P, GFN(gfn), &e), e.type != P2M_INVALID);
    return e;
}

static void assert_maps(uint64_t gfn, uint64_t mfn, enum p2m_type type, unsigned order)
{
    struct p2m_entry e = look(gfn);

    assert_int_equal(e.type, type);
    assert_int_equal(e.mfn.mfn, mfn);
    assert_int_equal(e.order, order);
}

static int map(uint64_t gfn, uint64_t mfn, uint64_t nr) { return p2m_map(P, GFN(gfn), MFN(mfn), nr, P2M_RAM_RW); }

/* All that is there, run by run; holes are passed over. */
static int unmap(uint64_t gfn, uint64_t nr)
{
    int err = 0;

    for (uint64_t end = gfn + nr, n; !err && gfn < end; gfn += n) {
        struct p2m_entry e = look(gfn);

        n = e.type ? min_u64(BIT(e.order) - (gfn & (BIT(e.order) - 1)), end - gfn) : 1;
        err = e.type ? p2m_unmap_exact(P, GFN(gfn), e.mfn, n) : 0;
    }
    return err;
}

static void the_largest_fitting_blocks_are_used(void **state)
{
    (void)state;
    /* A page, a 2 MiB block and more before it, a 1 GiB block, and a tail. */
    assert_int_equal(map(LARGE - BLOCK - 1, 0x80000 + LARGE - BLOCK - 1, BLOCK + 1 + LARGE + BLOCK + 3), 0);
    assert_maps(LARGE - BLOCK - 1, 0x80000 + LARGE - BLOCK - 1, P2M_RAM_RW, 0);
    assert_maps(LARGE - BLOCK, 0x80000 + LARGE - BLOCK, P2M_RAM_RW, 9);
    assert_maps(LARGE + 12345, 0x80000 + LARGE + 12345, P2M_RAM_RW, 18);
    assert_maps(2 * LARGE + 5, 0x80000 + 2 * LARGE + 5, P2M_RAM_RW, 9);
    assert_maps(2 * LARGE + BLOCK + 2, 0x80000 + 2 * LARGE + BLOCK + 2, P2M_RAM_RW, 0);
    assert_int_equal(look(2 * LARGE + BLOCK + 3).type, P2M_INVALID);
    assert_int_equal(look(LARGE - BLOCK - 2).type, P2M_INVALID);
    assert_int_equal(p2m_max_gfn(P), 2 * LARGE + BLOCK + 2);
    assert_int_equal(P->table_pages, 4);
    /* gfn and mfn that do not lie alike: small ones. */
    assert_int_equal(map(8 * LARGE, 0x80001, BLOCK), 0);
    assert_maps(8 * LARGE, 0x80001, P2M_RAM_RW, 0);
}

static void a_block_is_split_where_a_part_goes(void **state)
{
    (void)state;
    assert_int_equal(map(LARGE, MFN_RAM, LARGE), 0);
    assert_int_equal(P->table_pages, 0);
    machine_flushes = machine_entry_flushes = 0;
    assert_int_equal(unmap(LARGE + 1000, 1), 0);
    assert_int_equal(machine_entry_flushes, 2);   /* break before make, and the page's own */
    assert_int_equal(machine_flushes, 0);
    assert_int_equal(P->table_pages, 2);
    assert_int_equal(look(LARGE + 1000).type, P2M_INVALID);
    assert_maps(LARGE + 999, MFN_RAM + 999, P2M_RAM_RW, 0);
    assert_maps(LARGE + 1001, MFN_RAM + 1001, P2M_RAM_RW, 0);
    assert_maps(LARGE + 1024, MFN_RAM + 1024, P2M_RAM_RW, 9);
    assert_maps(2 * LARGE - 1, MFN_RAM + LARGE - 1, P2M_RAM_RW, 9);
}

static void addresses_are_checked(void **state)
{
    struct p2m_entry e;

    (void)state;
    assert_int_equal(map(LAST_GFN, MFN_RAM, 1), 0);
    assert_maps(LAST_GFN, MFN_RAM, P2M_RAM_RW, 0);
    assert_int_equal(map(LAST_GFN, MFN_RAM, 2), -EINVAL);
    assert_int_equal(map(LAST_GFN + 1, MFN_RAM, 1), -EINVAL);
    assert_int_equal(map(0, MFN_RAM, 0), -EINVAL);
    assert_int_equal(map(1, MFN_RAM, UINT64_MAX), -EINVAL);
    assert_int_equal(map(UINT64_MAX, MFN_RAM, 1), -EINVAL);
    assert_int_equal(p2m_unmap_exact(P, GFN(LAST_GFN), MFN(MFN_RAM), 2), -ENOENT);
    assert_int_equal(p2m_remove_ram(P, GFN(LAST_GFN), 2, false), -EINVAL);
    assert_int_equal(p2m_remove_ram(P, INVALID_GFN, 1, false), -EINVAL);
    assert_int_equal(p2m_unmap_exact(P, INVALID_GFN, MFN(MFN_RAM), 1), -ENOENT);
    assert_false(p2m_lookup(P, INVALID_GFN, &e));
    assert_false(p2m_lookup(P, GFN(LAST_GFN + 1), &e));
}

static void unmap_exact_takes_only_what_is_named(void **state)
{
    (void)state;
    assert_int_equal(map(LARGE, MFN_RAM, BLOCK), 0);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE + 5), MFN(MFN_RAM + 6), 1), -ENOENT);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE + 5), MFN(MFN_RAM + 5), 1), 0);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE + 5), MFN(MFN_RAM + 5), 1), -ENOENT);
    assert_maps(LARGE + 6, MFN_RAM + 6, P2M_RAM_RW, 0);
}

/* As a builder that populates 2 MiB at a time. */
static void the_last_of_512_blocks_makes_one_of_1_gib(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 511; i++)
        assert_int_equal(map(LARGE + i * BLOCK, MFN_RAM + i * BLOCK, BLOCK), 0);
    assert_int_equal(P->table_pages, 1);
    assert_maps(LARGE, MFN_RAM, P2M_RAM_RW, 9);
    machine_flushes = 0;
    assert_int_equal(map(LARGE + 511 * BLOCK, MFN_RAM + 511 * BLOCK, BLOCK), 0);
    assert_int_equal(machine_flushes, 1);   /* break before make */
    assert_int_equal(P->table_pages, 0);
    assert_maps(LARGE, MFN_RAM, P2M_RAM_RW, 18);
    assert_maps(2 * LARGE - 1, MFN_RAM + LARGE - 1, P2M_RAM_RW, 18);
    /* A table that already stands is filled with blocks, and goes too. */
    assert_int_equal(map(4 * LARGE + 7, 0x50000, 1), 0);
    assert_int_equal(unmap(4 * LARGE + 7, 1), 0);
    assert_int_equal(map(4 * LARGE + BLOCK, MFN_RAM + BLOCK, LARGE - BLOCK), 0);
    assert_maps(4 * LARGE + BLOCK, MFN_RAM + BLOCK, P2M_RAM_RW, 9);
}

static void blocks_that_are_not_alike_stay_apart(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 512; i++)   /* the first is read-only */
        assert_int_equal(
            p2m_map(P, GFN(LARGE + i * BLOCK), MFN(MFN_RAM + i * BLOCK), BLOCK, i ? P2M_RAM_RW : P2M_RAM_RO), 0);
    assert_maps(LARGE, MFN_RAM, P2M_RAM_RO, 9);
    assert_maps(2 * LARGE - 1, MFN_RAM + LARGE - 1, P2M_RAM_RW, 9);
    for (unsigned i = 0; i < 512; i++)   /* contiguous, but not aligned to 1 GiB */
        assert_int_equal(map(4 * LARGE + i * BLOCK, MFN_RAM + (i + 1) * BLOCK, BLOCK), 0);
    assert_maps(4 * LARGE, MFN_RAM + BLOCK, P2M_RAM_RW, 9);
    for (unsigned i = 0; i < 512; i++)   /* one in the middle comes from elsewhere */
        assert_int_equal(map(6 * LARGE + i * BLOCK, MFN_RAM + (i == 300 ? 700 : i) * BLOCK, BLOCK), 0);
    assert_maps(6 * LARGE, MFN_RAM, P2M_RAM_RW, 9);
    for (unsigned i = 1; i < 512; i++)   /* and a hole at the start */
        assert_int_equal(map(8 * LARGE + i * BLOCK, MFN_RAM + i * BLOCK, BLOCK), 0);
    assert_maps(9 * LARGE - 1, MFN_RAM + LARGE - 1, P2M_RAM_RW, 9);
    assert_int_equal(look(8 * LARGE).type, P2M_INVALID);
    assert_int_equal(P->table_pages, 4);
}

/* Memory that was ballooned out page by page and comes back whole. */
static void a_block_takes_the_place_of_tables(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(map(LARGE + i * 7 * BLOCK + i, 0x50000 + i, 1), 0);
    assert_int_equal(P->table_pages, 5);
    machine_flushes = 0;
    assert_int_equal(map(LARGE + 7 * BLOCK, MFN_RAM, BLOCK), 0);
    assert_true(machine_flushes >= 1);   /* the page's, and the table's */
    assert_maps(LARGE + 7 * BLOCK + 1, MFN_RAM + 1, P2M_RAM_RW, 9);
    assert_int_equal(P->table_pages, 4);
    assert_int_equal(map(LARGE, MFN_RAM, LARGE), 0);
    assert_maps(LARGE + 7, MFN_RAM + 7, P2M_RAM_RW, 18);
    assert_int_equal(P->table_pages, 0);
}

static mfn_t foreign_page(struct frame_owner *owner)
{
    mfn_t mfn;

    assert_int_equal(frames_alloc_domain(owner, 0, 0, 0, &mfn), 0);
    assert_true(frame_get(mfn, owner));   /* for the entry */
    return mfn;
}

static void a_replaced_foreign_entry_drops_its_reference_once(void **state)
{
    mfn_t a = foreign_page(D(1)), b = foreign_page(D(2));

    (void)state;
    assert_int_equal(p2m_map(P, GFN(7), a, 1, P2M_FOREIGN_RW), 0);
    assert_int_equal(frame_refs(a), 2);
    assert_int_equal(p2m_map(P, GFN(7), b, 1, P2M_GRANT_RO), 0);
    assert_int_equal(frame_refs(a), 1);
    assert_int_equal(frame_refs(b), 2);
    assert_int_equal(unmap(0, 100), 0);
    assert_int_equal(frame_refs(b), 1);
    assert_int_equal(unmap(0, 100), 0);
    assert_int_equal(frame_refs(b), 1);
}

/* The owner dies; the mapping keeps the page, and the last one to let go frees it. */
static void a_foreign_page_outlives_its_owner(void **state)
{
    mfn_t mfn = foreign_page(D(1));

    (void)state;
    assert_int_equal(p2m_map(P, GFN(7), mfn, 1, P2M_FOREIGN_RW), 0);
    frames_owner_die(D(1));
    assert_int_equal(frames_release_all(D(1), never_preempt), 0);
    assert_int_equal(owners[1].refs, 2);
    assert_int_equal(frame_refs(mfn), 1);
    assert_int_equal(unmap(7, 1), 0);
    assert_int_equal(owners[1].refs, 1);
}

/*
 * A change that cannot be made whole is not begun: an entry that another vCPU finds meanwhile, or takes, would be
 * undone under its hands.
 */
static void a_map_that_fails_changes_nothing(void **state)
{
    mfn_t mfn = foreign_page(D(1));

    (void)state;
    assert_int_equal(map(3, 0x50003, 1), 0);   /* two tables */
    assert_int_equal(p2m_map(P, GFN(7), mfn, 1, P2M_FOREIGN_RW), 0);
    assert_int_equal(p2m_set_pool(P, 2), 0);
    for (uint64_t gfn = 1; gfn < BLOCK; gfn += 100)   /* pages here, and in the 2 MiB behind, which has no table */
        assert_int_equal(map(gfn, 0x60000, BLOCK), -ENOMEM);
    for (uint64_t gfn = 0; gfn < 2 * BLOCK; gfn++)
        assert_int_equal(look(gfn).type, gfn == 3 ? P2M_RAM_RW : gfn == 7 ? P2M_FOREIGN_RW : P2M_INVALID);
    assert_int_equal(frame_refs(mfn), 2);
    assert_int_equal(P->table_pages, 2);
    assert_int_equal(p2m_max_gfn(P), 7);
    assert_int_equal(p2m_set_pool(P, 3), 0);
    assert_int_equal(map(1, 0x60000, BLOCK), 0);
    assert_int_equal(frame_refs(mfn), 1);
    assert_int_equal(unmap(0, 2 * BLOCK), 0);
}

/* Every way of not having enough tables, over whatever stands there: all or nothing. */
static void a_map_over_blocks_and_tables_is_all_or_nothing(void **state)
{
    static const uint64_t sizes[] = { 1, BLOCK, BLOCK + 1, 3 * BLOCK, LARGE, LARGE + 5 };
    uint64_t before = frames_free();

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (uint64_t shift = 0; shift < 2; shift++) {
            uint64_t gfn = LARGE - 2 * BLOCK + shift, pool = 0;

            assert_int_equal(map(0, MFN_RAM, 2 * LARGE), 0);
            for (; p2m_set_pool(P, ++pool) || map(gfn, 0x60001, sizes[i]) == -ENOMEM;)
                for (uint64_t at = 0; at < sizes[i]; at += 1 + sizes[i] / 100)
                    assert_int_equal(look(gfn + at).mfn.mfn, MFN_RAM + gfn + at);
            for (uint64_t at = 0; at < sizes[i]; at++)
                assert_maps(gfn + at, 0x60001 + at, P2M_RAM_RW, look(gfn + at).order);
            assert_int_equal(look(gfn - 1).mfn.mfn, MFN_RAM + gfn - 1);
            assert_int_equal(look(gfn + sizes[i]).mfn.mfn, MFN_RAM + gfn + sizes[i]);
            assert_int_equal(frames_free(), before - P->table_pages);
            assert_int_equal(p2m_set_pool(P, 0), -EBUSY);
            assert_int_equal(p2m_set_pool(P, 10000), 0);
            assert_int_equal(unmap(0, 2 * LARGE), 0);
            assert_int_equal(P->table_pages, 0);
        }
    }
}

static void own_ram_is_removed_whole_or_not(void **state)
{
    mfn_t mfn, foreign = foreign_page(D(1));

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 9, 0, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_int_equal(p2m_map(P, GFN(LARGE), mfn, BLOCK, P2M_RAM_RW), 0);
    assert_int_equal(p2m_map(P, GFN(LARGE + BLOCK), foreign, 1, P2M_FOREIGN_RW), 0);
    assert_int_equal(p2m_remove_ram(P, GFN(LARGE + 1), BLOCK, true), -EINVAL);       /* the foreign page is none */
    assert_int_equal(p2m_remove_ram(P, GFN(LARGE - 1), 2, true), -EINVAL);           /* nor is a hole */
    assert_int_equal(D(0)->total, BLOCK);
    assert_int_equal(p2m_remove_ram(P, GFN(LARGE + 7), 3, true), 0);
    assert_int_equal(D(0)->total, BLOCK - 3);
    assert_false(frame_get(mfn_add(mfn, 8), D(0)));
    assert_int_equal(p2m_remove_ram(P, GFN(LARGE + 10), 1, false), 0);
    /* gone from there, and still its own */
    assert_int_equal(frame_refs(mfn_add(mfn, 10)), 1);
    machine_flushes = machine_entry_flushes = 0;
    assert_int_equal(p2m_remove_ram(P, GFN(LARGE + 11), BLOCK - 11, true), 0);
    assert_int_equal(machine_flushes + machine_entry_flushes, 1);                    /* for all of them */
    assert_int_equal(D(0)->total, 8);
    assert_int_equal(unmap(LARGE + BLOCK, 1), 0);
}

static void a_run_that_is_partly_something_else_loses_the_rest(void **state)
{
    (void)state;
    assert_int_equal(p2m_map(P, GFN(LARGE), MFN(0x9000), BLOCK, P2M_DEVICE), 0);
    assert_int_equal(map(LARGE + 5, 0x50000, 1), 0);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE), MFN(0x9000), BLOCK), -ENOENT);
    for (unsigned i = 0; i < BLOCK; i++)
        assert_int_equal(look(LARGE + i).type, i == 5 ? P2M_RAM_RW : P2M_INVALID);
    assert_int_equal(p2m_map(P, GFN(LARGE + BLOCK), MFN(0x9000), BLOCK, P2M_DEVICE), 0);
    assert_int_equal(p2m_set_pool(P, P->table_pages), 0);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE + BLOCK), MFN(0x9000), 7), -ENOMEM);
    assert_int_equal(look(LARGE + BLOCK).type, P2M_DEVICE);
    assert_int_equal(p2m_unmap_exact(P, GFN(LARGE + BLOCK), MFN(0x9000), BLOCK), 0);
    assert_int_equal(unmap(LARGE + 5, 1), 0);
}

/* Each frame of a run of foreign ones has its reference, so each has its entry. */
static void foreign_runs_are_never_blocks(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(1), 9, 0, FRAME_KEEP_CONTENT, &mfn), 0);
    for (unsigned i = 0; i < 512; i++)
        assert_true(frame_get(mfn_add(mfn, i), D(1)));
    assert_int_equal(p2m_map(P, GFN(LARGE), mfn, 512, P2M_FOREIGN_RW), 0);
    assert_int_equal(look(LARGE).order, 0);
    assert_int_equal(unmap(LARGE, 512), 0);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(frame_refs(mfn_add(mfn, i)), 1);
}

static void get_frame_goes_by_type(void **state)
{
    mfn_t own, foreign = foreign_page(D(1)), mfn;
    void *shared = frame_alloc_shared(D(0));

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &own), 0);
    assert_int_equal(p2m_map(P, GFN(1), own, 1, P2M_RAM_RW), 0);
    assert_int_equal(p2m_map(P, GFN(2), own, 1, P2M_RAM_RO), 0);
    assert_int_equal(p2m_map(P, GFN(3), foreign, 1, P2M_FOREIGN_RO), 0);
    assert_int_equal(p2m_map(P, GFN(4), virt_to_mfn(shared), 1, P2M_XENHEAP), 0);
    assert_int_equal(p2m_map(P, GFN(5), MFN(0x9000), 1, P2M_DEVICE), 0);
    assert_int_equal(p2m_map(P, GFN(6), foreign, 1, P2M_RAM_RW), 0);   /* not its own: whatever mapped that */

    assert_true(p2m_get_frame(P, GFN(1), true, false, &mfn));
    assert_int_equal(mfn.mfn, own.mfn);
    assert_false(p2m_get_frame(P, GFN(2), true, false, &mfn));
    assert_true(p2m_get_frame(P, GFN(2), false, false, &mfn));
    assert_int_equal(frame_refs(own), 3);
    assert_false(p2m_get_frame(P, GFN(3), false, false, &mfn));
    assert_false(p2m_get_frame(P, GFN(3), true, true, &mfn));
    assert_true(p2m_get_frame(P, GFN(3), false, true, &mfn));
    assert_int_equal(frame_refs(foreign), 3);
    assert_false(p2m_get_frame(P, GFN(4), true, false, &mfn));
    assert_true(p2m_get_frame(P, GFN(4), true, true, &mfn));
    assert_false(p2m_get_frame(P, GFN(5), false, true, &mfn));
    assert_false(p2m_get_frame(P, GFN(6), false, true, &mfn));
    assert_false(p2m_get_frame(P, GFN(0), false, true, &mfn));
    assert_false(p2m_get_frame(P, INVALID_GFN, false, true, &mfn));
    frame_put(own);
    frame_put(own);
    frame_put(foreign);
    frame_put(virt_to_mfn(shared));
    frame_free_shared(shared);
    assert_int_equal(unmap(0, 10), 0);
}

static void the_pool_is_a_limit(void **state)
{
    (void)state;
    assert_int_equal(p2m_get_pool(P), 0);
    assert_int_equal(p2m_set_pool(P, 3), 0);
    assert_int_equal(p2m_get_pool(P), 3);
    assert_int_equal(map(0, 0x50000, 1), 0);   /* two tables */
    assert_int_equal(map(BLOCK, 0x50000, 1), 0);
    assert_int_equal(map(2 * BLOCK, 0x50000, 1), -ENOMEM);
    assert_int_equal(map(1, 0x50001, 1), 0);
    assert_int_equal(map(2 * BLOCK, 0x50000 + BLOCK, BLOCK), 0);   /* a block needs none */
    assert_int_equal(unmap(2 * BLOCK, 1), -ENOMEM);    /* but to split it does */
    assert_maps(2 * BLOCK, 0x50000 + BLOCK, P2M_RAM_RW, 9);
    assert_int_equal(p2m_set_pool(P, 2), -EBUSY);
    assert_int_equal(p2m_set_pool(P, 4), 0);
    assert_int_equal(unmap(2 * BLOCK, 1), 0);
    assert_int_equal(P->table_pages, 4);
    assert_int_equal(p2m_set_pool(P, 4), 0);
}

static void a_reserve_is_used_first_and_kept(void **state)
{
    uint64_t before;

    (void)state;
    assert_int_equal(p2m_reserve(P, 3), 0);
    before = frames_free();
    assert_int_equal(map(0, 0x50000, 1), 0);   /* two tables */
    assert_int_equal(map(BLOCK, 0x50000, 1), 0);
    assert_int_equal(frames_free(), before);
    assert_int_equal(map(2 * BLOCK, 0x50000, 1), 0);   /* one that is not of the reserve */
    assert_int_equal(frames_free(), before - 1);
    assert_int_equal(look(1).type, P2M_INVALID);       /* a spare page's link is no entry */
    assert_int_equal(unmap(0, 3 * BLOCK), 0);
    assert_int_equal(frames_free(), before);
    assert_int_equal(map(LARGE, 0x50000, 1), 0);       /* used again, and empty */
    for (unsigned i = 1; i < BLOCK; i++)
        assert_int_equal(look(LARGE + i).type, P2M_INVALID);
    assert_int_equal(frames_free(), before);
}

static void a_reserve_that_does_not_fit_is_refused(void **state)
{
    uint64_t before = frames_free();

    (void)state;
    assert_int_equal(p2m_reserve(P, before + 1), -ENOMEM);
    assert_int_equal(frames_free(), 0);
    p2m_destroy(P);
    assert_int_equal(frames_free(), before + (UINT64_C(1) << P->root_order));   /* the root's, too */
    assert_int_equal(p2m_init(P, D(0)), 0);
}

static void nothing_is_mapped_once_release_has_begun(void **state)
{
    mfn_t mfn = foreign_page(D(1));

    (void)state;
    assert_int_equal(map(LARGE, MFN_RAM, LARGE), 0);
    for (unsigned i = 0; i < 600; i++)
        assert_int_equal(map(i, 0x50000 + i * 2, 1), 0);
    assert_int_equal(p2m_release_all(P, always_preempt), -ERESTART);
    assert_int_equal(p2m_map(P, GFN(0), mfn, 1, P2M_FOREIGN_RW), -EINVAL);
    while (p2m_release_all(P, always_preempt))
        assert_int_equal(p2m_map(P, GFN(0), mfn, 1, P2M_FOREIGN_RW), -EINVAL);
    assert_int_equal(p2m_map(P, GFN(0), mfn, 1, P2M_FOREIGN_RW), -EINVAL);
    assert_int_equal(look(LARGE).type, P2M_INVALID);
    assert_int_equal(p2m_release_all(P, always_preempt), 0);
    frame_put(mfn);
}

static void caches_are_cleaned_page_by_page_and_holes_skipped(void **state)
{
    gfn_t at = GFN(0);
    unsigned calls = 1, clears;

    (void)state;
    void *page = pages_alloc(9);
    uint64_t mfn = virt_to_mfn(page).mfn;

    assert_int_equal(map(LARGE, mfn, 100), 0);
    assert_int_equal(map(LAST_GFN - 3, mfn, 2), 0);
    assert_int_equal(p2m_map(P, GFN(LARGE + 200), MFN(0x9000), 1, P2M_DEVICE), 0);
    machine_lines_cleaned = 0;
    clears = machine_icache_clears;
    for (; p2m_cache_flush(P, &at, GFN(UINT64_MAX), always_preempt) == -ERESTART; calls++)
        continue;
    assert_int_equal(machine_lines_cleaned, 102);
    assert_int_equal(machine_icache_clears, clears + 1);
    assert_true(calls > 5 && calls < 200);
    assert_int_equal(unmap(LARGE, 100), 0);
    assert_int_equal(unmap(LAST_GFN - 3, 2), 0);
    pages_free(page, 9);
}

static void with_wide_vmids_each_domain_has_its_own(void **state)
{
    static struct p2m many[600];

    (void)state;
    machine_vmid_bits = 16;
    assert_int_equal(vmid_cpu_on(true), 0);
    for (unsigned n = 0; n < ARRAY_SIZE(many); n++) {
        assert_int_equal(p2m_init(&many[n], D(1)), 0);
        assert_false(vmid_is_shared(many[n].vmid));
        assert_true(many[n].vttbr >> 48 == many[n].vmid);
    }
    /* one with 8 bits would take some of them for others */
    machine_vmid_bits = 8;
    assert_int_equal(vmid_cpu_on(true), -EXDEV);
    machine_vmid_bits = 16;
    assert_int_equal(vmid_cpu_on(true), 0);
    for (unsigned n = 0; n < ARRAY_SIZE(many); n++)
        p2m_destroy(&many[n]);
    memset(many, 0, sizeof(many));
}

/* More than there are VMIDs: they are shared, evenly, and no longer than needed. */
static void there_may_be_more_domains_than_vmids(void **state)
{
    static struct p2m many[600];

    (void)state;
    machine_vmid_bits = 8;
    assert_int_equal(vmid_cpu_on(true), 0);
    for (unsigned n = 0; n < ARRAY_SIZE(many); n++) {
        assert_int_equal(p2m_init(&many[n], D(1)), 0);
        if (n == 300)   /* a CPU that relies on its own comes too late */
            assert_int_equal(vmid_cpu_on(false), -EXDEV);
        assert_true(many[n].vmid > 0 && many[n].vmid < 256 && many[n].vttbr >> 48 == many[n].vmid);
        assert_int_equal(vmid_is_shared(many[n].vmid), n >= 254);
        assert_int_equal(vmid_is_shared(P->vmid), n >= 254);
    }
    for (unsigned i = ARRAY_SIZE(many); i-- > 0;) {
        machine_flushes = 0;
        p2m_destroy(&many[i]);
        assert_int_equal(machine_flushes, 1);
        assert_int_equal(vmid_is_shared(many[i].vmid), i >= 254 + 255);
    }
    assert_false(vmid_is_shared(P->vmid));
    memset(many, 0, sizeof(many));
    assert_int_equal(p2m_init(&many[0], D(1)), 0);
    p2m_destroy(&many[0]);
    p2m_destroy(&many[0]);   /* twice is once */
    assert_int_equal(vmid_take(), many[0].vmid);
    vmid_put(many[0].vmid);
    memset(many, 0, sizeof(many));
}

/* The last of these three: what a CPU has forbidden stays so. */
static void where_none_may_be_shared_there_is_an_end(void **state)
{
    static struct p2m many[300];
    unsigned n = 0;

    (void)state;
    machine_vmid_bits = 8;
    assert_int_equal(vmid_cpu_on(false), 0);
    while (p2m_init(&many[n], D(1)) == 0)
        n++;
    assert_int_equal(p2m_init(&many[n], D(1)), -ENOSPC);
    assert_int_equal(n, 254);   /* and P */
    p2m_destroy(&many[n]);
    p2m_destroy(&many[7]);
    assert_int_equal(p2m_init(&many[7], D(1)), 0);
    assert_int_equal(many[7].vmid, 9);   /* P's is 1 */
    for (unsigned i = 0; i < n; i++)
        p2m_destroy(&many[i]);
    memset(many, 0, sizeof(many));
}

static void a_dead_domain_that_others_still_look_at_keeps_no_vmid(void **state)
{
    static struct p2m husks[300];   /* more than there are VMIDs */

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(husks); i++) {
        assert_int_equal(p2m_init(&husks[i], D(1)), 0);
        assert_int_equal(p2m_release_all(&husks[i], never_preempt), 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(husks); i++)
        p2m_destroy(&husks[i]);
    /* nor did that take somebody else's number away */
    assert_int_equal(p2m_init(&husks[0], D(1)), 0);
    assert_true(husks[0].vmid != P->vmid);
    p2m_destroy(&husks[0]);
    memset(husks, 0, sizeof(husks));
}

/* --- Devices */

static struct dma the_dma;
static unsigned forgotten;              /* calls */
static mfn_t held_while_forgotten;      /* a frame with two references whenever the IOMMU has to forget it */

static void forget(mfn_t first, uint64_t nr)
{
    forgotten++;
    if (held_while_forgotten.mfn - first.mfn < nr)
        assert_int_equal(frame_refs(held_while_forgotten), 2);
}

static void serve_devices(bool has_blocks)
{
    assert_int_equal(dma_init(&the_dma, has_blocks, forget), 0);
    p2m_serve_devices(P, &the_dma);
    held_while_forgotten = INVALID_MFN;
}

/* The pages of all tables from `level` on; free: and gives them back. */
static uint64_t device_tables(uint64_t *table, unsigned level, bool free)
{
    uint64_t n = level < 3 ? 1 : 2;

    for (unsigned i = 0; level < 3 && i < 512; i++)
        if ((table[i] & 3) == 3)
            n += device_tables(mfn_to_virt(MFN((table[i] & UINT64_C(0xfffffffff000)) >> PAGE_SHIFT)), level + 1, free);
    if (free)
        pages_free(table, level < 3 ? 0 : 1);
    return n;
}

static void serve_no_devices(void)
{
    p2m_serve_devices(P, NULL);
    (void)device_tables(the_dma.root, 0, true);
}

static void a_granted_page_is_the_devices_until_it_goes(void **state)
{
    mfn_t page;

    (void)state;
    serve_devices(true);
    assert_int_equal(frames_alloc_domain(D(1), 0, 31, 0, &page), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(frame_get(page, D(1)));
    assert_false(dma_reaches(&the_dma, page, false));
    assert_int_equal(p2m_map(P, GFN(7), page, 1, P2M_GRANT_RO), 0);
    assert_true(dma_reaches(&the_dma, page, false));
    assert_false(dma_reaches(&the_dma, page, true));
    assert_int_equal(p2m_map(P, GFN(8), page, 1, P2M_GRANT_RW), 0);
    assert_int_equal(p2m_map(P, GFN(9), page, 1, P2M_GRANT_RO), 0);
    assert_true(dma_reaches(&the_dma, page, true));
    forgotten = 0;
    assert_int_equal(p2m_unmap_exact(P, GFN(8), page, 1), 0);
    assert_int_equal(forgotten, 1);
    assert_true(dma_reaches(&the_dma, page, false));
    assert_false(dma_reaches(&the_dma, page, true));
    assert_int_equal(p2m_unmap_exact(P, GFN(9), page, 1), 0);
    assert_int_equal(forgotten, 1);   /* nothing is less than before */
    held_while_forgotten = page;
    assert_int_equal(p2m_unmap_exact(P, GFN(7), page, 1), 0);
    assert_int_equal(forgotten, 2);
    assert_false(dma_reaches(&the_dma, page, false));
    serve_no_devices();
}

static void a_page_of_a_block_that_goes_takes_no_other_with_it(void **state)
{
    (void)state;
    serve_devices(true);
    assert_int_equal(map(MFN_RAM, MFN_RAM, 2 * BLOCK), 0);
    assert_int_equal(device_tables(the_dma.root, 0, false), 3);
    assert_int_equal(p2m_remove_ram(P, GFN(MFN_RAM + 5), 1, false), 0);
    assert_int_equal(device_tables(the_dma.root, 0, false), 5);
    for (uint64_t i = 0; i < 2 * BLOCK; i++)
        assert_int_equal(dma_reaches(&the_dma, MFN(MFN_RAM + i), true), i != 5);
    serve_no_devices();
    assert_int_equal(p2m_unmap_exact(P, GFN(MFN_RAM + BLOCK), MFN(MFN_RAM + BLOCK), BLOCK), 0);
}

static void registers_are_not_for_devices(void **state)
{
    (void)state;
    serve_devices(true);
    assert_int_equal(p2m_map(P, GFN(0x9000), MFN(0x9000), 16, P2M_DEVICE), 0);
    assert_false(dma_reaches(&the_dma, MFN(0x9000), false));
    assert_int_equal(dma_allow_doorbell(&the_dma, PADDR(0x8090000)), 0);
    assert_true(dma_reaches(&the_dma, MFN(0x8090), true));
    assert_false(dma_reaches(&the_dma, MFN(0x8091), true));
    serve_no_devices();
}

/* The model: a window of guest frames around a 1 GiB boundary, so that blocks of all sizes take part. */
#define WINDOW (2 * LARGE)
static struct { uint32_t mfn; uint8_t type; } model[WINDOW];
static uint64_t base;

static bool foreign_type(unsigned t) { return t >= P2M_FOREIGN_RW && t <= P2M_GRANT_RO; }

#define FOREIGN_PAGES 64
static mfn_t foreign[FOREIGN_PAGES];
static unsigned foreign_mapped[FOREIGN_PAGES];

static void model_set(uint64_t at, uint64_t mfn, unsigned type)
{
    if (foreign_type(model[at].type))
        for (unsigned i = 0; i < FOREIGN_PAGES; i++)
            foreign_mapped[i] -= foreign[i].mfn == model[at].mfn;
    model[at].mfn = (uint32_t)mfn;
    model[at].type = (uint8_t)type;
}

static uint64_t random_size(void)
{
    static const unsigned orders[] = { 0, 3, 9, 9, 11, 14, 18 };
    unsigned order = orders[random_below(7)];

    return random_below(2) ? BIT(order) : 1 + random_below((uint32_t)BIT(order));
}

/* Mostly on a boundary of some kind. */
static uint64_t random_place(void)
{
    static const unsigned orders[] = { 0, 9, 9, 18 };

    return align_down(random_below(1u << 10) * (WINDOW >> 10) + random_below(WINDOW >> 10),
                      BIT(orders[random_below(4)]));
}

static void random_map(void)
{
    static const enum p2m_type types[] = { P2M_RAM_RW, P2M_RAM_RW, P2M_RAM_RO, P2M_DEVICE_CACHED };
    uint64_t at = random_place(), nr = random_size(), mfn = 0x100000 + (random_below(3) ? at : random_below(1u << 18));
    enum p2m_type type = types[random_below(4)];

    nr = min_u64(nr, WINDOW - at);
    if (random_below(3) == 0) {
        unsigned i = random_below(FOREIGN_PAGES);

        assert_true(frame_get(foreign[i], D(1)));
        assert_int_equal(p2m_map(P, GFN(base + at), foreign[i], 1, P2M_GRANT_RO), 0);
        model_set(at, foreign[i].mfn, P2M_GRANT_RO);
        foreign_mapped[i]++;
        return;
    }
    assert_int_equal(p2m_map(P, GFN(base + at), MFN(mfn), nr, type), 0);
    for (uint64_t i = 0; i < nr; i++)
        model_set(at + i, mfn + i, type);
}

static void random_unmap(void)
{
    uint64_t at = random_place(), nr = min_u64(random_size(), WINDOW - at);
    bool there = model[at].type != P2M_INVALID;

    if (random_below(2)) {
        assert_int_equal(unmap(base + at, nr), 0);
    } else {
        nr = 1;
        assert_int_equal(p2m_unmap_exact(P, GFN(base + at), MFN(model[at].mfn + 1), 1), -ENOENT);
        assert_int_equal(p2m_unmap_exact(P, GFN(base + at), MFN(model[at].mfn), 1), there ? 0 : -ENOENT);
    }
    for (uint64_t i = 0; i < nr; i++)
        model_set(at + i, 0, P2M_INVALID);
}

/* As many pages as hang on the root. */
static uint64_t tables_below(const uint64_t *table, unsigned entries, unsigned level)
{
    uint64_t n = 0;

    for (unsigned i = 0; table && i < entries && level < 3; i++)
        if ((table[i] & 3) == 3)
            n += 1 +
                 tables_below(mfn_to_virt(MFN((table[i] & UINT64_C(0xfffffffff000)) >> PAGE_SHIFT)), 512, level + 1);
    return n;
}

static void assert_agrees(void)
{
    for (uint64_t i = 0; i < WINDOW; i++) {
        struct p2m_entry e;
        bool found = p2m_lookup(P, GFN(base + i), &e);

        if (found != (model[i].type != P2M_INVALID) || e.type != model[i].type || (found && e.mfn.mfn != model[i].mfn))
            fail_msg("gfn %lx: %lx type %u, not %x type %u", (unsigned long)(base + i), (unsigned long)e.mfn.mfn,
                     e.type, model[i].mfn, model[i].type);
    }
    for (unsigned i = 0; i < FOREIGN_PAGES; i++)
        assert_int_equal(frame_refs(foreign[i]), 1 + foreign_mapped[i]);
    assert_int_equal(P->table_pages, tables_below(P->root, 512u << P->root_order, 1));
}

/* So often a frame from MODEL_RAM on is mapped as RAM of its own. */
#define MODEL_RAM  0x100000u
#define MODEL_SPAN (WINDOW + LARGE)
static struct { uint32_t writable, readable; } mapped[MODEL_SPAN];

static void assert_devices_agree(void)
{
    memset(mapped, 0, sizeof(mapped));
    for (uint64_t i = 0; i < WINDOW; i++) {
        uint32_t at = model[i].mfn - MODEL_RAM;

        if (model[i].type == P2M_RAM_RW || model[i].type == P2M_DEVICE_CACHED)
            mapped[at].writable++;
        else if (model[i].type == P2M_RAM_RO)
            mapped[at].readable++;
    }
    for (uint64_t i = 0; i < MODEL_SPAN; i++) {
        mfn_t mfn = MFN(MODEL_RAM + i);

        if (dma_reaches(&the_dma, mfn, true) != (mapped[i].writable > 0) ||
            dma_reaches(&the_dma, mfn, false) != (mapped[i].writable || mapped[i].readable))
            fail_msg("mfn %lx: %u, %u", (unsigned long)mfn.mfn, mapped[i].writable, mapped[i].readable);
    }
    for (unsigned i = 0; i < FOREIGN_PAGES; i++) {
        assert_int_equal(dma_reaches(&the_dma, foreign[i], false), foreign_mapped[i] > 0);
        assert_false(dma_reaches(&the_dma, foreign[i], true));
    }
}

static void devices_reach_what_the_model_says(void **state)
{
    for (uint32_t seed = 1; seed <= 2; seed++) {
        if (seed > 1)
            p2m_setup(state);
        serve_devices(seed % 2);
        random_seed(seed);
        base = 0;
        memset(model, 0, sizeof(model));
        memset(foreign_mapped, 0, sizeof(foreign_mapped));
        for (unsigned i = 0; i < FOREIGN_PAGES; i++)
            assert_int_equal(frames_alloc_domain(D(1), 0, 31, 0, &foreign[i]), 0);
        for (unsigned n = 0; n < 200; n++) {
            if (random_below(3))
                random_map();
            else
                random_unmap();
            if (n % 50 == 49)
                assert_devices_agree();
        }
        while (p2m_release_all(P, sometimes_preempt))
            continue;
        memset(model, 0, sizeof(model));
        memset(foreign_mapped, 0, sizeof(foreign_mapped));
        assert_devices_agree();
        serve_no_devices();
        assert_int_equal(frames_release_all(D(1), never_preempt), 0);
        p2m_destroy(P);
    }
}

static void random_changes_agree_with_the_model(void **state)
{
    for (unsigned seed = 1; seed <= 3; seed++) {
        uint64_t free_before;

        if (seed > 1)
            p2m_setup(state);
        free_before = frames_free();
        random_seed(seed);
        base = seed == 1 ? 0 : BIT(28) - WINDOW;
        memset(model, 0, sizeof(model));
        memset(foreign_mapped, 0, sizeof(foreign_mapped));
        for (unsigned i = 0; i < FOREIGN_PAGES; i++)
            assert_int_equal(frames_alloc_domain(D(1), 0, 31, 0, &foreign[i]), 0);
        for (unsigned n = 0; n < 500; n++) {
            if (random_below(3))
                random_map();
            else
                random_unmap();
            if (n % 100 == 99)
                assert_agrees();
        }
        assert_int_equal(frames_free(), free_before - FOREIGN_PAGES - P->table_pages);
        while (p2m_release_all(P, sometimes_preempt))
            continue;
        memset(model, 0, sizeof(model));
        memset(foreign_mapped, 0, sizeof(foreign_mapped));
        assert_agrees();
        assert_int_equal(frames_release_all(D(1), never_preempt), 0);
        p2m_destroy(P);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, p2m_setup, p2m_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_largest_fitting_blocks_are_used),
        TEST(a_block_is_split_where_a_part_goes),
        TEST(addresses_are_checked),
        TEST(unmap_exact_takes_only_what_is_named),
        TEST(the_last_of_512_blocks_makes_one_of_1_gib),
        TEST(blocks_that_are_not_alike_stay_apart),
        TEST(a_block_takes_the_place_of_tables),
        TEST(a_replaced_foreign_entry_drops_its_reference_once),
        TEST(a_foreign_page_outlives_its_owner),
        TEST(a_map_that_fails_changes_nothing),
        TEST(a_map_over_blocks_and_tables_is_all_or_nothing),
        TEST(own_ram_is_removed_whole_or_not),
        TEST(a_run_that_is_partly_something_else_loses_the_rest),
        TEST(foreign_runs_are_never_blocks),
        TEST(get_frame_goes_by_type),
        TEST(the_pool_is_a_limit),
        TEST(a_reserve_is_used_first_and_kept),
        TEST(a_reserve_that_does_not_fit_is_refused),
        TEST(nothing_is_mapped_once_release_has_begun),
        TEST(caches_are_cleaned_page_by_page_and_holes_skipped),
        TEST(with_wide_vmids_each_domain_has_its_own),
        TEST(there_may_be_more_domains_than_vmids),
        TEST(where_none_may_be_shared_there_is_an_end),
        TEST(a_dead_domain_that_others_still_look_at_keeps_no_vmid),
        TEST(a_granted_page_is_the_devices_until_it_goes),
        TEST(a_page_of_a_block_that_goes_takes_no_other_with_it),
        TEST(registers_are_not_for_devices),
        TEST(devices_reach_what_the_model_says),
        TEST(random_changes_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, machine_start, NULL);
}
