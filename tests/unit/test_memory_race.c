// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/machine.c hypervisor/vm/memory.c hypervisor/vm/shared_info.c hypervisor/vm/capabilities.c */
/* sources: lib/ranges.c hypervisor/mm/p2m.c hypervisor/mm/vmid.c hypervisor/mm/p2m_table.c hypervisor/mm/heap.c */
/* sources: hypervisor/mm/dma.c */
/* sources: hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/*
 * Two vCPUs change one domain's memory: in the middle of a change by one the other makes its own, at every place where
 * the first lets go of a lock. Whatever the place, the mapped frames are the domain's, once, and no others are.
 */
#include "machine.h"

#include <string.h>

#include "vm/domain.h"
#include "vm/memory.h"

#define D      (&domain)
#define P      (&domain.p2m)
#define WINDOW 2048u   /* guest frames that are used */

static struct domain domain;
static unsigned act_at;

static int populate(uint64_t gfn, unsigned order) { return memory_populate(D, GFN(gfn), order, 0, never_preempt); }

static void assert_sound(void)
{
    static uint8_t seen[RAM_END - RAM_FIRST];
    uint64_t mapped = 0;

    memset(seen, 0, sizeof(seen));
    for (uint64_t gfn = 0; gfn < WINDOW; gfn++) {
        struct p2m_entry e;

        if (!p2m_lookup(P, GFN(gfn), &e))
            continue;
        mapped++;
        assert_false(seen[e.mfn.mfn - RAM_FIRST]++);
        if (!frame_get(e.mfn, &D->frames))
            fail_msg("guest frame %lu maps a frame that was freed (%u unlocks)", (unsigned long)gfn, act_at);
        assert_int_equal(frame_refs(e.mfn), 2);
        frame_put(e.mfn);
    }
    assert_true(D->frames.total >= mapped);   /* replaced frames are mapped nowhere */
}

static int setup(void **state)
{
    (void)state;
    memset(D, 0, sizeof(*D));
    machine_owner_is(0, &D->frames);
    assert_int_equal(p2m_init(P, &D->frames), 0);
    return 0;
}

static void empty(void)
{
    while (p2m_release_all(P, sometimes_preempt))
        continue;
    assert_int_equal(frames_release_all(&D->frames, never_preempt), 0);
}

static int teardown(void **state)
{
    empty();
    return machine_is_whole(state);
}

/* As often as the first vCPU lets go of locks. */
static void at_every_unlock(void (*first)(void), void (*other)(void))
{
    for (act_at = 1;; act_at++) {
        machine_act_at_unlock(act_at, other);
        first();
        machine_act_no_more();
        assert_sound();
        if (!machine_has_acted())
            break;
        empty();
        setup(NULL);
    }
    assert_true(act_at > 3);
}

/* Four pages fit into the tables that the pool has, the others do not. */
static void populate_too_much(void)
{
    assert_int_equal(p2m_set_pool(P, 2), 0);
    assert_int_equal(populate(508, 3), -ENOMEM);
}

static void take_a_page_and_another(void)
{
    if (!memory_decrease(D, GFN(509), 0))
        assert_int_equal(populate(100, 0), 0);
    if (!memory_decrease(D, GFN(511), 0))
        assert_int_equal(populate(200, 0), 0);
}

static void a_populate_that_fails_frees_nothing_of_anothers(void **state)
{
    (void)state;
    at_every_unlock(populate_too_much, take_a_page_and_another);
}

static void balloon(void)
{
    assert_int_equal(populate(512, 9), 0);   /* one block */
    (void)memory_decrease(D, GFN(515), 0);
    (void)memory_decrease(D, GFN(520), 3);
    (void)populate(700, 3);
    (void)memory_decrease(D, GFN(702), 1);
}

static void balloon_too(void)
{
    (void)memory_decrease(D, GFN(700), 1);
    (void)memory_decrease(D, GFN(512), 1);
    (void)memory_decrease(D, GFN(516), 0);
    (void)memory_decrease(D, GFN(1500), 2);
    assert_int_equal(populate(1500, 2), 0);
}

static void two_balloons_share_nothing(void **state)
{
    (void)state;
    at_every_unlock(balloon, balloon_too);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_populate_that_fails_frees_nothing_of_anothers, setup, teardown),
        cmocka_unit_test_setup_teardown(two_balloons_share_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, machine_start, NULL);
}
