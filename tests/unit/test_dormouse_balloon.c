// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/balloon.c dormouse/xen/value.c dormouse/core/memory.c */
/* Dormouse's balloon: what dom0 wants, what the machine lets it have, and that no page is lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/memory.h"
#include "dormouse/xen/balloon.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/value.h"
#include "dormouse/xen/xenbus.h"
#include "lib/errno.h"
#include "machine/frames.h"

enum { PAGES = 2000, KIB_PER_PAGE = 4 };

static char memory[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static bool is_away[PAGES];
static unsigned away, most_away = PAGES, most_here = PAGES;
static const char *target;
static void (*changed)(void *);

static unsigned page_of(const void *p) { return (unsigned)(((const char *)p - memory) / (ptrdiff_t)PAGE_SIZE); }
uint64_t frames_at_start(void) { return PAGES; }
int frame_give_back(void *page)
{
    assert_false(is_away[page_of(page)]);
    if (away == most_away)
        return -ENOMEM;
    is_away[page_of(page)] = true;
    away++;
    memset(page, 0xee, PAGE_SIZE);          /* a reader finds nothing */
    return 0;
}
int frame_get(void *page)
{
    assert_true(is_away[page_of(page)]);
    if (PAGES - away == most_here)
        return -ENOMEM;
    is_away[page_of(page)] = false;
    away--;
    return 0;
}
int xenbus_watch(const char *path, void (*fn)(void *), void *arg)
{
    (void)arg;
    assert_string_equal(path, "memory/target");
    changed = fn;
    return 0;
}
int xenbus_read_number(const char *folder, const char *name, uint64_t most, uint64_t *value)
{
    (void)folder, (void)name;
    if (!target)
        return -ENOENT;
    return value_number(target, most, value) ? 0 : -EINVAL;
}
void print(const char *fmt, ...) { (void)fmt; }

static void want(const char *kib)
{
    target = kib;
    changed(NULL);
}

static int begin(void **state)
{
    (void)state;
    memory_init(memory, memory + sizeof(memory));
    most_away = most_here = PAGES;
    balloon_init();
    return 0;
}

static void memory_goes_and_comes_back(void **state)
{
    uint64_t all = pages_free_count();

    (void)state;
    want("8000");
    assert_int_equal(away, 0);
    want("4000");                           /* 1000 pages: two that list them */
    assert_int_equal(away, 1000);
    assert_int_equal(pages_free_count(), all - 1002);
    want("6044");
    assert_int_equal(away, 489);
    want("8000");
    assert_int_equal(away, 0);
    assert_int_equal(pages_free_count(), all);
    want("4000000");                        /* there is no more than at the start */
    assert_int_equal(away, 0);
}

static void nonsense_changes_nothing(void **state)
{
    (void)state;
    want("6000");
    assert_int_equal(away, 500);
    want(NULL);
    want("");
    want("less");
    want("100 or so");
    want("-");
    assert_int_equal(away, 500);
    want("8000");
}

static void what_is_in_use_stays_and_something_is_left(void **state)
{
    char *used = pages_alloc(1500);
    uint64_t all = pages_free_count();

    (void)state;
    memset(used, 0x5a, 1500 * PAGE_SIZE);
    want("0");
    assert_true(away > 400 && pages_free_count() > 0);
    for (unsigned i = 0; i < 1500; i++)
        assert_int_equal(used[i * PAGE_SIZE], 0x5a);
    want("8000");
    assert_int_equal(away, 0);
    assert_int_equal(pages_free_count(), all);
    pages_free(used, 1500);
}

static void what_the_machine_refuses_is_asked_for_again_another_time(void **state)
{
    uint64_t all = pages_free_count();

    (void)state;
    most_away = 511;                        /* where a new page of the list would begin */
    want("4000");
    assert_int_equal(away, 511);
    assert_int_equal(pages_free_count(), all - 512);
    most_here = PAGES - 100;
    want("8000");
    assert_int_equal(away, 100);
    most_here = PAGES;
    want("8000");
    assert_int_equal(away, 0);
    assert_int_equal(pages_free_count(), all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_goes_and_comes_back, begin),
        cmocka_unit_test_setup(nonsense_changes_nothing, begin),
        cmocka_unit_test_setup(what_is_in_use_stays_and_something_is_left, begin),
        cmocka_unit_test_setup(what_the_machine_refuses_is_asked_for_again_another_time, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
