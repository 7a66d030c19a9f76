// SPDX-License-Identifier: Apache-2.0
/* What the tests of readers and printers do to texts. Include it behind cmocka.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MOST 4096    /* bytes by which text_changed() may be longer than its sample */

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

/*
 * A copy of the sample's *length bytes with up to four of them changed into letters, and one time in four cut off, to
 * the new *length. It is malloc()ed to the byte, for ASan to see a byte read too much; NULL may stand for no bytes.
 */
static inline char *text_garbled(const char *sample, size_t *length, const char *letters, size_t letter_count)
{
    size_t whole = *length;
    char *changed = malloc(whole), *exact;

    assert_non_null(changed);
    memcpy(changed, sample, whole);
    for (int changes = rand() % 4; changes >= 0; changes--)
        changed[(size_t)rand() % whole] = letters[(size_t)rand() % letter_count];
    if (rand() % 4 == 0)
        *length = (size_t)rand() % whole;
    exact = malloc(*length);
    assert_true(exact || *length == 0);
    if (*length)
        memcpy(exact, changed, *length);
    free(changed);
    return exact;
}

static char *text_written;

/* A stream for a printer. text_close() gives its text, which stays until the next one. */
static inline FILE *text_open(void)
{
    static size_t size;
    FILE *out;

    free(text_written);
    out = open_memstream(&text_written, &size);
    assert_non_null(out);
    return out;
}

static inline const char *text_close(FILE *out)
{
    assert_int_equal(fclose(out), 0);
    return text_written;
}
