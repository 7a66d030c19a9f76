// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/sync.c */
/* The sender's helper asks how far its receiver is: what it takes for an answer. */
#include "tools/helper/sync.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/helper/helper.h"

static const char *answer;       /* not read yet; behind it the connection ends */
static unsigned asked, flushed;
static struct helper h;

int writer_record(struct stream *s, enum record_type type, const struct piece *pieces, size_t count)
{
    (void)s;
    assert_int_equal(type, RECORD_SYNC);
    assert_int_equal(count, 1);
    assert_int_equal(((const struct sync_record *)pieces->data)->number, h.round);
    asked++;
    return 0;
}

int writer_flush(struct stream *s)
{
    (void)s;
    flushed++;
    return 0;
}

int helper_read(int fd, void *buffer, size_t size)
{
    assert_int_equal(fd, h.back);
    assert_int_equal(size, 1);
    if (!*answer)
        return -ENODATA;
    *(char *)buffer = *answer++;
    return 0;
}

int helper_fail(struct helper *of, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(of->error, sizeof(of->error), format, arguments);
    va_end(arguments);
    return error;
}

int helper_stream_fail(struct helper *of, int error) { return helper_fail(of, error, "stream"); }

static int begin(void **state)
{
    (void)state;
    h = (struct helper){ .back = 5, .round = 3, .stream = { .may_sync = true } };
    asked = flushed = 0;
    return 0;
}

static void the_receiver_says_that_it_is_there_and_nothing_behind_that_is_taken(void **state)
{
    (void)state;
    answer = SYNC_HERE SYNC_HERE "more";
    assert_int_equal(sync_with_receiver(&h), 0);
    assert_string_equal(answer, SYNC_HERE "more");
    assert_int_equal(sync_with_receiver(&h), 0);
    assert_string_equal(answer, "more");
    assert_int_equal(asked, 2);
    assert_int_equal(flushed, 2);
}

static void nobody_waits_for_the_last_answer(void **state)
{
    (void)state;
    answer = SYNC_HERE;
    assert_int_equal(sync_unheard(&h), 0);
    assert_string_equal(answer, SYNC_HERE);
    assert_int_equal(asked, 1);
    assert_int_equal(flushed, 0);   /* it goes with what comes behind it */
}

static void any_other_word_is_its_end(void **state)
{
    static const char *const words[] = {
        "torpor migration receiver 2: failed!\n", "\n", "torpor migration receiver 2: here, and much more\n" };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        answer = words[i];
        assert_int_equal(sync_with_receiver(&h), -ECANCELED);
        assert_string_equal(h.error, "the receiver does not go on");
    }
}

static void a_connection_that_ends_is_told(void **state)
{
    (void)state;
    answer = "torpor mig";
    assert_int_equal(sync_with_receiver(&h), -ENODATA);
    assert_string_equal(h.error, "the receiver does not answer: the connection has ended");
}

static void an_image_is_not_asked(void **state)
{
    (void)state;
    h.stream.may_sync = false;
    assert_int_equal(sync_with_receiver(&h), 0);
    assert_int_equal(sync_unheard(&h), 0);
    assert_int_equal(asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_receiver_says_that_it_is_there_and_nothing_behind_that_is_taken, begin),
        cmocka_unit_test_setup(nobody_waits_for_the_last_answer, begin),
        cmocka_unit_test_setup(any_other_word_is_its_end, begin),
        cmocka_unit_test_setup(a_connection_that_ends_is_told, begin),
        cmocka_unit_test_setup(an_image_is_not_asked, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
