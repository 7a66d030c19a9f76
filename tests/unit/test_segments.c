// SPDX-License-Identifier: Apache-2.0
/* sources: tools/segments.c tools/image.c tools/helper/stream.c tools/helper/pack.c */
/* sources: tools/helper/transfer.c */
/*
 * The file of a guest's checkpoints, against a guest that is an array: composed, it is the guest as it was at the last
 * whole checkpoint, whatever the file ends with.
 */
#include "tools/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/image.h"
#include "tools/torpor.h"

int failure(const char *format, ...)
{
    (void)format;
    return EXIT_FAILURE;
}

enum { CHUNKS = 3, PAGES = CHUNKS * (int)CHUNK_PAGES, FIRST_GFN = 0x40000 };

/* A page is not there (0), zero (1), or filled with its number. */
struct guest {
    uint32_t page[PAGES];
    uint32_t state;
};

static const struct commit_token token = { .boot = "boot", .uuid = { 1, 2, 3 }, .domid = 5 };

static int put(void *context, void *buffer, size_t size)
{
    return write(*(int *)context, buffer, size) == (ssize_t)size ? 0 : -EIO;
}

static void write_chunk(struct stream *s, const struct guest *g, unsigned chunk, const bool *dirty,
                        struct end_record *end)
{
    static uint32_t pages[CHUNK_PAGES][STREAM_PAGE_SIZE / 4];
    struct chunk_record c = { .gfn = FIRST_GFN + chunk * CHUNK_PAGES };
    unsigned n = 0;

    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        uint32_t value = g->page[chunk * CHUNK_PAGES + i];

        if (dirty && !dirty[chunk * CHUNK_PAGES + i])
            continue;
        chunk_set(c.known, i);
        if (value)
            chunk_set(c.ram, i);
        if (value > 1) {
            chunk_set(c.data, i);
            for (unsigned word = 0; word < STREAM_PAGE_SIZE / 4; word++)
                pages[n][word] = value;
            n++;
        }
    }
    if (!chunk_count(c.known))
        return;
    end->chunks++;
    end->pages += n;
    assert_int_equal(writer_record(s, RECORD_CHUNK, (struct piece[]){ { &c, sizeof(c) }, { pages, n * 4096 } }, 2), 0);
}

/* dirty NULL: all of it. twice: a round of pre-copy with other content comes first. */
static void write_segment(int fd, const struct guest *g, const bool *dirty, bool twice, uint32_t period)
{
    static const uint8_t begin[24] = "LibxlFmt\0\0\0\2\0\0\0\0\1\0\0\0\0\0\0", end_of_libxl[8];
    struct domain_record domain = { .vcpus = 2, .flags = dirty ? DOMAIN_CHANGES : 0, .pages = PAGES };
    struct param_record param = { 1, 0x39001 };
    uint64_t state[2] = { 8, g->state };
    struct track_record track = { 5, period };
    struct end_record end = { 0 };
    struct guest other;
    struct stream s;

    memset(&other, 0x77, sizeof(other));
    assert_int_equal(image_write_checkpoint_head(fd, "test", "{}"), 0);
    assert_int_equal(write(fd, begin, sizeof(begin)), sizeof(begin));
    stream_begin(&s, put, &fd);
    assert_int_equal(writer_header(&s, false), 0);
    assert_int_equal(writer_record(&s, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1), 0);
    for (unsigned i = 0; i < CHUNKS && twice; i++)
        write_chunk(&s, &other, i, dirty, &end);
    for (unsigned i = 0; i < CHUNKS; i++)
        write_chunk(&s, g, i, dirty, &end);
    assert_int_equal(writer_record(&s, RECORD_PARAMS, &(struct piece){ &param, sizeof(param) }, 1), 0);
    assert_int_equal(writer_record(&s, RECORD_STATE, &(struct piece){ state, sizeof(state) }, 1), 0);
    assert_int_equal(writer_record(&s, RECORD_TRACK, &(struct piece){ &track, sizeof(track) }, 1), 0);
    assert_int_equal(writer_record(&s, RECORD_END, &(struct piece){ &end, sizeof(end) }, 1), 0);
    stream_end(&s);
    assert_int_equal(write(fd, end_of_libxl, sizeof(end_of_libxl)), sizeof(end_of_libxl));
}

static int new_file(void)
{
    char name[] = "/tmp/test_segments.XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

static void checkpoint(int fd, const struct guest *g, const bool *dirty, bool twice, struct commit *commit,
                       uint32_t period)
{
    uint64_t begin = (uint64_t)lseek(fd, 0, SEEK_END);
    struct commit before = *commit;

    write_segment(fd, g, dirty, twice, period);
    assert_int_equal(commit_write(fd, begin, begin ? &before : NULL, &token, commit), 0);
    assert_int_equal(commit->token.period, period);
}

static int take(void *context, void *buffer, size_t size)
{
    return read(*(int *)context, buffer, size) == (ssize_t)size ? 0 : -ENODATA;
}

/* The guest that a reader makes of a plain stream that begins behind a head and libxl's beginning. */
static void read_guest(int fd, struct guest *g)
{
    struct record record = { .type = RECORD_DOMAIN };
    struct domain_record domain;
    uint64_t head;
    struct stream s;

    memset(g, 0, sizeof(*g));
    assert_int_equal(image_check_checkpoint_head(fd, 0, &head), 0);
    assert_int_equal(lseek(fd, (off_t)head + 24, SEEK_SET), head + 24);
    stream_begin(&s, take, &fd);
    assert_int_equal(reader_header(&s), 0);
    while (record.type != RECORD_END) {
        struct chunk_record c;
        const uint8_t *data;
        size_t size;

        assert_int_equal(reader_next(&s, &record), 0);
        if (record.type == RECORD_DOMAIN) {
            assert_int_equal(record_domain(&s, &record, &domain), 0);
            assert_int_equal(domain.flags, 0);
        }
        if (record.type == RECORD_STATE) {
            assert_int_equal(record_state(&s, &record, &data, &size), 0);
            memcpy(&g->state, data, sizeof(g->state));
        }
        if (record.type != RECORD_CHUNK)
            continue;
        assert_int_equal(record_chunk(&s, &record, &c, &data), 0);
        for (unsigned i = 0; i < CHUNK_PAGES; i++) {
            uint32_t *page = &g->page[c.gfn - FIRST_GFN + i];

            assert_int_equal(*page, 0);   /* each is there once */
            *page = chunk_bit(c.ram, i);
            if (chunk_bit(c.data, i)) {
                memcpy(page, data, sizeof(*page));
                assert_memory_equal(data, data + 4, STREAM_PAGE_SIZE - 4);
                data += STREAM_PAGE_SIZE;
            }
        }
    }
    stream_end(&s);
}

static void assert_composes(struct segments *s, const struct guest *want)
{
    int fd = new_file();
    struct guest got;

    assert_int_equal(segments_compose(s, false, put, &fd), 0);
    read_guest(fd, &got);
    assert_memory_equal(&got, want, sizeof(got));
    close(fd);
}

static uint32_t random_state = 1;

static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void change(struct guest *g, bool *dirty, unsigned writes)
{
    memset(dirty, 0, PAGES);
    for (unsigned i = 0; i < writes; i++) {
        unsigned page = draw(4) ? draw(40) : draw(PAGES);

        dirty[page] = true;
        g->page[page] = draw(4) ? 2 + draw(1000000) : draw(2);
    }
    g->state++;
}

static void the_last_checkpoint_is_what_is_composed(void **state)
{
    (void)state;
    for (unsigned file = 0; file < 20; file++) {
        static struct guest g;
        static bool dirty[PAGES];
        struct commit commit = { 0 }, last;
        struct segments s;
        int fd = new_file();

        change(&g, dirty, 200);
        checkpoint(fd, &g, NULL, file % 2, &commit, 1);
        for (unsigned i = 1; i < 8; i++) {
            change(&g, dirty, draw(60));
            checkpoint(fd, &g, dirty, draw(2), &commit, 1 + i);
            assert_int_equal(commit_read_last(fd, &last), 0);
            assert_memory_equal(&commit, &last, sizeof(last));
            assert_int_equal(segments_read(&s, fd), 0);
            assert_int_equal(s.count, 1 + i);
            assert_int_equal(s.whole, s.size);
            assert_composes(&s, &g);
            segments_free(&s);
        }
        close(fd);
    }
}

/* A rewritten file is the base of others. */
static void what_is_composed_to_be_kept_can_be_gone_on_with(void **state)
{
    static struct guest g;
    static bool dirty[PAGES];
    struct commit commit = { 0 }, again;
    struct segments s;
    int fd = new_file(), other = new_file();

    (void)state;
    change(&g, dirty, 100);
    checkpoint(fd, &g, NULL, false, &commit, 7);
    change(&g, dirty, 30);
    checkpoint(fd, &g, dirty, false, &commit, 9);
    assert_int_equal(segments_read(&s, fd), 0);
    assert_int_equal(segments_compose(&s, true, put, &other), 0);
    segments_free(&s);
    assert_int_equal(commit_write(other, 0, NULL, &token, &again), 0);
    assert_int_equal(again.token.period, 9);
    change(&g, dirty, 30);
    checkpoint(other, &g, dirty, false, &again, 12);
    assert_int_equal(segments_read(&s, other), 0);
    assert_int_equal(s.count, 2);
    assert_composes(&s, &g);
    segments_free(&s);
    close(fd);
    close(other);
}

/* Three checkpoints of few pages, and the guest at each. */
static struct guest at[3];
static uint64_t ends[3], sample_size;
static uint8_t *sample;

static int make_sample(void **state)
{
    static struct guest g;
    static bool dirty[PAGES];
    struct commit commit = { 0 };
    int fd = new_file();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        memset(dirty, 0, sizeof(dirty));
        g.page[3] = 1;
        g.page[i] = 100 + i, g.page[0] = 200 + i;
        dirty[0] = dirty[i] = true;
        g.state = 50 + i;
        checkpoint(fd, &g, i ? dirty : NULL, false, &commit, 10 + i);
        at[i] = g;
        ends[i] = commit.end + sizeof(commit);
    }
    sample_size = ends[2];
    sample = malloc(sample_size);
    assert_int_equal(pread(fd, sample, sample_size, 0), sample_size);
    close(fd);
    return 0;
}

static int free_sample(void **state)
{
    (void)state;
    free(sample);
    return 0;
}

static int file_of(const uint8_t *bytes, size_t size)
{
    int fd = new_file();

    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

static unsigned whole_before(uint64_t byte) { return (byte >= ends[0]) + (byte >= ends[1]) + (byte >= ends[2]); }

/* Also a file that goes on with something else behind that. */
static void cut_off_at_any_byte_it_is_the_last_whole_checkpoint(void **state)
{
    int fd = file_of(sample, sample_size);
    struct commit commit;
    struct segments s;

    (void)state;
    for (uint64_t size = sample_size + 1; size-- > 0;) {
        unsigned whole = whole_before(size);

        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(segments_read(&s, fd), 0);
        assert_int_equal(s.count, whole);
        assert_true(size == 0 || s.whole == size || s.error[0]);
        assert_null(strchr(s.error, '\n'));
        assert_int_equal(commit_read_last(fd, &commit), whole && s.whole == size ? 0 : -ENODATA);
        if (whole && size % 97 == 0)
            assert_composes(&s, &at[whole - 1]);
        segments_free(&s);
    }
    close(fd);
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    int fd = file_of(sample, sample_size);
    struct segments s;

    (void)state;
    for (uint64_t i = 0; i < sample_size; i++) {
        uint8_t flipped = sample[i] ^ (uint8_t)(1 << i % 8);
        unsigned whole = whole_before(i);

        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
        assert_int_equal(segments_read(&s, fd), 0);
        assert_int_equal(s.count, whole);
        assert_true(s.error[0]);
        if (whole && i % 101 == 0)
            assert_composes(&s, &at[whole - 1]);
        segments_free(&s);
        assert_int_equal(pwrite(fd, &sample[i], 1, (off_t)i), 1);
    }
    close(fd);
}

/* A segment written anew where a checkpoint broke off counts only with all that is before it. */
static void segments_of_other_places_and_files_do_not_count(void **state)
{
    uint64_t second = ends[1] - ends[0], third = ends[2] - ends[1];
    struct commit commit = { 0 };
    struct segments s;
    static struct guest g;
    int fd;

    (void)state;
    /* the second twice */
    fd = file_of(sample, ends[1]);
    assert_int_equal(write(fd, sample + ends[0], second), second);
    assert_int_equal(segments_read(&s, fd), 0);
    assert_int_equal(s.count, 2);
    segments_free(&s);
    close(fd);
    /* the second left out */
    fd = file_of(sample, ends[0]);
    assert_int_equal(write(fd, sample + ends[1], third), third);
    assert_int_equal(segments_read(&s, fd), 0);
    assert_int_equal(s.count, 1);
    segments_free(&s);
    close(fd);
    /* another file's first */
    fd = new_file();
    checkpoint(fd, &g, NULL, false, &commit, 3);
    if (commit.end + sizeof(commit) != ends[0])
        assert_int_equal(ftruncate(fd, (off_t)ends[0]), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), ends[0]);
    assert_int_equal(write(fd, sample + ends[0], second), second);
    assert_int_equal(segments_read(&s, fd), 0);
    assert_true(s.count <= 1);
    segments_free(&s);
    close(fd);
    /* changes without anything that they are of */
    fd = file_of(sample + ends[0], second);
    assert_int_equal(segments_read(&s, fd), 0);
    assert_int_equal(s.count, 0);
    assert_true(s.error[0]);
    segments_free(&s);
    close(fd);
}

static void what_cannot_be_written_is_an_error(void **state)
{
    int fd = file_of(sample, sample_size), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct segments s;

    (void)state;
    assert_int_equal(segments_read(&s, fd), 0);
    assert_int_not_equal(segments_compose(&s, false, put, &full), 0);
    assert_true(s.error[0]);
    segments_free(&s);
    close(full);
    close(fd);
}

static void a_segment_that_is_not_whole_gets_no_commit(void **state)
{
    struct commit commit;
    int fd;

    (void)state;
    for (uint64_t size = ends[0] - sizeof(commit) - 1; size > ends[0] - sizeof(commit) - 90; size--) {
        fd = file_of(sample, size);
        assert_int_not_equal(commit_write(fd, 0, NULL, &token, &commit), 0);
        assert_int_equal(lseek(fd, 0, SEEK_END), size);
        close(fd);
    }
}

static int be_quiet(void **state)
{
    return freopen("/dev/null", "w", stderr) ? make_sample(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_checkpoint_is_what_is_composed),
        cmocka_unit_test(what_is_composed_to_be_kept_can_be_gone_on_with),
        cmocka_unit_test(cut_off_at_any_byte_it_is_the_last_whole_checkpoint),
        cmocka_unit_test(a_flipped_bit_anywhere_is_found),
        cmocka_unit_test(segments_of_other_places_and_files_do_not_count),
        cmocka_unit_test(what_cannot_be_written_is_an_error),
        cmocka_unit_test(a_segment_that_is_not_whole_gets_no_commit),
    };

    return cmocka_run_group_tests_name("segments", tests, be_quiet, free_sample);
}
