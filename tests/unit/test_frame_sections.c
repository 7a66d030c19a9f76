// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/machine.c hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/*
 * The frame table is set up as it is used, in sections. Where nothing was written the machine's table holds garbage
 * that looks like frames in use.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/buddy.h"
#include "mm/frame_table.h"

#define D(n) owners[n].frames

static unsigned sections_in(enum section_state state)
{
    unsigned n = 0;

    for (uint64_t i = 0; i < frame_table.count >> SECTION_ORDER; i++)
        n += frame_table.sections[i] == state;
    return n;
}

/* The machine's RAM begins in the middle of a section, and its hole ends in one. */
static void only_sections_in_parts_are_set_up_at_the_start(void **state)
{
    (void)state;
    assert_int_equal(sections_in(SECTION_WHOLE), 2);
    assert_in_range(sections_in(SECTION_HEAD), 3, 40);
    assert_int_equal(frames_last().mfn, RAM_END - 1);
}

static void a_number_of_a_section_never_used_is_nobodys(void **state)
{
    uint64_t asked = 0;

    (void)state;
    for (uint64_t i = 0; i < frame_table.count; i++) {
        struct frame *f = &frame_table.frames[i];
        mfn_t mfn = mfn_of(f);

        if (section_state(f) == SECTION_WHOLE || i % SECTION == 0)
            continue;
        word_set(f, word_make(2, D(0)->id, OWNED, 0));   /* as garbage may be */
        asked++;
        if (frame_is_ram(mfn) || frame_get(mfn, D(0)) || frame_get_any(mfn) || frame_owner(mfn) ||
            frame_release(mfn, D(0)))
            fail_msg("frame %lx is somebody's", (unsigned long)mfn.mfn);
    }
    assert_true(asked > 1000000);
}

static void the_first_page_of_a_section_sets_up_that_one_alone(void **state)
{
    unsigned before = sections_in(SECTION_WHOLE);
    mfn_t mfn;

    (void)state;
    word_set(frame_at(MFN(0x80001)), word_make(0, 0, FREE, 0));   /* garbage, too: it is free, but no block by itself */
    assert_int_equal(frames_alloc_domain_at(D(0), MFN(0x80001), 0), 0);
    assert_int_equal(sections_in(SECTION_WHOLE), before + 1);
    assert_int_equal(section_state(frame_at(MFN(0x80001))), SECTION_WHOLE);
    assert_ptr_equal(frame_owner(MFN(0x80001)), D(0));
    assert_null(frame_owner(MFN(0x80000)));
    assert_false(frames_dirty_near(MFN(0x80001)));
    /* The next one's is there, and each page of the section in its turn. */
    for (uint64_t i = 0; i < SECTION; i++)
        if (i != 1)
            assert_int_equal(frames_alloc_domain_at(D(0), MFN(0x80000 + i), 0), 0);
    assert_int_equal(sections_in(SECTION_WHOLE), before + 1);
    assert_int_equal(frames_alloc_domain(D(0), SECTION_ORDER, 0, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_int_equal(sections_in(SECTION_WHOLE), before + 2);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
}

static void a_block_of_many_sections_is_whole_when_it_is_had(void **state)
{
    for (unsigned order = SECTION_ORDER; order <= FRAMES_LARGE_ORDER; order++) {
        mfn_t mfn;

        (void)state;
        assert_int_equal(frames_alloc_domain(D(1), order, 0, FRAME_KEEP_CONTENT, &mfn), 0);
        for (uint64_t i = 0; i < BIT(order); i++)
            assert_ptr_equal(frame_owner(mfn_add(mfn, i)), D(1));
        assert_int_equal(frames_release_all(D(1), never_preempt), 0);
    }
}

/* Blocks of whole sections that go back unused, and merge with others of which some were used. */
static void sections_merge_used_or_not(void **state)
{
    static struct frame *held[4096];
    static unsigned orders[4096];

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        unsigned n = 0;

        while (n < ARRAY_SIZE(held)) {
            orders[n] = random_below(4) ? SECTION_ORDER - 3 + random_below(8) : random_below(SECTION_ORDER);
            held[n] = buddy_take(NULL, orders[n], BUDDY_ANYWHERE);
            if (!held[n])
                break;
            for (uint64_t i = 0; i < BIT(orders[n]); i++)
                if (word_of(&held[n][i]) != word_make(0, 0, ABSENT, 0))
                    fail_msg("taken with an entry that is somebody's");
            n++;
        }
        while (n--) {
            unsigned pick = random_below(n + 1);

            buddy_put(held[pick], orders[pick]);
            held[pick] = held[n];
            orders[pick] = orders[n];
        }
    }
}

#define TERABYTE (UINT64_C(1) << 40)

/* Of the 4 GiB of its table a start touches a page for each block of 1 GiB, and the states. Last: it stays. */
static void a_terabytes_start_leaves_its_table_alone(void **state)
{
    paddr_t start = PADDR(GIB), end = PADDR(GIB + TERABYTE);
    uint64_t size = frames_table_size(start, end), touched = 0;
    void *table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned char *resident = malloc(size / PAGE_SIZE);
    uint64_t before = frames_free();

    (void)state;
    assert_true(table != MAP_FAILED);
    assert_true(size > TERABYTE / PAGE_SIZE * 16 && size < TERABYTE / PAGE_SIZE * 17);
    (void)madvise(table, size, MADV_NOHUGEPAGE);
    frames_init(table, start, end, TERABYTE);
    frames_add(start, TERABYTE);
    assert_int_equal(frames_free() - before, TERABYTE / PAGE_SIZE);
    assert_int_equal(sections_in(SECTION_HEAD), TERABYTE / GIB);
    assert_int_equal(sections_in(SECTION_WHOLE), 0);
    assert_int_equal(mincore(table, size, resident), 0);
    for (uint64_t i = 0; i < size / PAGE_SIZE; i++)
        touched += resident[i] & 1;
    assert_in_range(touched, TERABYTE / GIB, TERABYTE / GIB + 64);
    free(resident);
}

#define TEST(name) cmocka_unit_test_teardown(name, machine_is_whole)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(only_sections_in_parts_are_set_up_at_the_start),
        TEST(a_number_of_a_section_never_used_is_nobodys),
        TEST(the_first_page_of_a_section_sets_up_that_one_alone),
        TEST(a_block_of_many_sections_is_whole_when_it_is_had),
        TEST(sections_merge_used_or_not),
        cmocka_unit_test(a_terabytes_start_leaves_its_table_alone),
    };

    return cmocka_run_group_tests(tests, machine_start, NULL);
}
