// SPDX-License-Identifier: Apache-2.0
/* sources: tools/keeper/relay.c tools/keeper/chunk.c tools/keeper/image.c tools/helper/pack.c */
/* The threads of the keeper: chunks on their way to a disk while the next is filled, and read ahead from one. */
#include "tools/keeper/relay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/keeper/chunk.h"

#define CHUNKS 23u
#define LAST   (3 * IMAGE_PAGE)   /* bytes of the last chunk */

/* --- To the disk */

struct sink {
    unsigned taken, fails_at;
    uint64_t total;
    size_t last;
};

static int take(void *context, const uint8_t *buffer, size_t size)
{
    struct sink *s = context;

    if (s->taken + 1 == s->fails_at)
        return -ENOSPC;
    for (size_t i = 0; i < size; i++)
        assert_int_equal(buffer[i], (uint8_t)(s->taken + 1));
    s->total += size;
    s->last = size;
    s->taken++;
    return 0;
}

static int give_all(struct sink *s, unsigned *given)
{
    struct relay *r = relay_new(IMAGE_CHUNK, take, s);
    int error = 0, ended;

    assert_non_null(r);
    for (*given = 0; !error && *given < CHUNKS; ++*given) {
        size_t size = *given + 1 < CHUNKS ? IMAGE_CHUNK : LAST;
        uint8_t *buffer = relay_buffer(r);

        assert_ptr_equal(buffer, relay_buffer(r));
        memset(buffer, (int)*given + 1, size);
        error = relay_give(r, size);
    }
    ended = relay_end(r);
    return error ? error : ended;
}

static void test_all_that_is_given_is_taken_in_order(void **state)
{
    struct sink s = { 0 };
    unsigned given;

    (void)state;
    assert_int_equal(give_all(&s, &given), 0);
    assert_int_equal(s.taken, CHUNKS);
    assert_int_equal(s.total, (CHUNKS - 1) * (uint64_t)IMAGE_CHUNK + LAST);
    assert_int_equal(s.last, LAST);
}

static void test_an_error_ends_the_work_and_is_told(void **state)
{
    for (unsigned at = 1; at <= CHUNKS; at++) {
        struct sink s = { .fails_at = at };
        unsigned given;

        (void)state;
        assert_int_equal(give_all(&s, &given), -ENOSPC);
        assert_int_equal(s.taken, at - 1);
        assert_in_range(given, at, CHUNKS);
    }
}

static void test_a_relay_without_work_ends(void **state)
{
    struct sink s = { 0 };
    struct relay *r = relay_new(IMAGE_CHUNK, take, &s);

    (void)state;
    assert_non_null(r);
    assert_int_equal(relay_end(r), 0);
    assert_int_equal(relay_end(NULL), 0);
    assert_int_equal(s.taken, 0);
}

/* --- From the disk: chunk n is full of n + 1 */

static struct image_writer writer;
static struct image image;
static FILE *disk;

static int make_disk(void **state)
{
    uint8_t *data = malloc(IMAGE_CHUNK);

    (void)state;
    disk = tmpfile();
    if (!data || !disk)
        return -1;
    for (unsigned n = 0; n < CHUNKS; n++) {
        size_t size = n + 1 < CHUNKS ? IMAGE_CHUNK : LAST;
        off_t at = (off_t)(IMAGE_DATA + writer.stored_size);

        memset(data, (int)n + 1, size);
        if (image_add_chunk(&writer, data, size) || pwrite(fileno(disk), data, size, at) != (ssize_t)size)
            return -1;
    }
    free(data);
    image = (struct image){ .chunks = writer.chunks, .chunk_count = CHUNKS };
    image.header.data_size = (CHUNKS - 1) * (uint64_t)IMAGE_CHUNK + LAST;
    return 0;
}

static int remove_disk(void **state)
{
    (void)state;
    image_writer_free(&writer);
    return fclose(disk);
}

static void expect_chunk(struct chunk_reader *r, size_t n)
{
    const uint8_t *data;

    assert_int_equal(chunk_read(r, n, &data), 0);
    for (size_t i = 0; i < image_chunk_size(&image, n); i++)
        assert_int_equal(data[i], (uint8_t)(n + 1));
}

static void test_chunks_come_in_any_order(void **state)
{
    struct chunk_reader *r = chunk_reader_new(fileno(disk), &image);

    (void)state;
    assert_non_null(r);
    for (size_t n = 0; n < CHUNKS; n++)
        expect_chunk(r, n);
    for (size_t n = CHUNKS; n-- > 0;)
        expect_chunk(r, n);
    for (size_t n = 0; n < 3 * CHUNKS; n++)
        expect_chunk(r, n * 7 % CHUNKS);
    chunk_reader_free(r);
}

static void test_a_reader_ends_with_reads_under_way(void **state)
{
    (void)state;
    for (size_t n = 0; n < CHUNKS; n++) {
        struct chunk_reader *r = chunk_reader_new(fileno(disk), &image);

        assert_non_null(r);
        if (n)
            expect_chunk(r, n);
        chunk_reader_free(r);
    }
}

static void test_a_damaged_chunk_is_told_and_the_others_are_not(void **state)
{
    struct chunk_reader *r = chunk_reader_new(fileno(disk), &image);
    off_t at = (off_t)(writer.chunks[5].at + 12345);
    const uint8_t *data;

    (void)state;
    assert_non_null(r);
    assert_int_equal(pwrite(fileno(disk), "x", 1, at), 1);
    for (size_t n = 0; n < 5; n++)
        expect_chunk(r, n);
    assert_int_equal(chunk_read(r, 5, &data), -EBADMSG);
    expect_chunk(r, 6);
    assert_int_equal(pwrite(fileno(disk), "\6", 1, at), 1);
    chunk_reader_free(r);
    assert_int_equal(ftruncate(fileno(disk), (off_t)writer.chunks[CHUNKS - 1].at), 0);
    r = chunk_reader_new(fileno(disk), &image);
    assert_non_null(r);
    expect_chunk(r, 5);
    assert_int_equal(chunk_read(r, CHUNKS - 1, &data), -EIO);
    chunk_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_given_is_taken_in_order),
        cmocka_unit_test(test_an_error_ends_the_work_and_is_told),
        cmocka_unit_test(test_a_relay_without_work_ends),
        cmocka_unit_test(test_chunks_come_in_any_order),
        cmocka_unit_test(test_a_reader_ends_with_reads_under_way),
        cmocka_unit_test(test_a_damaged_chunk_is_told_and_the_others_are_not),
    };

    return cmocka_run_group_tests(tests, make_disk, remove_disk);
}
