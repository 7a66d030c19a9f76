// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/machine.c hypervisor/mm/buddy.c hypervisor/mm/frames.c hypervisor/mm/heap.c */
/* The frame table and allocator, and the heap on top, against a model that is a plain array. */
#include "machine.h"

#include <string.h>

#include "mm/heap.h"

#define D(n)    owners[n].frames
#define REFS(n) owners[n].refs

static void zeroed_and_soiled(mfn_t mfn, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t *page = mfn_to_virt(mfn_add(mfn, i));

        assert_true(page[0] == 0 && page[PAGE_SIZE / 8 - 1] == 0);
        page[0] = page[PAGE_SIZE / 8 - 1] = 0xdead;
    }
}

static void a_block_is_zeroed_owned_and_given_back(void **state)
{
    uint64_t before = frames_free();
    mfn_t mfn;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(frames_alloc_domain(D(0), 9, 0, 0, &mfn), 0);
        assert_int_equal(mfn.mfn & 511, 0);
        zeroed_and_soiled(mfn, 512);
        assert_int_equal(D(0)->total, 512);
        assert_int_equal(frames_free(), before - 512);
        assert_int_equal(REFS(0), 2);   /* its pages keep the struct */
        assert_ptr_equal(frame_owner(mfn_add(mfn, 511)), D(0));
        assert_true(frame_is_ram(mfn));
        for (unsigned i = 0; i < 512; i++)
            assert_true(frame_release(mfn_add(mfn, i), D(0)));
        assert_false(frame_is_ram(mfn));
    }
}

/* A guest with its caches off reads memory, and executes the instruction caches' content. */
static void nothing_of_the_last_owner_is_in_caches(void **state)
{
    unsigned clears;
    void *shared;
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 4, 0, 0, &mfn), 0);
    for (unsigned i = 0; i < 16; i++)
        assert_true(machine_cleaned(mfn_add(mfn, i)));
    clears = machine_icache_clears;
    assert_int_equal(frames_alloc_domain(D(1), 0, 0, 0, &mfn), 0);
    assert_int_equal(machine_icache_clears, clears);   /* nobody gave anything back */
    assert_true(frame_release(mfn, D(1)));
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &mfn), 0);
    assert_int_equal(machine_icache_clears, clears + 1);
    shared = frame_alloc_shared(D(0));
    assert_true(machine_cleaned(virt_to_mfn(shared)));
    assert_int_equal(machine_icache_clears, clears + 1);
    frame_free_shared(shared);
    shared = frame_alloc_shared(D(1));
    assert_int_equal(machine_icache_clears, clears + 2);
    frame_free_shared(shared);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
}

/* However many blocks that are too high stand before it. */
static void an_address_limit_finds_the_only_low_frame(void **state)
{
    mfn_t low, mfn;
    unsigned n = 0;

    (void)state;
    while (!frames_alloc_domain(D(0), 0, 31, FRAME_KEEP_CONTENT, &low))   /* all below 2 GiB, one by one */
        n++;
    assert_true(n > 100000);
    for (unsigned i = 0; i < 5000; i++)      /* and many above it, every second given back again */
        assert_int_equal(frames_alloc_domain(D(1 + i % 2), 0, 0, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_true(frame_release(MFN(RAM_FIRST + 4711), D(0)));
    assert_int_equal(frames_release_all(D(2), never_preempt), 0);
    assert_int_equal(frames_alloc_domain(D(1), 0, 31, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_int_equal(mfn.mfn, RAM_FIRST + 4711);
    assert_int_equal(frames_alloc_domain(D(1), 0, 31, FRAME_KEEP_CONTENT, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(1), 3, 14, FRAME_KEEP_CONTENT, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(1), 0, 11, FRAME_KEEP_CONTENT, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(1), 0, 64, FRAME_KEEP_CONTENT, &mfn), 0);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
    assert_int_equal(frames_release_all(D(1), never_preempt), 0);
}

static void a_second_release_is_refused(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &mfn), 0);
    assert_true(frame_get(mfn, D(0)));
    assert_false(frame_release(mfn, D(1)));
    assert_true(frame_release(mfn, D(0)));
    assert_false(frame_release(mfn, D(0)));
    assert_int_equal(D(0)->total, 1);   /* somebody still holds it */
    assert_int_equal(frame_refs(mfn), 1);
    frame_put(mfn);
    assert_false(frame_release(mfn, D(0)));
    assert_false(frame_get(mfn, D(0)));
    assert_int_equal(D(0)->total, 0);
}

static void a_reference_too_many_dropped_is_a_broken_invariant(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &mfn), 0);
    assert_true(frame_release(mfn, D(0)));
    expect_assert_failure(frame_put(mfn));
}

static void only_the_owner_names_a_frame(void **state)
{
    void *page = page_alloc();
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &mfn), 0);
    assert_false(frame_get(mfn, D(1)));
    assert_false(frame_get(MFN(0), D(0)));
    assert_false(frame_get(MFN(HOLE_FIRST), D(0)));
    assert_false(frame_get(MFN(RAM_END), D(0)));
    assert_false(frame_get(INVALID_MFN, D(0)));
    assert_false(frame_get(virt_to_mfn(page), D(0)));
    assert_false(frame_release(virt_to_mfn(page), D(0)));
    assert_null(frame_owner(virt_to_mfn(page)));
    assert_null(frame_owner(MFN(HOLE_FIRST)));
    assert_null(frame_owner(INVALID_MFN));
    assert_true(frame_is_ram(virt_to_mfn(page)));
    assert_false(frame_is_ram(MFN(HOLE_FIRST)));
    assert_false(frame_is_ram(INVALID_MFN));
    page_free(page);
    assert_true(frame_release(mfn, D(0)));
}

static void a_reference_to_anybodys_frame_keeps_its_owner(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(1), 0, 0, 0, &mfn), 0);
    assert_ptr_equal(frame_get_any(mfn), D(1));
    assert_true(frame_release(mfn, D(1)));
    assert_int_equal(REFS(1), 2);
    frame_put(mfn);
    assert_int_equal(REFS(1), 1);
    assert_null(frame_get_any(mfn));
    assert_null(frame_get_any(MFN(HOLE_FIRST)));
    assert_null(frame_get_any(INVALID_MFN));
}

static void a_shared_frame_lives_until_its_last_reference(void **state)
{
    void *va = frame_alloc_shared(D(0));
    mfn_t mfn = virt_to_mfn(va);

    (void)state;
    assert_non_null(va);
    zeroed_and_soiled(mfn, 1);
    assert_int_equal(D(0)->total, 0);
    assert_int_equal(REFS(0), 2);
    assert_false(frame_release(mfn, D(0)));   /* the guest cannot give it back */
    assert_true(frame_get(mfn, D(0)));
    frame_free_shared(va);
    assert_int_equal(REFS(0), 2);
    assert_ptr_equal(frame_owner(mfn), D(0));
    frame_put(mfn);
    assert_int_equal(REFS(0), 1);
    frame_free_shared(NULL);
}

static void limits_are_kept(void **state)
{
    mfn_t mfn;

    (void)state;
    D(0)->max = 10;
    assert_int_equal(frames_alloc_domain(D(0), 4, 0, 0, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(0), 3, 0, 0, &mfn), 0);
    assert_int_equal(frames_alloc_domain(D(0), 2, 0, 0, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(0), 40, 0, 0, &mfn), -ENOMEM);
    frames_owner_die(D(0));
    assert_int_equal(frames_alloc_domain(D(0), 0, 0, 0, &mfn), -EINVAL);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
}

/* A failed allocation must not have cost the claim for the next one. */
static void a_refused_allocation_leaves_the_claim(void **state)
{
    mfn_t mfn;

    (void)state;
    D(0)->max = 100;
    assert_int_equal(frames_claim(D(0), 100), 0);
    assert_int_equal(frames_alloc_domain(D(0), 9, 0, 0, &mfn), -ENOMEM);
    assert_int_equal(frames_claimed(D(0)), 100);
    assert_int_equal(frames_claim(D(0), 0), 0);
}

static void a_claim_keeps_others_out(void **state)
{
    uint64_t all = frames_free();
    void *page;
    mfn_t mfn;

    (void)state;
    assert_int_equal(frames_claim(D(0), all + 1), -ENOMEM);
    assert_int_equal(frames_claim(D(0), all - 512), 0);
    assert_int_equal(frames_claimed(NULL), all - 512);
    assert_int_equal(frames_claim(D(1), 513), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(1), 9, 0, 0, &mfn), 0);
    assert_int_equal(frames_alloc_domain(D(1), 0, 0, 0, &mfn), -ENOMEM);
    page = page_alloc();   /* the hypervisor's own little things are not kept from it */
    assert_non_null(page);
    page_free(page);
    /* Its own allocations use it up; a new claim replaces it, counting the frames owned. */
    assert_int_equal(frames_alloc_domain(D(0), 9, 0, 0, &mfn), 0);
    assert_int_equal(frames_claimed(D(0)), all - 1024);
    assert_int_equal(frames_claim(D(0), 512), 0);
    assert_int_equal(frames_claimed(D(0)), 0);
    assert_int_equal(frames_claim(D(0), 600), 0);
    assert_int_equal(frames_claimed(D(0)), 88);
    frames_owner_die(D(0));
    assert_int_equal(frames_claim(D(0), 1), -EINVAL);
    assert_int_equal(frames_claim(D(0), 0), 0);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
    assert_int_equal(frames_release_all(D(1), never_preempt), 0);
}

static void an_address_limit_is_kept(void **state)
{
    mfn_t mfn;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(frames_alloc_domain(D(0), 9, 32, FRAME_KEEP_CONTENT, &mfn), 0);
        assert_true(mfn.mfn + 512 <= 0x100000);
    }
    assert_int_equal(frames_alloc_domain(D(0), 0, 30, 0, &mfn), -ENOMEM);
    assert_int_equal(frames_alloc_domain(D(0), 0, 31, 0, &mfn), 0);
    assert_true(mfn.mfn < 0x80000);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
}

static void what_is_asked_for_by_address_is_got_or_refused(void **state)
{
    uint64_t *page = mfn_to_virt(MFN(0x50000));

    (void)state;
    *page = 42;
    assert_true(frame_range_free(MFN(0x50000), 4));
    assert_int_equal(frames_alloc_domain_at(D(0), MFN(0x50000), 4), 0);
    assert_int_equal(*page, 42);
    assert_false(frame_range_free(MFN(0x50000), 0));
    assert_false(frame_range_free(MFN(0x50000), 9));
    assert_true(frame_range_free(MFN(0x50010), 4));
    assert_int_equal(frames_alloc_domain_at(D(0), MFN(0x5000f), 0), -ENOMEM);
    assert_int_equal(frames_alloc_domain_at(D(0), MFN(HOLE_FIRST), 0), -ENOMEM);
    assert_int_equal(frames_alloc_domain_at(D(0), MFN(RAM_END), 0), -ENOMEM);
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
}

static void release_all_can_be_interrupted(void **state)
{
    unsigned calls = 0;
    mfn_t mfn;
    int err;

    (void)state;
    assert_int_equal(frames_alloc_domain(D(0), 10, 0, 0, &mfn), 0);
    assert_true(frame_get(mfn, D(0)));
    do {
        err = frames_release_all(D(0), always_preempt);
        calls++;
    } while (err == -ERESTART);
    assert_int_equal(err, 0);
    assert_true(calls > 10);
    assert_int_equal(D(0)->total, 1);
    assert_int_equal(REFS(0), 2);
    frame_put(mfn);
}

/* The model: the owner of each of the first frames, how often referenced, whether released. */
#define MODEL 6000
/* owner 0: free, 1..: domain, 255: hypervisor */
static struct { uint8_t owner, released; uint16_t refs; } model[MODEL];
static unsigned pages_order[MODEL];

static uint64_t at(unsigned i) { return RAM_FIRST + i; }

static bool model_free(uint64_t mfn, unsigned order)
{
    for (uint64_t m = mfn; m < mfn + BIT(order); m++)
        if (!machine_has(m) || (m - RAM_FIRST < MODEL && model[m - RAM_FIRST].owner))
            return false;
    return true;
}

static void model_own(mfn_t first, unsigned order, uint8_t owner)
{
    for (uint64_t m = first.mfn; m < first.mfn + BIT(order); m++) {
        assert_true(m - RAM_FIRST < MODEL);
        assert_int_equal(model[m - RAM_FIRST].owner, 0);
        model[m - RAM_FIRST].owner = owner;
        model[m - RAM_FIRST].refs = 1;
        model[m - RAM_FIRST].released = 0;
    }
}

static void model_drop(unsigned i)
{
    if (--model[i].refs == 0)
        model[i].owner = 0;
}

static void random_take(void)
{
    unsigned order = random_below(7), i = random_below(MODEL), owner = random_below(MACHINE_OWNERS);
    uint64_t mfn = align_down(at(i), BIT(order));

    if (mfn < RAM_FIRST || mfn + BIT(order) > RAM_FIRST + MODEL)
        return;
    assert_int_equal(frame_range_free(MFN(mfn), order), model_free(mfn, order));
    if (!model_free(mfn, order)) {
        assert_int_equal(frames_alloc_domain_at(D(owner), MFN(mfn), order), -ENOMEM);
        return;
    }
    assert_int_equal(frames_alloc_domain_at(D(owner), MFN(mfn), order), 0);
    model_own(MFN(mfn), order, (uint8_t)(owner + 1));
}

/* From wherever the allocator likes; only blocks in the model's range are kept. */
static void random_take_anywhere(void)
{
    unsigned order = random_below(5), owner = random_below(MACHINE_OWNERS);
    void *va;
    mfn_t mfn;

    if (random_below(2)) {
        assert_int_equal(frames_alloc_domain(D(owner), order, 0, 0, &mfn), 0);
        zeroed_and_soiled(mfn, BIT(order));
        if (mfn.mfn + BIT(order) <= RAM_FIRST + MODEL)
            model_own(mfn, order, (uint8_t)(owner + 1));
        else
            for (uint64_t i = 0; i < BIT(order); i++)
                assert_true(frame_release(mfn_add(mfn, i), D(owner)));
        return;
    }
    va = pages_alloc(order);
    mfn = virt_to_mfn(va);
    zeroed_and_soiled(mfn, BIT(order));
    if (mfn.mfn + BIT(order) > RAM_FIRST + MODEL) {
        pages_free(va, order);
        return;
    }
    model_own(mfn, order, 255);
    pages_order[mfn.mfn - RAM_FIRST] = order + 1;
}

static void random_change(unsigned i)
{
    mfn_t mfn = MFN(at(i));
    unsigned d = random_below(MACHINE_OWNERS);

    if (!machine_has(at(i)))
        return;
    if (model[i].owner == 255) {
        assert_false(frame_get(mfn, D(d)));
        assert_false(frame_release(mfn, D(d)));
        if (!pages_order[i])
            return;
        for (unsigned n = 0; n < 1u << (pages_order[i] - 1); n++)
            model[i + n].owner = 0;
        pages_free(mfn_to_virt(mfn), pages_order[i] - 1);
        pages_order[i] = 0;
        return;
    }
    switch (random_below(4)) {
    case 0:
        assert_int_equal(frame_get(mfn, D(d)), model[i].owner == d + 1);
        model[i].refs += model[i].owner == d + 1;
        break;
    case 1:   /* a reference beyond the allocation's own */
        if (model[i].owner && model[i].refs > (model[i].released ? 0 : 1)) {
            frame_put(mfn);
            model_drop(i);
        }
        break;
    default:
        assert_int_equal(frame_release(mfn, D(d)), model[i].owner == d + 1 && !model[i].released);
        if (model[i].owner == d + 1 && !model[i].released) {
            model[i].released = 1;
            model_drop(i);
        }
        break;
    }
}

static void counts_are_right(void)
{
    uint64_t owned[MACHINE_OWNERS] = { 0 };

    for (unsigned i = 0; i < MODEL; i++) {
        bool domains_own = model[i].owner && model[i].owner != 255;

        if (!machine_has(at(i)))
            continue;
        assert_int_equal(frame_is_ram(MFN(at(i))), model[i].owner != 0);
        assert_ptr_equal(frame_owner(MFN(at(i))), domains_own ? D(model[i].owner - 1) : NULL);
        if (!domains_own)
            continue;
        assert_int_equal(frame_refs(MFN(at(i))), model[i].refs);
        owned[model[i].owner - 1]++;
    }
    for (unsigned d = 0; d < MACHINE_OWNERS; d++) {
        assert_int_equal(D(d)->total, owned[d]);
        assert_int_equal(REFS(d), owned[d] ? 2 : 1);
    }
    for (unsigned order = 0; order < 12; order++)
        for (uint64_t mfn = align_up(RAM_FIRST, BIT(order)); mfn + BIT(order) <= RAM_FIRST + MODEL; mfn += BIT(order))
            assert_int_equal(frame_range_free(MFN(mfn), order), model_free(mfn, order));
}

static void random_use_agrees_with_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        random_seed(seed);
        memset(model, 0, sizeof(model));
        memset(pages_order, 0, sizeof(pages_order));
        for (unsigned n = 0; n < 60000; n++) {
            unsigned act = random_below(20);

            if (act == 0)
                random_take();
            else if (act == 1)
                random_take_anywhere();
            else
                random_change(random_below(MODEL));
            if (n % 6000 == 0)
                counts_are_right();
        }
        counts_are_right();
        for (unsigned d = 0; d < MACHINE_OWNERS; d++)
            while (frames_release_all(D(d), sometimes_preempt))
                continue;
        for (unsigned i = 0; i < MODEL; i++) {
            if (model[i].owner == 255) {
                if (pages_order[i])
                    pages_free(mfn_to_virt(MFN(at(i))), pages_order[i] - 1);
            } else if (model[i].owner) {
                for (unsigned r = model[i].refs - !model[i].released; r; r--)
                    frame_put(MFN(at(i)));
            }
        }
        machine_is_whole(state);
    }
}

static void heap_objects_are_apart_zeroed_and_given_back(void **state)
{
    static struct { unsigned char *p; size_t size; } objects[600];
    uint64_t before = frames_free();

    (void)state;
    random_seed(7);
    for (unsigned n = 0; n < 40000; n++) {
        unsigned i = random_below(600);
        size_t size = 1 + (random_below(20) ? random_below(1100) : random_below(20000));

        if (objects[i].p) {
            for (size_t b = 0; b < objects[i].size; b++)
                assert_int_equal(objects[i].p[b], i & 0xff);
            heap_free(objects[i].p, objects[i].size);
            objects[i].p = NULL;
            continue;
        }
        objects[i].p = heap_alloc(size);
        objects[i].size = size;
        assert_non_null(objects[i].p);
        assert_int_equal((uintptr_t)objects[i].p % (size > 2048 ? PAGE_SIZE : 16), 0);
        for (size_t b = 0; b < size; b++)
            assert_int_equal(objects[i].p[b], 0);
        memset(objects[i].p, (int)i, size);
    }
    for (unsigned i = 0; i < 600; i++)
        heap_free(objects[i].p, objects[i].size);
    assert_int_equal(frames_free(), before);
}

static void heap_refuses_what_is_no_size(void **state)
{
    (void)state;
    assert_null(heap_alloc(0));
    assert_null(heap_alloc(GIB + 1));
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc_array(SIZE_MAX / 2, 3));
    assert_null(heap_alloc_array(0, 8));
    heap_free(NULL, 8);
}

static void memory_can_run_out(void **state)
{
    mfn_t mfn;
    void *small;

    (void)state;
    small = heap_alloc(32);
    for (unsigned order = 19; order--;)
        while (!frames_alloc_domain(D(0), order, 0, FRAME_KEEP_CONTENT, &mfn))
            continue;
    assert_int_equal(frames_free(), 0);
    assert_null(page_alloc());
    assert_null(frame_alloc_shared(D(1)));
    assert_int_equal(REFS(1), 1);
    assert_null(heap_alloc(1024));
    assert_int_equal(frames_release_all(D(0), never_preempt), 0);
    heap_free(small, 32);
}

#define TEST(name) cmocka_unit_test_teardown(name, machine_is_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_block_is_zeroed_owned_and_given_back),
        TEST(nothing_of_the_last_owner_is_in_caches),
        TEST(an_address_limit_finds_the_only_low_frame),
        TEST(a_second_release_is_refused),
        TEST(only_the_owner_names_a_frame),
        TEST(a_reference_to_anybodys_frame_keeps_its_owner),
        TEST(a_shared_frame_lives_until_its_last_reference),
        TEST(limits_are_kept),
        TEST(a_refused_allocation_leaves_the_claim),
        TEST(a_claim_keeps_others_out),
        TEST(an_address_limit_is_kept),
        TEST(what_is_asked_for_by_address_is_got_or_refused),
        TEST(release_all_can_be_interrupted),
        TEST(random_use_agrees_with_the_model),
        TEST(heap_objects_are_apart_zeroed_and_given_back),
        TEST(heap_refuses_what_is_no_size),
        TEST(memory_can_run_out),
        cmocka_unit_test(a_reference_too_many_dropped_is_a_broken_invariant),   /* last: it leaves the table broken */
    };

    return cmocka_run_group_tests(tests, machine_start, NULL);
}
