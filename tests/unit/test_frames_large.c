// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/mm/buddy.c hypervisor/mm/frames.c */
/*
 * Blocks of 1 GiB, which are made a domain's in slices, on a machine of 1 GiB and 4 MiB. The memory of the first is the
 * same MiB over and over, so that a small host can have it. After each test everything is free again, and whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/errno.h"
#include "mm/frames.h"

#define RAM_START  GIB
#define RAM_END    (2 * GIB + 4 * MIB)
#define PER_LARGE  (GIB / PAGE_SIZE)
#define PER_SLICE  (MIB / PAGE_SIZE)
#define ALL_FRAMES ((RAM_END - RAM_START) / PAGE_SIZE)

static char *arena;
static struct { struct frame_owner frames; unsigned refs; } owners[2];
static struct frame_owner *const a = &owners[0].frames, *const b = &owners[1].frames;
static unsigned stop_every, asked;

void *mfn_to_virt(mfn_t mfn) { return arena + ((mfn.mfn << PAGE_SHIFT) - RAM_START); }
mfn_t virt_to_mfn(const void *va) { return MFN(((uint64_t)((const char *)va - arena) + RAM_START) >> PAGE_SHIFT); }
struct frame_owner *frame_owner_of_id(domid_t id) { return &owners[id - 1].frames; }
bool frame_owner_hold(struct frame_owner *o) { return ++owners[o->id - 1].refs; }

void frame_owner_put(struct frame_owner *o)
{
    if (--owners[o->id - 1].refs == 0)
        panic("the last reference is the test's");
}

void cache_clean(const void *va, size_t size) { (void)va; (void)size; }
void icache_invalidate_all(void) { }

static bool stop(void) { return stop_every && ++asked % stop_every == 0; }
static bool never(void) { return false; }

static void owner_revive(unsigned i)
{
    memset(&owners[i], 0, sizeof(owners[i]));
    owners[i].refs = 1;
    frames_owner_init(&owners[i].frames, (domid_t)(i + 1), UINT64_MAX);
}

static int setup(void **state)
{
    (void)state;
    owner_revive(0);
    owner_revive(1);
    stop_every = asked = 0;
    return 0;
}

static int teardown(void **state)
{
    mfn_t mfn;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        frames_owner_die(&owners[i].frames);
        assert_int_equal(frames_release_all(&owners[i].frames, never), 0);
        assert_int_equal(owners[i].frames.total, 0);
        assert_int_equal(owners[i].refs, 1);
    }
    assert_int_equal(frames_free(), ALL_FRAMES);
    owner_revive(0);
    assert_int_equal(frames_alloc_domain(a, FRAMES_LARGE_ORDER, 0, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_int_equal(frames_release_all(a, never), 0);
    return 0;
}

static void a_large_block_comes_zeroed_and_in_slices(void **state)
{
    mfn_t first = MFN(RAM_START >> PAGE_SHIFT);
    char *memory = mfn_to_virt(first);

    (void)state;
    for (stop_every = 0; stop_every < 3; stop_every++) {
        unsigned calls = 1;
        mfn_t mfn;

        memset(memory, 0xcd, MIB);
        for (; frames_alloc_large(a, &mfn, stop) == -ERESTART; calls++)
            ;
        assert_int_equal(mfn.mfn, first.mfn);
        assert_int_equal(a->total, PER_LARGE);
        assert_true(stop_every == 0 ? calls == 1 : calls > 400);
        assert_true(memory[0] == 0 && memory[MIB - 1] == 0);
        for (uint64_t i = 0; i < PER_LARGE; i += 1000)
            assert_ptr_equal(frame_owner(mfn_add(first, i)), a);
        assert_int_equal(frames_alloc_large(b, &mfn, never), -ENOMEM);
        assert_int_equal(frames_release_all(a, never), 0);
    }
}

static void what_was_begun_belongs_to_its_owner(void **state)
{
    mfn_t mfn;

    (void)state;
    stop_every = 1;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(frames_alloc_large(a, &mfn, stop), -ERESTART);
    assert_int_equal(a->total, 5 * PER_SLICE);
    assert_int_equal(frames_free(), ALL_FRAMES - PER_LARGE);
    /* Dying is noticed at the next slice: the rest goes back at once. */
    frames_owner_die(a);
    assert_int_equal(frames_alloc_large(a, &mfn, never), -EINVAL);
    assert_int_equal(frames_free(), ALL_FRAMES - 5 * PER_SLICE);
}

static void destruction_takes_what_was_begun(void **state)
{
    mfn_t mfn;

    (void)state;
    stop_every = 1;
    assert_int_equal(frames_alloc_large(a, &mfn, stop), -ERESTART);
    frames_owner_die(a);
    while (frames_release_all(a, stop) == -ERESTART)
        ;
    assert_int_equal(frames_free(), ALL_FRAMES);
}

static void it_is_within_the_limit_or_not_begun(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(a, 0, 0, 0, &mfn), 0);
    a->max = PER_LARGE;
    assert_int_equal(frames_alloc_large(a, &mfn, never), -ENOMEM);
    assert_int_equal(a->total, 1);
    assert_int_equal(frames_free(), ALL_FRAMES - 1);
}

static void arena_map(void)
{
    int fd = fileno(tmpfile());

    arena = mmap(NULL, RAM_END - RAM_START, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED || ftruncate(fd, MIB))
        panic("no memory to test with");
    for (uint64_t at = 0; at < GIB; at += MIB)
        if (mmap(arena + at, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
            panic("no memory to test with");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_large_block_comes_zeroed_and_in_slices),
        TEST(what_was_begun_belongs_to_its_owner),
        TEST(destruction_takes_what_was_begun),
        TEST(it_is_within_the_limit_or_not_begun),
    };
    void *table = aligned_alloc(PAGE_SIZE, frames_table_size(PADDR(RAM_START), PADDR(RAM_END)));
    int failed;

    arena_map();
    frames_init(table, PADDR(RAM_START), PADDR(RAM_END), RAM_END - RAM_START);
    frames_add(PADDR(RAM_START), RAM_END - RAM_START);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(table);
    return failed;
}
