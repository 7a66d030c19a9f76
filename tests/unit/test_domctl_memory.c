// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/domctl_rooms.c tests/unit/fakes.c hypervisor/abi/domctl*.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* Domctls of memory: its sizes, its caches, what of it was written to, and copies of it. */
#include "domctl_rooms.h"

#include <stdlib.h>
#include <string.h>

#include "abi/domctl_copy.h"
#include "mm/p2m_dirty.h"

static void a_cache_flush_goes_on_where_it_was(void **state)
{
    unsigned calls = 1;

    (void)state;
    begin(XEN_DOMCTL_cacheflush);
    op.u.cacheflush.start_pfn = 10;
    op.u.cacheflush.nr_pfns = 5;
    for (; call() == -ERESTART; calls++)
        ;
    assert_int_equal(calls, 5);
    assert_int_equal(op.u.cacheflush.start_pfn, 15);
    assert_int_equal(op.u.cacheflush.nr_pfns, 0);
    op.u.cacheflush.nr_pfns = BIT(18) + 1;
    assert_int_equal(call(), -EINVAL);
    op.u.cacheflush.nr_pfns = 16;
    op.u.cacheflush.start_pfn = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
}

static void sizes_are_in_the_abis_units(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_max_mem);
    op.u.max_mem.max_memkb = 1027;
    assert_int_equal(call(), 0);
    assert_int_equal(guest->frames.max, 256);
    begin(XEN_DOMCTL_set_paging_mempool_size);
    op.u.paging_mempool.size = 3 * PAGE_SIZE;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.mapped_nr, 3);
    op.u.paging_mempool.size++;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_get_paging_mempool_size);
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.paging_mempool.size, 7 * PAGE_SIZE);
}

static long shadow(unsigned what, unsigned mode)
{
    begin(XEN_DOMCTL_shadow_op);
    op.u.shadow_op.op = what;
    op.u.shadow_op.mode = mode;
    return call();
}

static void tracking_goes_by_x86s_names(void **state)
{
    (void)state;
    guest->p2m.address_bits = 40;
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN, 0), -EINVAL);   /* also of no pages */
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, 0), -EINVAL);
    assert_int_equal(
        shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY | XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE),
        -EINVAL);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, 0), -EINVAL);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, 0), -EINVAL);
    assert_int_equal(seen.mapped_first, 0);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY), 0);
    assert_int_equal(seen.mapped_first, 1);
    next_error = -ERESTART;
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), -ERESTART);
    assert_int_equal(seen.mapped_first, 0);
    assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
    assert_int_equal(seen.mapped_first, 1);
    begin(XEN_DOMCTL_shadow_op);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);   /* one's own */
}

static void assert_bitmap(const uint8_t *bytes, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        assert_int_equal((bytes[i / 8] >> i % 8) & 1, i % 5 == 0);
}

/* Also more than one chunk, and not a whole number of bytes. */
static void a_collection_keeps_its_place_in_the_call(void **state)
{
    enum { PAGES = 3 * 32768 + 2048 + 1003 };
    static uint8_t bitmap[PAGES / 8 + 8];
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;
    unsigned calls = 1;
    uint32_t period = dirty_period;

    (void)state;
    guest->p2m.address_bits = 40;
    seen.mapped_first = 1;
    dirty_cleans = dirty_pieces = 0;
    for (unsigned every = 1; every < 40; every += 6) {
        fake_preempt_every(every);
        memset(bitmap, 0xee, sizeof(bitmap));
        begin(XEN_DOMCTL_shadow_op);
        s->op = XEN_DOMCTL_SHADOW_OP_CLEAN;
        s->mode = XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL;
        s->pages = PAGES;
        s->stats.dirty_count = 12345;
        s->dirty_bitmap.p = bitmap;
        for (dirty_pieces = 0, calls = 1; call() == -ERESTART; calls++)
            assert_int_equal(s->pages, PAGES);
        assert_int_equal(dirty_pieces, PAGES / P2M_DIRTY_PIECE + 1);
        assert_true(every > 1 || calls == dirty_pieces);
        assert_int_equal(s->mode, XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL);
        assert_int_equal(s->pages, PAGES);
        assert_int_equal(s->stats.dirty_count, (PAGES + 4) / 5);
        assert_int_equal(s->stats.fault_count, 77);
        assert_int_equal(s->mb, ++period);   /* one, however often it was called */
        assert_bitmap(bitmap, PAGES);
        assert_int_equal(bitmap[PAGES / 8 + 1], 0xee);
    }
    fake_preempt_every(0);
}

/* A dirty page is told once: a caller interrupted by another that cleans does not have them all. */
static void a_collection_that_another_cleaned_in_the_middle_of_is_none(void **state)
{
    static const uint32_t ops[] = { XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_PEEK };
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;

    (void)state;
    guest->p2m.address_bits = 40;
    seen.mapped_first = 1;
    fake_preempt_every(1);
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        begin(XEN_DOMCTL_shadow_op);
        s->op = ops[i];
        s->pages = 4 * P2M_DIRTY_PIECE;
        assert_int_equal(call(), -ERESTART);
        assert_int_equal(s->mb, dirty_period);
        assert_int_equal(call(), -ERESTART);
        dirty_period++;
        assert_int_equal(call(), -EAGAIN);
    }
    fake_preempt_every(0);
}

static void a_collection_is_checked(void **state)
{
    struct xen_domctl_shadow_op *s = &op.u.shadow_op;

    (void)state;
    guest->p2m.address_bits = 40;
    begin(XEN_DOMCTL_shadow_op);
    s->op = XEN_DOMCTL_SHADOW_OP_PEEK;
    s->pages = 10;
    assert_int_equal(call(), -EINVAL);   /* nothing is tracked */
    seen.mapped_first = 1;
    dirty_cleans = 0;
    assert_int_equal(call(), 0);         /* only the counts */
    assert_int_equal(s->stats.dirty_count, 2);
    assert_int_equal(s->stats.fault_count, 66);
    assert_int_equal(s->mb, dirty_period);
    assert_int_equal(dirty_cleans, 0);
    s->dirty_bitmap.p = (void *)8;
    assert_int_equal(call(), -EFAULT);
    s->dirty_bitmap.p = NULL;
    s->mode = 1 << 1;
    assert_int_equal(call(), -EINVAL);   /* a place behind the end */
    s->mode = UINT32_MAX;
    s->pages = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
    s->mode = 0;
    while (call() == -ERESTART)
        continue;
    assert_int_equal(s->pages, BIT(28));   /* there are no more */
    assert_int_equal(s->stats.dirty_count, BIT(28) / 5 + 1);
}

static struct torpor_domctl_copy_pages *begin_copy(void *buffer, uint64_t gfn, uint64_t pages)
{
    struct torpor_domctl_copy_pages *c = (void *)&op.u;

    begin(TORPOR_DOMCTL_COPY_PAGES);
    memset(c, 0, sizeof(*c));
    c->gfn = gfn;
    c->buffer = (uintptr_t)buffer;
    c->pages[0] = pages;
    return c;
}

static void pages_are_copied_out_one_behind_the_other_and_holes_are_told(void **state)
{
    uint8_t *buffer = calloc(5, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    for (unsigned every = 0; every < 4; every++) {
        fake_preempt_every(every);
        fake_set_type(guest, 2, P2M_RAM_RO);
        for (unsigned i = 0; i < 4; i++)
            memset(fake_page(guest, i), 'a' + (int)i, PAGE_SIZE);
        memset(buffer, 0, 5 * PAGE_SIZE);
        c = begin_copy(buffer, 0, 0x3d);   /* 0, 2, 3, and two that are not there */
        while (call() == -ERESTART)
            assert_true(every);
        assert_int_equal(c->pages[0], 0xd);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(buffer[i * PAGE_SIZE + PAGE_SIZE - 1], "acd\0\0"[i]);
        fake_assert_refs(guest, 4, 1);
        fake_set_type(guest, 2, P2M_RAM_RW);
    }
    fake_preempt_every(0);
    /* a foreign frame is not its own */
    fake_set_type(guest, 1, P2M_FOREIGN_RW);
    c = begin_copy(buffer, 0, 3);
    assert_int_equal(call(), 0);
    assert_int_equal(c->pages[0], 1);
    fake_set_type(guest, 1, P2M_RAM_RW);
    free(buffer);
}

static void pages_are_copied_in_and_are_dirty(void **state)
{
    uint8_t *buffer = calloc(3, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    memset(buffer, 'x', PAGE_SIZE);
    memset(buffer + PAGE_SIZE, 'y', PAGE_SIZE);
    c = begin_copy(buffer, 1, 5);   /* 1 and 3 */
    c->write = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(*(char *)fake_page(guest, 1), 'x');
    assert_int_equal(((char *)fake_page(guest, 3))[PAGE_SIZE - 1], 'y');
    assert_int_equal(fake_writers(guest, 1), 0);
    fake_assert_refs(guest, 4, 1);
    c = begin_copy(buffer, 3, 3);   /* 3, and 4 which is not there */
    c->write = 1;
    assert_int_equal(call(), -EINVAL);
    assert_int_equal(*(char *)fake_page(guest, 3), 'x');
    fake_set_type(guest, 2, P2M_RAM_RO);
    c = begin_copy(buffer, 2, 1);
    c->write = 1;
    assert_int_equal(call(), -EINVAL);
    fake_set_type(guest, 2, P2M_RAM_RW);
    free(buffer);
}

static void a_copy_that_cannot_be_is_refused(void **state)
{
    uint8_t *buffer = calloc(1, PAGE_SIZE);
    struct torpor_domctl_copy_pages *c;

    (void)state;
    begin_copy(NULL, 0, 1);
    assert_int_equal(call(), -EFAULT);
    c = begin_copy(NULL, 0, 1);
    c->write = 1;
    assert_int_equal(call(), -EFAULT);
    fake_assert_refs(guest, 4, 1);
    assert_int_equal(fake_writers(guest, 0), 0);
    c = begin_copy(buffer, 0, 1);
    c->write = 2;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->reserved = 1;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->done = TORPOR_COPY_PAGES + 1;
    assert_int_equal(call(), -EINVAL);
    c = begin_copy(buffer, 0, 1);
    c->taken = 1;
    assert_int_equal(call(), -EINVAL);
    begin_copy(buffer, UINT64_MAX - 511, 1);
    assert_int_equal(call(), -EINVAL);
    begin_copy(buffer, 0, 1);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);   /* one's own */
    free(buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_cache_flush_goes_on_where_it_was),
        TEST(sizes_are_in_the_abis_units),
        TEST(tracking_goes_by_x86s_names),
        TEST(a_collection_keeps_its_place_in_the_call),
        TEST(a_collection_that_another_cleaned_in_the_middle_of_is_none),
        TEST(a_collection_is_checked),
        TEST(pages_are_copied_out_one_behind_the_other_and_holes_are_told),
        TEST(pages_are_copied_in_and_are_dirty),
        TEST(a_copy_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
