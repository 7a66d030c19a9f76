// SPDX-License-Identifier: Apache-2.0
/* What the tests of pictures ask of them. Include it behind cmocka.h. */
#pragma once

#include <string.h>

/* Well-formed as far as this writes XML: tags and attributes without < or &, text without markup but for entities. */
static void assert_markup(const char *svg)
{
    unsigned depth = 0;

    for (const char *at = strchr(svg, '<'); at; at = strchr(at, '<')) {
        const char *end = at + strcspn(at + 1, "<>&") + 1;
        const char *text = end + 1;

        assert_int_equal(*end, '>');
        if (at[1] == '/')
            assert_true(depth-- > 0);
        else if (end[-1] != '/')
            depth++;
        for (at = text; *at && *at != '<'; at++) {
            assert_int_not_equal(*at, '>');
            if (*at == '&')
                assert_true(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) ||
                            !strncmp(at, "&quot;", 6) || !strncmp(at, "&#39;", 5));
        }
    }
    assert_int_equal(depth, 0);
}
