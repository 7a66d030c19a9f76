// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/core/line.c */
/* Lines that are typed at Dormouse's console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/line.h"

static char echoed[64];

/* Types all of `text`; whether its last character, and none before it, completed the line. */
static bool types(struct line *line, const char *text)
{
    char echo[LINE_ECHO_MAX];
    bool complete = false;

    echoed[0] = '\0';
    for (; *text; text++) {
        assert_false(complete);
        complete = line_type(line, *text, echo);
        strcat(echoed, echo);
    }
    return complete;
}

static void a_line_ends_by_return_or_newline(void **state)
{
    char *text = malloc(16);
    struct line line = { .text = text, .size = 16 };

    (void)state;
    assert_true(types(&line, "time\r"));
    assert_string_equal(text, "time");
    assert_int_equal(line.length, 4);
    assert_string_equal(echoed, "time\r\n");
    line.length = 0;
    assert_true(types(&line, "\n"));
    assert_string_equal(text, "");
    free(text);
}

static void backspace_and_delete_take_back_what_there_is(void **state)
{
    char *text = malloc(16);
    struct line line = { .text = text, .size = 16 };

    (void)state;
    assert_true(types(&line, "\b\177ab\177\bcd\b\n"));
    assert_string_equal(text, "c");
    assert_string_equal(echoed, "ab\b \b\b \bcd\b \b\r\n");
    free(text);
}

static void what_has_no_room_is_dropped_and_not_shown(void **state)
{
    char *text = malloc(4);
    struct line line = { .text = text, .size = 4 };

    (void)state;
    assert_true(types(&line, "abcdef\n"));
    assert_string_equal(text, "abc");
    assert_string_equal(echoed, "abc\r\n");
    line = (struct line){ .text = text, .size = 1 };
    assert_true(types(&line, "x\n"));
    assert_string_equal(text, "");
    free(text);
}

static void control_characters_are_ignored(void **state)
{
    char text[16];
    struct line line = { .text = text, .size = sizeof(text) };

    (void)state;
    assert_true(types(&line, "\033a\tb\303\n"));
    assert_string_equal(text, "ab\303");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_ends_by_return_or_newline),
        cmocka_unit_test(backspace_and_delete_take_back_what_there_is),
        cmocka_unit_test(what_has_no_room_is_dropped_and_not_shown),
        cmocka_unit_test(control_characters_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
