// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/memory.c tools/helper/stream.c tools/helper/pack.c */
/*
 * A guest's memory, restored chunk by chunk: what the guest finds afterwards, and that no instruction cache has an
 * older word of what was written. The hypervisor is one chunk of pages.
 */
#include "tools/helper/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xencall.h>
#include <xenctrl.h>

#include "hypervisor/abi/domctl_copy.h"

#define FIRST (GUEST_RAM0_BASE / STREAM_PAGE_SIZE)

/* A page is its first word: 0 when it is given to the guest, and the caches know only what was flushed since. */
static struct {
    uint64_t content, cached;
    bool there;
} pages[CHUNK_PAGES];

static struct xen_domctl op;
static uint8_t buffer[CHUNK_PAGES][STREAM_PAGE_SIZE], data[CHUNK_PAGES][STREAM_PAGE_SIZE];
static unsigned flushes, large;

xencall_handle *xencall_open(void *logger, unsigned open_flags)
{
    (void)logger, (void)open_flags;
    return (xencall_handle *)&op;
}

int xencall_close(xencall_handle *xcall) { (void)xcall; return 0; }
void *xencall_alloc_buffer(xencall_handle *xcall, size_t size) { (void)xcall, (void)size; return &op; }
void *xencall_alloc_buffer_pages(xencall_handle *xcall, size_t n) { (void)xcall, (void)n; return buffer; }
void xencall_free_buffer(xencall_handle *xcall, void *p) { (void)xcall, (void)p; }
void xencall_free_buffer_pages(xencall_handle *xcall, void *p, size_t n) { (void)xcall, (void)p, (void)n; }

int xc_domain_maximum_gpfn(xc_interface *xc, uint32_t domid, xen_pfn_t *gpfns)
{
    (void)xc, (void)domid;
    *gpfns = FIRST + CHUNK_PAGES - 1;
    return 0;
}

int xc_domain_populate_physmap(xc_interface *xc, uint32_t domid, unsigned long nr_extents, unsigned int extent_order,
                               unsigned int mem_flags, xen_pfn_t *extent_start)
{
    (void)xc, (void)domid, (void)mem_flags;
    large += extent_order != 0;
    for (unsigned long i = 0; i < nr_extents << extent_order; i++) {
        unsigned page = (unsigned)(extent_order ? i : extent_start[i] - FIRST);

        assert_false(pages[page].there);
        pages[page].there = true;
        pages[page].content = pages[page].cached = 0;
    }
    return (int)nr_extents;
}

int xc_domain_decrease_reservation_exact(xc_interface *xc, uint32_t domid, unsigned long nr_extents,
                                         unsigned int extent_order, xen_pfn_t *extent_start)
{
    (void)xc, (void)domid;
    assert_int_equal(extent_order, 0);
    for (unsigned long i = 0; i < nr_extents; i++) {
        assert_true(pages[extent_start[i] - FIRST].there);
        pages[extent_start[i] - FIRST].there = false;
    }
    return 0;
}

int xc_domain_cacheflush(xc_interface *xc, uint32_t domid, xen_pfn_t start_pfn, xen_pfn_t nr_pfns)
{
    (void)xc, (void)domid;
    assert_in_range(start_pfn, FIRST, FIRST + CHUNK_PAGES - 1);
    assert_in_range(nr_pfns, 1, FIRST + CHUNK_PAGES - start_pfn);
    for (xen_pfn_t i = start_pfn - FIRST; i < start_pfn - FIRST + nr_pfns; i++)
        pages[i].cached = pages[i].content;
    flushes++;
    return 0;
}

/* TORPOR_DOMCTL_COPY_PAGES, to the domain. */
int xencall1(xencall_handle *xcall, unsigned int number, uint64_t a1)
{
    struct torpor_domctl_copy_pages copy;
    unsigned taken = 0;

    (void)xcall, (void)number, (void)a1;
    memcpy(&copy, &op.u, sizeof(copy));
    assert_true(copy.write);
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        if (!chunk_bit(copy.pages, i))
            continue;
        assert_true(pages[i].there);
        memcpy(&pages[i].content, buffer[taken++], sizeof(pages[i].content));
    }
    return 0;
}

static struct guest_memory memory;

static int begin(void **state)
{
    (void)state;
    memset(pages, 0, sizeof(pages));
    flushes = large = 0;
    memory = (struct guest_memory){ 0 };
    return memory_open(&memory) || memory_restore_begin(&memory);
}

static int end(void **state)
{
    (void)state;
    memory_restore_end(&memory);
    memory_close(&memory);
    return 0;
}

static void set(uint64_t bits[CHUNK_WORDS], unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        chunk_set(bits, i);
}

/* All pages of data have the value; checks what the guest and its caches have of every page that the chunk knows. */
static void write_and_check(const struct chunk_record *chunk, uint64_t value)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < CHUNK_PAGES; i++)
        if (chunk_bit(chunk->data, i))
            *(uint64_t *)data[taken++] = value + i;
    assert_int_equal(memory_write(&memory, chunk, data[0]), 0);
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        if (!chunk_bit(chunk->known, i))
            continue;
        assert_int_equal(pages[i].there, chunk_bit(chunk->ram, i));
        assert_int_equal(memory_restored(&memory, FIRST + i), chunk_bit(chunk->ram, i));
        if (!pages[i].there)
            continue;
        assert_int_equal(pages[i].content, chunk_bit(chunk->data, i) ? value + i : 0);
        assert_int_equal(pages[i].cached, pages[i].content);
    }
}

static void a_whole_chunk_comes_at_once(void **state)
{
    struct chunk_record chunk = { .gfn = FIRST };

    (void)state;
    set(chunk.known, 0, CHUNK_PAGES);
    set(chunk.ram, 0, CHUNK_PAGES);
    set(chunk.data, 0, CHUNK_PAGES);
    write_and_check(&chunk, 1000);
    assert_int_equal(large, 1);
    assert_int_equal(flushes, 1);
}

static void zeroes_that_come_anew_need_no_flush(void **state)
{
    struct chunk_record chunk = { .gfn = FIRST };

    (void)state;
    set(chunk.known, 0, CHUNK_PAGES);
    set(chunk.ram, 0, 300);
    write_and_check(&chunk, 1000);
    assert_int_equal(flushes, 0);
}

static void what_changes_in_a_later_round_is_what_the_guest_has(void **state)
{
    struct chunk_record first = { .gfn = FIRST }, later = { .gfn = FIRST };

    (void)state;
    set(first.known, 0, CHUNK_PAGES);
    set(first.ram, 0, 400);
    set(first.data, 0, 400);
    write_and_check(&first, 1000);
    flushes = 0;
    /* new content; zeroes where there was content; a page that came; ones that went; and ones that nobody speaks of */
    set(later.known, 10, 14), set(later.ram, 10, 14), set(later.data, 10, 14);
    set(later.known, 100, 101), set(later.ram, 100, 101);
    set(later.known, 511, 512), set(later.ram, 511, 512), set(later.data, 511, 512);
    set(later.known, 200, 210);
    write_and_check(&later, 5000);
    assert_int_equal(flushes, 3);
    assert_int_equal(pages[14].content, 1014);
    assert_int_equal(pages[211].content, 1211);
}

static void any_pages_are_flushed(void **state)
{
    struct chunk_record all = { .gfn = FIRST };

    (void)state;
    set(all.known, 0, CHUNK_PAGES);
    set(all.ram, 0, CHUNK_PAGES);
    write_and_check(&all, 0);
    srandom(1);
    for (unsigned round = 0; round < 300; round++) {
        struct chunk_record some = { .gfn = FIRST };

        for (unsigned i = 0; i < CHUNK_PAGES; i++)
            if ((unsigned)random() % 100 <= round / 3)
                set(some.known, i, i + 1), set(some.ram, i, i + 1);
        for (unsigned i = 0; i < CHUNK_PAGES; i++)
            if (chunk_bit(some.known, i) && random() % 4)
                chunk_set(some.data, i);
        flushes = 0;
        write_and_check(&some, 100000 * (round + 1));
        assert_in_range(flushes, 0, CHUNK_PAGES / 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_chunk_comes_at_once, begin, end),
        cmocka_unit_test_setup_teardown(zeroes_that_come_anew_need_no_flush, begin, end),
        cmocka_unit_test_setup_teardown(what_changes_in_a_later_round_is_what_the_guest_has, begin, end),
        cmocka_unit_test_setup_teardown(any_pages_are_flushed, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
