// SPDX-License-Identifier: Apache-2.0
/* What the tests of readers and printers do to texts. Include it behind cmocka.h. */
#pragma once

#include <stdio.h>
#include <string.h>

#define TEXT_MOST 4096    /* bytes by which text_changed() may be longer than what it changes */

static inline unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

/* The first place of a string in `sample` is replaced; room: for sample and TEXT_MOST. */
static inline char *text_changed(char *room, const char *sample, const char *from, const char *to)
{
    const char *at = strstr(sample, from);

    assert_non_null(at);
    assert_true(strlen(to) < TEXT_MOST);
    sprintf(room, "%.*s%s%s", (int)(at - sample), sample, to, at + strlen(from));
    return room;
}
