// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/machine.c hypervisor/vm/memory.c hypervisor/vm/capabilities.c lib/ranges.c hypervisor/mm/p2m.c */
/* sources: hypervisor/mm/vmid.c */
/* sources: hypervisor/mm/p2m_table.c hypervisor/mm/p2m_dirty.c hypervisor/mm/heap.c hypervisor/mm/dma.c */
/* sources: hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/*
 * Dirty tracking against a model that is one array: a CPU writes as the entries let it, with and without a dirty state
 * of its own; others write past the p2m; memory comes and goes; the collector is told of each page at once or the next
 * time, and of no other.
 */
#include "machine.h"

#include <string.h>

#include "mm/p2m_dirty.h"
#include "mm/p2m_table.h"
#include "vm/domain.h"
#include "vm/memory.h"

#define D      (&guest)
#define P      (&guest.p2m)
#define BLOCK  UINT64_C(512)
#define LARGE  UINT64_C(0x40000)
#define WINDOW (4 * P2M_DIRTY_PIECE)

static struct domain guest, other;
static uint64_t bitmap[WINDOW / 64];

static int setup(void **state)
{
    (void)state;
    memset(D, 0, sizeof(*D));
    memset(&other, 0, sizeof(other));
    machine_owner_is(0, &guest.frames);
    machine_owner_is(1, &other.frames);
    assert_int_equal(p2m_init(P, &guest.frames), 0);
    assert_int_equal(p2m_init(&other.p2m, &other.frames), 0);
    machine_dirty_state = false;
    return 0;
}

static int setup_with_dirty_state(void **state)
{
    setup(state);
    machine_dirty_state = true;
    return 0;
}

static void release(struct domain *d)
{
    while (p2m_release_all(&d->p2m, sometimes_preempt))
        continue;
    assert_int_equal(d->p2m.table_pages, 0);
    assert_int_equal(frames_release_all(&d->frames, never_preempt), 0);
}

static int teardown(void **state)
{
    release(&other);
    release(D);
    return machine_is_whole(state);
}

static void populate(uint64_t gfn, unsigned order)
{
    assert_int_equal(memory_populate(D, GFN(gfn), order, 0, never_preempt), 0);
}

static void start(void)
{
    int err;

    while ((err = p2m_dirty_start(P, sometimes_preempt)) == -ERESTART)
        continue;
    assert_int_equal(err, 0);
}

static void stop(void)
{
    while (p2m_dirty_stop(P, sometimes_preempt) == -ERESTART)
        continue;
}

/* As a CPU does it; false: there is nothing that it could write to. */
static bool cpu_writes(struct p2m *p2m, uint64_t gfn)
{
    unsigned level;
    uint64_t *pte;
    bool done = false;

    for (unsigned tries = 0; !done && tries < 2; tries++) {
        spin_lock(&p2m->lock);
        pte = entry_find(p2m, GFN(gfn), &level);
        if ((*pte & S2_VALID) && (*pte & S2_DBM) && machine_dirty_state)
            *pte |= S2_AP_WRITE;
        done = (*pte & S2_VALID) && (*pte & S2_AP_WRITE);
        spin_unlock(&p2m->lock);
        if (!done && !p2m_write_fault(p2m, GFN(gfn)))
            return false;
    }
    assert_true(done);
    return true;
}

/* From gfn 0 on. */
static void collect(bool clean, uint64_t pages)
{
    gfn_t next = GFN(0);
    int err;

    memset(bitmap, 0, sizeof(bitmap));
    do {
        uint64_t *at = bitmap + next.gfn / 64;

        err = p2m_dirty_collect(P, &next, GFN(pages), clean, at, sometimes_preempt);
    } while (err == -ERESTART);
    assert_int_equal(err, 0);
}

static bool bit(uint64_t gfn) { return bitmap[gfn / 64] >> gfn % 64 & 1; }

static unsigned bits(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WINDOW; i++)
        n += bit(i);
    return n;
}

static void what_is_written_is_dirty_until_it_is_cleaned(void **state)
{
    (void)state;
    populate(0, 9);
    populate(512, 9);
    populate(1024, 3);
    assert_int_equal(P->table_pages, 2);
    start();
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_true(cpu_writes(P, 3));
    assert_true(cpu_writes(P, 1026));
    assert_false(cpu_writes(P, 1032));
    collect(false, WINDOW);
    assert_int_equal(bits(), 2);
    collect(true, WINDOW);
    assert_int_equal(bits(), 2);
    assert_true(bit(3) && bit(1026));
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_true(cpu_writes(P, 4));
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(4));
    assert_int_equal(P->table_pages, 3);   /* one block was split */
    stop();
    assert_int_equal(P->table_pages, 2);   /* and is one again */
    assert_int_equal(p2m_dirty_collect(P, &(gfn_t){ 0 }, GFN(512), true, bitmap, never_preempt), -EINVAL);
    assert_true(p2m_write_fault(P, GFN(4)));
}

static void a_fault_is_counted_and_a_dirty_page_makes_none(void **state)
{
    (void)state;
    populate(0, 9);
    start();
    for (unsigned i = 0; i < 10; i++)
        assert_true(cpu_writes(P, i % 5));
    assert_int_equal(p2m_dirty_faults(P, false), machine_dirty_state ? 1 : 5);
    assert_int_equal(p2m_dirty_faults(P, true), machine_dirty_state ? 1 : 5);
    assert_int_equal(p2m_dirty_faults(P, true), 0);
    collect(true, WINDOW);
    assert_true(cpu_writes(P, 1));
    assert_int_equal(p2m_dirty_faults(P, true), machine_dirty_state ? 0 : 1);
    stop();
}

static void few_entries_are_forgotten_one_by_one_and_many_at_once(void **state)
{
    (void)state;
    populate(0, 9);
    populate(2048, 9);
    start();
    for (unsigned i = 0; i < 8; i++)
        assert_true(cpu_writes(P, i < 4 ? i : 2048 + i));
    machine_flushes = machine_entry_flushes = 0;
    collect(false, WINDOW);
    assert_int_equal(machine_flushes + machine_entry_flushes, 0);
    assert_int_equal(p2m_dirty_collect(P, &(gfn_t){ 0 }, GFN(WINDOW), true, bitmap, never_preempt), 0);
    assert_int_equal(machine_flushes, 0);
    assert_int_equal(machine_entry_flushes, 1);
    for (unsigned i = 0; i < 9; i++)
        assert_true(cpu_writes(P, i < 4 ? i : 2048 + i));
    assert_int_equal(p2m_dirty_collect(P, &(gfn_t){ 0 }, GFN(WINDOW), true, bitmap, never_preempt), 0);
    assert_int_equal(machine_flushes, 1);
    stop();
}

static void a_gib_is_split_to_begin_with_and_whole_again_after(void **state)
{
    (void)state;
    populate(LARGE, FRAMES_LARGE_ORDER);
    populate(100, 0);
    assert_int_equal(P->table_pages, 2);
    start();
    assert_int_equal(P->table_pages, 3);
    assert_true(cpu_writes(P, LARGE + 5));
    assert_true(cpu_writes(P, 2 * LARGE - 1));
    assert_int_equal(P->table_pages, 5);
    stop();
    assert_int_equal(P->table_pages, 2);
    /* no table for it: said at once, and nothing is left behind */
    assert_int_equal(p2m_set_pool(P, 2), 0);
    assert_int_equal(p2m_dirty_start(P, never_preempt), -ENOMEM);
    assert_int_equal(p2m_dirty_start(P, never_preempt), -EBUSY);
    stop();
    assert_int_equal(P->dirty.tracking, P2M_TRACKING_OFF);
    assert_int_equal(p2m_set_pool(P, 3), 0);
    start();
    assert_true(cpu_writes(P, LARGE + 513));
    memset(bitmap, 0, sizeof(bitmap));
    assert_int_equal(p2m_dirty_collect(P, &(gfn_t){ LARGE }, GFN(LARGE + WINDOW), true, bitmap, never_preempt), 0);
    assert_int_equal(bits(), BLOCK);   /* all of the block */
    assert_true(bit(512) && bit(1023));
    stop();
}

static void who_writes_past_the_p2m_is_seen_as_long_as_he_can(void **state)
{
    mfn_t mfn;

    (void)state;
    populate(0, 9);
    assert_true(p2m_get_frame_to_write(P, GFN(7), false, &mfn));
    start();
    for (unsigned i = 0; i < 3; i++) {
        collect(true, WINDOW);
        assert_int_equal(bits(), 1);
        assert_true(bit(7));
    }
    frame_put_writer(mfn);
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);       /* the writer's last writes */
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_true(p2m_get_frame_to_write(P, GFN(8), false, &mfn));
    frame_put_writer(mfn);
    spin_lock(&P->lock);
    p2m_written_locked(P, mfn_add(mfn, 1));
    spin_unlock(&P->lock);
    assert_true(cpu_writes(P, 8));
    collect(false, WINDOW);
    assert_int_equal(bits(), 2);
    collect(true, WINDOW);
    assert_int_equal(bits(), 2);
    assert_true(bit(8) && bit(9));
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_true(p2m_get_frame_to_write(P, GFN(8), false, &mfn));
    frame_put_writer(mfn);
    stop();
    start();                           /* earlier writes do not count */
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    stop();
}

static void who_maps_to_read_makes_nothing_dirty(void **state)
{
    struct p2m_entry e;

    (void)state;
    populate(0, 9);
    assert_int_equal(memory_map_foreign(&other, GFN(50), D, GFN(1)), 0);   /* before: may be written without a fault */
    start();
    assert_int_equal(memory_map_foreign(&other, GFN(51), D, GFN(2)), 0);
    assert_int_equal(memory_map_foreign(&other, GFN(52), D, GFN(3)), 0);
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(1));
    assert_true(cpu_writes(&other.p2m, 52));
    for (unsigned i = 0; i < 2; i++) {
        collect(true, WINDOW);
        assert_int_equal(bits(), 2);
        assert_true(bit(1) && bit(3));
    }
    assert_true(p2m_lookup(&other.p2m, GFN(52), &e));
    assert_int_equal(e.type, P2M_FOREIGN_RW);
    for (uint64_t gfn = 50; gfn < 53; gfn++)
        assert_int_equal(memory_unmap(&other, GFN(gfn)), 0);
    collect(true, WINDOW);
    assert_int_equal(bits(), 2);
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    stop();
}

static void memory_that_came_or_went_is_told(void **state)
{
    uint64_t tables;

    (void)state;
    populate(0, 9);
    populate(512, 9);
    start();
    tables = P->table_pages;
    assert_int_equal(memory_decrease(D, GFN(10), 0), 0);
    assert_int_equal(memory_decrease(D, GFN(512), 9), 0);
    populate(1024, 0);
    populate(2048, 9);
    assert_int_equal(P->table_pages, tables + 2);
    collect(false, WINDOW);
    assert_int_equal(bits(), 1 + 512 + 1 + 512);
    collect(true, WINDOW);
    assert_int_equal(bits(), 1 + 512 + 1 + 512);
    assert_true(bit(10) && bit(512) && bit(1023) && bit(1024) && bit(2048) && bit(2559));
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    /* gone, and a page of it there again: the rest of the block is told of still */
    assert_int_equal(memory_decrease(D, GFN(2048), 9), 0);
    populate(2050, 0);
    collect(true, WINDOW);
    assert_int_equal(bits(), 512);
    /* a table that has nothing but such holes goes with them */
    tables = P->table_pages;
    assert_int_equal(memory_decrease(D, GFN(2050), 0), 0);
    assert_int_equal(P->table_pages, tables);
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(2050));
    assert_int_equal(P->table_pages, tables - 1);
    assert_int_equal(memory_decrease(D, GFN(1024), 0), 0);
    stop();
    assert_int_equal(P->table_pages, 2);   /* for gfns below 512 */
    populate(10, 0);
}

static void what_is_no_ram_is_not_told_of(void **state)
{
    void *shared = frame_alloc_shared(&guest.frames);

    (void)state;
    populate(0, 9);
    start();
    assert_int_equal(p2m_map(P, GFN(600), virt_to_mfn(shared), 1, P2M_XENHEAP), 0);
    assert_int_equal(p2m_map(P, GFN(1000), MFN(0x9000), 1, P2M_DEVICE), 0);
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    /* ... but that RAM had to go for it */
    assert_int_equal(p2m_map(P, GFN(5), virt_to_mfn(shared), 1, P2M_XENHEAP), 0);
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(5));
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    frame_free_shared(shared);
}

static void a_destroyed_domain_is_tracked_no_more(void **state)
{
    (void)state;
    populate(0, 9);
    start();
    assert_true(cpu_writes(P, 1));
    assert_int_equal(memory_decrease(D, GFN(3), 0), 0);
    (void)p2m_release_all(P, always_preempt);
    assert_int_equal(P->dirty.tracking, P2M_TRACKING_OFF);
    assert_int_equal(p2m_dirty_start(P, never_preempt), -EINVAL);
    assert_int_equal(p2m_dirty_stop(P, never_preempt), 0);
}

static void two_who_clean_share_what_is_dirty(void **state)
{
    unsigned told = 0;

    (void)state;
    for (uint64_t gfn = 0; gfn < WINDOW; gfn += 512)
        populate(gfn, 9);
    start();
    for (uint64_t gfn = 0; gfn < WINDOW; gfn += 7)
        assert_true(cpu_writes(P, gfn));
    for (uint64_t first = 0; first < WINDOW; first += P2M_DIRTY_PIECE) {
        memset(bitmap, 0, sizeof(bitmap));
        (void)!p2m_dirty_collect(P, &(gfn_t){ first }, GFN(WINDOW), true, bitmap, always_preempt);
        told += bits();
        collect(true, P2M_DIRTY_PIECE * 2);
        told += bits();
    }
    assert_int_equal(told, (WINDOW + 6) / 7);
    stop();
}

static void what_is_only_read_is_told_when_it_comes(void **state)
{
    mfn_t mfn;

    (void)state;
    populate(0, 9);
    start();
    assert_int_equal(frames_alloc_domain(&guest.frames, 0, 0, 0, &mfn), 0);
    assert_int_equal(p2m_map(P, GFN(700), mfn, 1, P2M_RAM_RO), 0);
    assert_false(cpu_writes(P, 700));
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(700));
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_false(cpu_writes(P, 700));
    stop();
    assert_false(cpu_writes(P, 700));
}

static uint64_t block_entry(uint64_t gfn)
{
    unsigned level;
    uint64_t pte;

    spin_lock(&P->lock);
    pte = *entry_find_block(P, GFN(gfn), &level);
    spin_unlock(&P->lock);
    return pte;
}

static bool quiet(uint64_t gfn) { return block_entry(gfn) & S2_QUIET; }

/* What cannot happen: who nevertheless finds it has looked. */
static void write_unseen(uint64_t gfn, uint64_t by)
{
    unsigned level;

    spin_lock(&P->lock);
    *entry_find(P, GFN(gfn), &level) ^= by;
    spin_unlock(&P->lock);
}

/* With a dirty state of the CPU's a table gets quiet one time later, and loud with one fault. */
static void what_nobody_writes_to_is_not_looked_into(void **state)
{
    (void)state;
    populate(0, 9);
    populate(512, 9);
    start();
    assert_true(cpu_writes(P, 3));
    assert_false(quiet(3));
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    for (unsigned i = 0; machine_dirty_state && i < 2; i++) {
        unsigned flushes = machine_flushes;

        assert_false(quiet(3));
        collect(true, WINDOW);
        assert_int_equal(bits(), 0);
        assert_int_equal(machine_flushes, flushes + (i == 0));   /* no TLB lets the CPU do it by itself any more */
    }
    assert_true(quiet(3));
    write_unseen(5, S2_AP_WRITE);
    collect(false, WINDOW);
    assert_int_equal(bits(), 0);
    write_unseen(5, S2_AP_WRITE);
    (void)p2m_dirty_faults(P, true);
    for (uint64_t gfn = 6; gfn < 9; gfn++)
        assert_true(cpu_writes(P, gfn));
    assert_int_equal(p2m_dirty_faults(P, true), machine_dirty_state ? 1 : 3);
    assert_false(quiet(3));
    collect(true, WINDOW);
    assert_int_equal(bits(), 3);
    stop();
    assert_int_equal(P->table_pages, 1);
}

static void get_quiet(void)
{
    for (unsigned i = 0; i < 3; i++)
        collect(true, WINDOW);
    assert_int_equal(bits(), 0);
}

/* Each by who may do it while nobody looks. */
static void a_quiet_table_tells_what_becomes_of_it(void **state)
{
    mfn_t mfn;

    (void)state;
    populate(0, 9);
    populate(1024, 9);
    start();
    assert_true(cpu_writes(P, 3));
    get_quiet();
    assert_true(quiet(3) && (block_entry(3) & S2_WHOLE));
    assert_true(p2m_get_frame_to_write(P, GFN(9), false, &mfn));
    frame_put_writer(mfn);
    collect(false, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(9));
    get_quiet();
    assert_int_equal(memory_decrease(D, GFN(10), 0), 0);
    assert_false(quiet(3));
    get_quiet();
    assert_true(quiet(3));
    populate(2048, 0);     /* which takes the page let go */
    populate(10, 0);
    assert_false(quiet(3));
    collect(true, WINDOW);
    assert_int_equal(bits(), 2);
    get_quiet();
    assert_true(quiet(3) && !(block_entry(3) & S2_WHOLE));
    assert_true(p2m_get_frame_to_write(P, GFN(10), false, &mfn));
    frame_put_writer(mfn);
    collect(false, WINDOW);
    assert_int_equal(bits(), 1);
    assert_true(bit(10));
    /* a table's own marks are forgotten with tracking */
    get_quiet();
    stop();
    assert_true(cpu_writes(P, 11));
    start();
    collect(true, WINDOW);
    assert_int_equal(bits(), 0);
    assert_true(cpu_writes(P, 12));
    collect(true, WINDOW);
    assert_int_equal(bits(), 1);
    stop();
}

static unsigned asked;
static bool count_preempt(void)
{
    asked++;
    return false;
}

/* A block is one entry, but each of its frames may have been written past it. */
static void the_lock_is_let_go_of_between_blocks_whose_frames_are_looked_at(void **state)
{
    mfn_t mfn;

    (void)state;
    for (uint64_t gfn = 0; gfn < WINDOW; gfn += 512)
        populate(gfn, 9);
    start();
    for (unsigned written = 0; written < 2; written++) {
        asked = 0;
        memset(bitmap, 0, sizeof(bitmap));
        assert_int_equal(p2m_dirty_collect(P, &(gfn_t){ 0 }, GFN(WINDOW), true, bitmap, count_preempt), 0);
        assert_int_equal(bits(), written ? WINDOW / 512 : 0);
        assert_int_equal(asked, written ? WINDOW / P2M_DIRTY_PIECE - 1 : 0);
        for (uint64_t gfn = 0; gfn < WINDOW; gfn += 512) {
            assert_true(p2m_get_frame_to_write(P, GFN(gfn), false, &mfn));
            frame_put_writer(mfn);
        }
    }
    stop();
}

static void no_two_periods_have_one_number(void **state)
{
    uint32_t first, now;

    (void)state;
    populate(0, 9);
    assert_int_equal(p2m_dirty_period(P, false, &now), -EINVAL);
    start();
    assert_int_equal(p2m_dirty_period(P, false, &first), 0);
    assert_int_equal(p2m_dirty_period(P, true, &now), 0);
    assert_int_equal(now, first + 1);
    assert_int_equal(p2m_dirty_period(P, false, &now), 0);
    assert_int_equal(now, first + 1);
    stop();
    assert_int_equal(p2m_dirty_period(P, true, &now), -EINVAL);
    start();
    assert_int_equal(p2m_dirty_period(P, false, &now), 0);
    assert_int_equal(now, first + 2);
    stop();
}

/* --- Another vCPU, wherever a lock is let go of --- */

enum { PAGES = 1024 };
static unsigned act_at, value[PAGES], copy[PAGES], tlb_filled_at[PAGES];

static unsigned flushes(void) { return 1 + machine_flushes + machine_entry_flushes; }

/* By the TLB's entries, as long as nobody made it forget. */
static void vcpu_writes(uint64_t gfn)
{
    if (tlb_filled_at[gfn] != flushes() && cpu_writes(P, gfn))
        tlb_filled_at[gfn] = flushes();
    if (tlb_filled_at[gfn] == flushes())
        value[gfn]++;
}

static void writes_here_and_there(void)
{
    mfn_t mfn;

    value[5] += !memory_decrease(D, GFN(5), 0);
    for (unsigned gfn = 1; gfn < PAGES; gfn += 100)
        vcpu_writes(gfn);
    if (p2m_get_frame_to_write(P, GFN(777), false, &mfn)) {
        value[777]++;
        frame_put_writer(mfn);
    }
}

static void stops(void)
{
    stop();
    writes_here_and_there();
}

static void starts(void)
{
    (void)!p2m_dirty_start(P, never_preempt);
    writes_here_and_there();
}

/* False: it is not tracked any more. */
static bool follow(void)
{
    gfn_t next = GFN(0);
    int err;

    memset(bitmap, 0, sizeof(bitmap));
    do {
        uint64_t *at = bitmap + next.gfn / 64;

        err = p2m_dirty_collect(P, &next, GFN(WINDOW), true, at, always_preempt);
    } while (err == -ERESTART);
    for (unsigned i = 0; i < PAGES; i++)
        copy[i] = bit(i) ? value[i] : copy[i];
    return !err;
}

static void follow_to_the_end(void)
{
    int err;

    do
        err = p2m_dirty_start(P, always_preempt);
    while (err == -ERESTART);
    if (!err) {
        memcpy(copy, value, sizeof(copy));
        writes_here_and_there();
        (void)(follow() && follow());
    }
    if (err || P->dirty.tracking != P2M_TRACKING_ON)
        return;
    machine_act_no_more();   /* it stands still for the last time */
    assert_true(follow());
    assert_memory_equal(copy, value, sizeof(copy));
}

static void at_every_unlock(void (*act)(void))
{
    for (act_at = 1;; act_at++) {
        machine_dirty_state = act_at % 2;
        memset(tlb_filled_at, 0, sizeof(tlb_filled_at));
        memset(value, 0, sizeof(value));
        populate(0, 9);
        populate(512, 9);
        populate(WINDOW - 1, 0);   /* more than a piece */
        for (unsigned gfn = 1; gfn < PAGES; gfn += 50)
            vcpu_writes(gfn);
        machine_act_at_unlock(act_at, act);
        follow_to_the_end();
        machine_act_no_more();
        stop();
        release(&other);
        release(D);
        setup(NULL);
        if (!machine_has_acted())
            return;
    }
}

static void whoever_comes_in_between_is_seen(void **state)
{
    (void)state;
    at_every_unlock(writes_here_and_there);
    assert_true(act_at > 8);
}

static void who_ends_or_begins_it_in_between_breaks_nothing(void **state)
{
    (void)state;
    at_every_unlock(stops);
    at_every_unlock(starts);
}

/* --- Random changes --- */

static bool dirty[WINDOW], mapped[WINDOW];
static struct { mfn_t mfn; uint64_t gfn; } writers[16];
static unsigned nr_writers;

static void random_memory(void)
{
    unsigned order = (unsigned[]){ 0, 0, 2, 4, 9 }[random_below(5)];
    uint64_t gfn = align_down(random_below(WINDOW), BIT(order));
    bool all = true;

    for (uint64_t i = gfn; i < gfn + BIT(order); i++)
        all &= mapped[i];
    if (random_below(2)) {
        assert_int_equal(memory_decrease(D, GFN(gfn), order), all ? 0 : -EINVAL);
        if (!all)
            return;
    } else {
        /* the pages there are given back first: nobody is to have frames that are mapped nowhere */
        for (uint64_t i = gfn; i < gfn + BIT(order); i++)
            if (mapped[i])
                assert_int_equal(memory_decrease(D, GFN(i), 0), 0);
        populate(gfn, order);
        all = false;
    }
    for (uint64_t i = gfn; i < gfn + BIT(order); i++) {
        mapped[i] = !all;
        dirty[i] = true;
    }
}

static void random_writer(void)
{
    uint64_t gfn = random_below(WINDOW);

    if (nr_writers && (nr_writers == ARRAY_SIZE(writers) || random_below(2))) {
        frame_put_writer(writers[--nr_writers].mfn);
    } else if (p2m_get_frame_to_write(P, GFN(gfn), false, &writers[nr_writers].mfn)) {
        assert_true(mapped[gfn]);
        dirty[gfn] = true;
        writers[nr_writers++].gfn = gfn;
    }
}

static void assert_told(bool clean)
{
    collect(clean, WINDOW);
    for (uint64_t gfn = 0; gfn < WINDOW; gfn++) {
        if (bit(gfn) != dirty[gfn])
            fail_msg("guest frame %lu is %sdirty", (unsigned long)gfn, dirty[gfn] ? "" : "not ");
        if (clean)
            dirty[gfn] = false;
    }
    /* whose frame is where it was */
    for (unsigned i = 0; i < nr_writers; i++) {
        struct p2m_entry e;

        if (p2m_lookup(P, GFN(writers[i].gfn), &e) && e.mfn.mfn == writers[i].mfn.mfn)
            dirty[writers[i].gfn] = true;
    }
}

static void random_step(void)
{
    uint64_t gfn = random_below(WINDOW);

    switch (random_below(8)) {
    case 0:
        random_memory();
        break;
    case 1:
        random_writer();
        break;
    case 2:
        if (!random_below(8))
            assert_told(random_below(2));
        break;
    default:
        assert_int_equal(cpu_writes(P, gfn), mapped[gfn]);
        dirty[gfn] |= mapped[gfn];
        break;
    }
}

static void random_changes_are_told_exactly(void **state)
{
    (void)state;
    memset(mapped, 0, sizeof(mapped));
    for (unsigned seed = 1; seed <= 6; seed++) {
        random_seed(seed);
        nr_writers = 0;
        for (unsigned i = 0; i < 30; i++)
            random_memory();
        start();
        memset(dirty, 0, sizeof(dirty));
        for (unsigned i = 0; i < 3000; i++)
            random_step();
        while (nr_writers)
            frame_put_writer(writers[--nr_writers].mfn);
        assert_told(true);
        stop();
        for (uint64_t gfn = 0; gfn < WINDOW; gfn++)
            assert_int_equal(cpu_writes(P, gfn), mapped[gfn]);
    }
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BOTH(name)  TEST(name), { #name " (hardware)", name, setup_with_dirty_state, teardown, NULL }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        BOTH(what_is_written_is_dirty_until_it_is_cleaned),
        BOTH(a_fault_is_counted_and_a_dirty_page_makes_none),
        BOTH(few_entries_are_forgotten_one_by_one_and_many_at_once),
        BOTH(a_gib_is_split_to_begin_with_and_whole_again_after),
        BOTH(who_writes_past_the_p2m_is_seen_as_long_as_he_can),
        BOTH(who_maps_to_read_makes_nothing_dirty),
        BOTH(memory_that_came_or_went_is_told),
        TEST(what_is_no_ram_is_not_told_of),
        BOTH(a_destroyed_domain_is_tracked_no_more),
        BOTH(two_who_clean_share_what_is_dirty),
        BOTH(what_nobody_writes_to_is_not_looked_into),
        BOTH(a_quiet_table_tells_what_becomes_of_it),
        TEST(the_lock_is_let_go_of_between_blocks_whose_frames_are_looked_at),
        TEST(no_two_periods_have_one_number),
        TEST(what_is_only_read_is_told_when_it_comes),
        TEST(whoever_comes_in_between_is_seen),
        TEST(who_ends_or_begins_it_in_between_breaks_nothing),
        BOTH(random_changes_are_told_exactly),
    };

    return cmocka_run_group_tests(tests, machine_start, NULL);
}
