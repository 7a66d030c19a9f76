// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/core/space.c dormouse/core/memory.c */
/*
 * Dormouse's address spaces on a machine that is as strict as Xen: a table below a pinned root is read-only and changed
 * by request, a page is a table or may be written, and a root that a CPU has loaded is not unpinned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/space.h"
#include "dormouse/core/thread.h"
#include "lib/errno.h"
#include "machine/memory.h"

enum { PAGES = 700, STEPS = 30000, SPACES = 5, PLACES = 40, PRESENT = 1, WRITABLE = 2, EXECUTABLE = 4 };

static char memory[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static bool is_protected[PAGES], is_pinned[PAGES];
static const void *loaded_root;
static unsigned loaded_number, holds, calls, pins, pins_to_fail_from;

/* --- the machine --- */

static unsigned page_of(const void *p) { return (unsigned)(((const char *)p - memory) / (ptrdiff_t)PAGE_SIZE); }

uint64_t entry_of_table(const void *table)
{
    assert_true(holds > 0);
    return (uintptr_t)table | PRESENT;
}
uint64_t entry_of_page(const void *page, unsigned rights)
{
    assert_true(holds > 0);
    return (uintptr_t)page | PRESENT | (rights & SPACE_WRITE ? WRITABLE : 0) |
           (rights & SPACE_EXECUTE ? EXECUTABLE : 0);
}
void *entry_pointer(uint64_t entry) { return entry & PRESENT ? (void *)(entry & PAGE_MASK) : NULL; }
int entry_set(uint64_t *entry, uint64_t value, bool pinned)
{
    assert_int_equal(pinned, is_protected[page_of(entry)]);
    *entry = value;
    return 0;
}
void root_init(uint64_t *root) { (void)root; }
void table_protect(void *table)
{
    assert_false(is_protected[page_of(table)]);
    is_protected[page_of(table)] = true;
}
void table_release(void *table)
{
    assert_true(is_protected[page_of(table)] && !is_pinned[page_of(table)]);
    is_protected[page_of(table)] = false;
}
int root_pin(const void *root)
{
    assert_true(is_protected[page_of(root)] && !is_pinned[page_of(root)]);
    if (++pins >= pins_to_fail_from)
        return -EIO;
    is_pinned[page_of(root)] = true;
    return 0;
}
int root_unpin(const void *root)
{
    assert_true(is_pinned[page_of(root)] && root != loaded_root);
    is_pinned[page_of(root)] = false;
    return 0;
}
void root_load(const void *root, unsigned number)
{
    assert_true(!root || is_pinned[page_of(root)]);
    loaded_root = root;
    loaded_number = number;
}
void root_forget(uint64_t va, unsigned number) { (void)va, (void)number; }
void root_forget_all(unsigned number) { assert_true(number != loaded_number); }
void code_written(void *page) { (void)page; }
unsigned smp_call(uint64_t mask, void (*fn)(void *), void *arg, bool wait)
{
    assert_int_equal(mask, 1);
    assert_true(wait && !holds);        /* a holder would keep a suspend from stopping the CPUs */
    calls++;
    fn(arg);
    return 1;
}
void thread_hold(void) { holds++; }
void thread_release(void) { holds--; }
void mutex_lock(struct mutex *m) { assert_null(m->owner); m->owner = (struct thread *)memory; }
void mutex_unlock(struct mutex *m) { m->owner = NULL; }

static int begin(void **state)
{
    (void)state;
    memset(is_protected, 0, sizeof(is_protected));
    loaded_root = NULL;
    pins = 0;
    pins_to_fail_from = ~0u;
    memory_init(memory, memory + sizeof(memory));
    return 0;
}

static uint64_t place(unsigned i) { return SPACE_BASE + (uint64_t)i * 0x1a3000 % SPACE_SIZE; }

static void pages_that_are_mapped_are_found_and_nothing_else(void **state)
{
    struct space *spaces[SPACES] = { 0 };
    char *have[SPACES][PLACES] = { { 0 } };
    uint64_t all = pages_free_count();

    (void)state;
    srand(2);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned n = (unsigned)rand() % SPACES, i = (unsigned)rand() % PLACES;
        struct space *s = spaces[n];

        if (!s) {
            spaces[n] = space_new();
        } else if (rand() % 200 == 0) {
            space_free(s);              /* with its mappings */
            spaces[n] = NULL;
            memset(have[n], 0, sizeof(have[n]));
        } else if (rand() % 20 == 0) {
            assert_int_equal(space_pin(s), 0);
            space_load(s);
        } else if (have[n][i]) {
            assert_ptr_equal(space_unmap(s, place(i)), have[n][i]);
            assert_null(space_unmap(s, place(i)));
            pages_free(have[n][i], 1);
            have[n][i] = NULL;
        } else {
            have[n][i] = pages_alloc(1);
            assert_int_equal(space_map(s, place(i), have[n][i], SPACE_WRITE), 0);
            assert_int_equal(space_map(s, place(i), have[n][i], SPACE_WRITE), -EEXIST);
        }
        assert_int_equal(holds, 0);
    }
    for (unsigned n = 0; n < SPACES; n++)
        if (spaces[n])
            space_free(spaces[n]);
    assert_int_equal(pages_free_count(), all);
    for (unsigned i = 0; i < PAGES; i++)
        assert_false(is_protected[i] || is_pinned[i]);
}

static void what_is_not_in_the_space_or_both_written_and_executed_is_refused(void **state)
{
    struct space *s = space_new();
    void *page = pages_alloc(1);

    (void)state;
    assert_int_equal(space_map(s, SPACE_BASE - PAGE_SIZE, page, 0), -EINVAL);
    assert_int_equal(space_map(s, SPACE_BASE + SPACE_SIZE, page, 0), -EINVAL);
    assert_int_equal(space_map(s, ~UINT64_C(0) & PAGE_MASK, page, 0), -EINVAL);
    assert_int_equal(space_map(s, SPACE_BASE + 8, page, 0), -EINVAL);
    assert_int_equal(space_map(s, SPACE_BASE, page, SPACE_WRITE | SPACE_EXECUTE), -EINVAL);
    assert_null(space_unmap(s, 0));
    assert_null(space_unmap(s, SPACE_BASE + SPACE_SIZE));
    pages_free(page, 1);
    space_free(s);
}

static void without_memory_a_space_stays_as_it_was(void **state)
{
    struct space *s = space_new();
    void *page = pages_alloc(1), *rest[PAGES];
    unsigned n = 0;

    (void)state;
    assert_int_equal(space_pin(s), 0);
    while ((rest[n] = pages_alloc(1)))
        n++;
    assert_null(space_new());
    for (unsigned free = 0; free < SPACE_LEVELS - 1; free++) {
        assert_int_equal(space_map(s, SPACE_BASE, page, 0), -ENOMEM);
        pages_free(rest[--n], 1);
    }
    assert_int_equal(space_map(s, SPACE_BASE, page, 0), 0);
    while (n)
        pages_free(rest[--n], 1);
    space_free(s);
}

static void a_cpu_that_has_a_space_loaded_lets_go_before_it_is_unpinned(void **state)
{
    struct space *s = space_new(), *other = space_new();

    (void)state;
    assert_int_equal(space_pin(s), 0);
    assert_int_equal(space_pin(other), 0);
    space_load(s);
    calls = 0;
    space_free(other);
    assert_int_equal(calls, 0);
    space_free(s);                  /* root_unpin() looks whether it is loaded */
    assert_int_equal(calls, 1);
    assert_null(loaded_root);
}

static void for_a_suspend_all_roots_are_pinned_and_afterwards_those_that_were(void **state)
{
    struct space *used = space_new(), *unused = space_new();
    struct sleep sleep = { 0 };

    (void)state;
    assert_int_equal(space_map(unused, SPACE_BASE, pages_alloc(1), 0), 0);
    assert_int_equal(space_pin(used), 0);
    space_load(used);
    pins = 0;
    assert_int_equal(spaces_stage.enter(&sleep), 0);
    assert_int_equal(pins, 1);
    assert_null(loaded_root);
    spaces_stage.leave(&sleep);

    pins = 0;
    pins_to_fail_from = 1;          /* it is undone, and once more it works */
    assert_int_equal(spaces_stage.enter(&sleep), -EIO);
    pins_to_fail_from = ~0u;
    assert_int_equal(space_map(unused, SPACE_BASE + PAGE_SIZE, pages_alloc(1), 0), 0);
    assert_int_equal(spaces_stage.enter(&sleep), 0);
    spaces_stage.leave(&sleep);
    space_free(used);
    space_free(unused);
    for (unsigned i = 0; i < PAGES; i++)
        assert_false(is_protected[i] || is_pinned[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pages_that_are_mapped_are_found_and_nothing_else, begin),
        cmocka_unit_test_setup(what_is_not_in_the_space_or_both_written_and_executed_is_refused, begin),
        cmocka_unit_test_setup(without_memory_a_space_stays_as_it_was, begin),
        cmocka_unit_test_setup(a_cpu_that_has_a_space_loaded_lets_go_before_it_is_unpinned, begin),
        cmocka_unit_test_setup(for_a_suspend_all_roots_are_pinned_and_afterwards_those_that_were, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
