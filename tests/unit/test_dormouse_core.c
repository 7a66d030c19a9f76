// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/core/memory.c dormouse/core/arguments.c */
/* Dormouse's pages, against a plain count of what is whose, and its command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/arguments.h"
#include "dormouse/core/memory.h"
#include "machine/start.h"

enum { PAGES = 300, STEPS = 20000 };

static char memory[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static const char *line;

const char *start_arguments(void) { return line; }

static int begin(void **state)
{
    (void)state;
    memset(memory, 0xff, sizeof(memory));
    memory_init(memory, memory + sizeof(memory));
    return 0;
}

static void no_page_is_given_twice_and_all_come_back(void **state)
{
    struct { char *pages; unsigned n; } have[64] = { 0 };
    uint64_t all = pages_free_count(), given = 0;

    (void)state;
    assert_true(all < PAGES && all > PAGES - 4);
    srand(1);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rand() % ARRAY_SIZE(have), n = 1 + (unsigned)rand() % 9;

        if (have[i].pages) {
            for (unsigned at = 0; at < have[i].n * PAGE_SIZE; at += PAGE_SIZE / 2)
                assert_int_equal(have[i].pages[at], (char)(i + 1));
            pages_free(have[i].pages, have[i].n);
            given -= have[i].n;
            have[i].pages = NULL;
        } else if ((have[i].pages = pages_alloc(n))) {
            assert_true(have[i].pages >= memory && have[i].pages + n * PAGE_SIZE <= memory + sizeof(memory));
            for (unsigned at = 0; at < n * PAGE_SIZE; at += 64)
                assert_int_equal(have[i].pages[at], 0);
            memset(have[i].pages, (int)i + 1, n * PAGE_SIZE);
            have[i].n = n;
            given += n;
        }
        assert_int_equal(pages_free_count(), all - given);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(have); i++)
        if (have[i].pages)
            pages_free(have[i].pages, have[i].n);
    assert_int_equal(pages_free_count(), all);
    assert_non_null(pages_alloc((unsigned)all));
    assert_null(pages_alloc(1));
}

static void a_page_that_is_free_is_not_freed(void **state)
{
    char *page = pages_alloc(1);

    (void)state;
    pages_free(page, 1);
    expect_assert_failure(pages_free(page, 1));
}

static void a_number_is_found_where_its_name_is_a_word(void **state)
{
    (void)state;
    line = "xmaxcpus=9 maxcpus maxcpus=3 hex=0x10";
    assert_int_equal(argument_number("maxcpus", 8), 3);
    assert_int_equal(argument_number("hex", 8), 16);
    assert_int_equal(argument_number("cpus", 8), 8);
    line = "";
    assert_int_equal(argument_number("maxcpus", 8), 8);
}

static void while_the_guest_sleeps_there_is_no_memory(void **state)
{
    uint64_t before = pages_free_count();
    void *page = pages_alloc(1);

    (void)state;
    assert_int_equal(memory_stage.enter(NULL), 0);
    assert_null(pages_alloc(1));
    pages_free(page, 1);
    memory_stage.leave(NULL);
    assert_int_equal(pages_free_count(), before);
    assert_non_null(pages_alloc(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_page_is_given_twice_and_all_come_back, begin),
        cmocka_unit_test_setup(while_the_guest_sleeps_there_is_no_memory, begin),
        cmocka_unit_test_setup(a_page_that_is_free_is_not_freed, begin),
        cmocka_unit_test(a_number_is_found_where_its_name_is_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
