// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/stream.c tools/helper/pack.c */
/* The stream of a saved domain: written, it is read again, and every change to it is found. */
#define _GNU_SOURCE   /* RTLD_NEXT */
#include "tools/helper/stream.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "tools/helper/pack.h"
#include "tools/helper/sum.h"

#define HEADER_SIZE 40
#define TAIL_SIZE   16

/* A stream in memory. */
struct tape {
    uint8_t *bytes;
    size_t size, at;
};

static int tape_write(void *context, void *buffer, size_t size)
{
    struct tape *t = context;

    t->bytes = realloc(t->bytes, t->size + size);
    assert_non_null(t->bytes);
    memcpy(t->bytes + t->size, buffer, size);
    t->size += size;
    return 0;
}

static int tape_read(void *context, void *buffer, size_t size)
{
    struct tape *t = context;

    if (size > t->size - t->at)
        return -ENODATA;
    memcpy(buffer, t->bytes + t->at, size);
    t->at += size;
    return 0;
}

/* Where each record of the sample begins, and where the last one ends. */
static size_t starts[8];
static unsigned records;

static void write_record(struct stream *s, struct tape *t, enum record_type type, const struct piece *pieces,
                         size_t count)
{
    starts[records++] = t->size;
    assert_int_equal(writer_record(s, type, pieces, count), 0);
    assert_int_equal(writer_flush(s), 0);
    starts[records] = t->size;
}

static uint8_t page[STREAM_PAGE_SIZE];

/* Of a stream with chunks that are compressed. */
static bool packed;

static struct tape make_sample(void)
{
    struct tape t = { 0 };
    struct stream s;
    struct domain_record domain = { .vcpus = 2, .pages = 3 };
    struct chunk_record chunk = { .gfn = 0x40000 };
    struct param_record params[] = { { 0, 0x100 }, { 1, 0x39001 } };
    struct end_record end = { .chunks = 1, .pages = 1 };
    struct {
        uint64_t size;
        char state[16];
    } state = { 13, "hello, state" };

    for (unsigned i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i * 7);
    memset(chunk.known, 0xff, sizeof(chunk.known));
    chunk_set(chunk.ram, 0), chunk_set(chunk.ram, 1), chunk_set(chunk.ram, 511);
    chunk_set(chunk.data, 1);
    stream_begin(&s, tape_write, &t);
    if (packed)
        assert_int_equal(writer_compress(&s), 0);
    records = 0;
    assert_int_equal(writer_header(&s, false), 0);
    write_record(&s, &t, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1);
    starts[records++] = t.size;
    assert_int_equal(writer_chunk(&s, &chunk, page), 0);
    write_record(&s, &t, RECORD_PARAMS, &(struct piece){ params, sizeof(params) }, 1);
    write_record(&s, &t, RECORD_STATE, &(struct piece){ &state, sizeof(state) }, 1);
    write_record(&s, &t, RECORD_END, &(struct piece){ &end, sizeof(end) }, 1);
    stream_end(&s);
    return t;
}

static int look_into(struct stream *s, const struct record *record)
{
    struct param_record params[STREAM_MAX_PARAMS];
    struct domain_record domain;
    struct chunk_record chunk;
    struct track_record track;
    struct end_record end;
    const uint8_t *data;
    size_t size;

    switch (record->type) {
    case RECORD_DOMAIN: return record_domain(s, record, &domain);
    case RECORD_CHUNK:
    case RECORD_PACKED: return record_chunk(s, record, &chunk, &data);
    case RECORD_PARAMS: return record_params(s, record, params, &size);
    case RECORD_NEEDS:
    case RECORD_STATE: return record_state(s, record, &data, &size);
    case RECORD_SYNC:
        return 0;
    case RECORD_TRACK: return record_track(s, record, &track);
    case RECORD_END: return record_end(s, record, &end);
    }
    return -EINVAL;
}

/* Reads all of it. 0, or the first error, whose line is kept in why. */
static char why[STREAM_ERROR_SIZE];

static int read_tape(struct tape t)
{
    struct record record = { .type = RECORD_DOMAIN };
    struct stream s;
    int error;

    t.at = 0;
    stream_begin(&s, tape_read, &t);
    error = reader_header(&s);
    while (!error) {
        error = reader_next(&s, &record);
        if (!error)
            error = look_into(&s, &record);
        if (!error && record.type == RECORD_END)
            break;
    }
    memcpy(why, s.error, sizeof(why));
    stream_end(&s);
    if (error)
        assert_true(why[0]);
    return error;
}

static void checksum_is_that_of_its_specification(void **state)
{
    static const struct {
        const char *text;
        uint64_t sum;
    } known[] = {
        { "", UINT64_C(0xEF46DB3751D8E999) },
        { "a", UINT64_C(0xD24EC4F1A98C6E5B) },
        { "abc", UINT64_C(0x44BC2CF5AD770999) },
        { "Nobody inspects the spammish repetition", UINT64_C(0xFBCEA83C8A378BF1) },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(XXH64(known[i].text, strlen(known[i].text), 0), known[i].sum);
}

static void what_is_written_is_read_again(void **state)
{
    struct tape t = make_sample();
    struct record record;
    struct chunk_record chunk;
    const uint8_t *data;
    struct stream s;
    size_t size;

    (void)state;
    assert_int_equal(read_tape(t), 0);
    stream_begin(&s, tape_read, &t);
    assert_int_equal(reader_header(&s), 0);
    assert_int_equal(reader_next(&s, &record), 0);
    assert_int_equal(reader_next(&s, &record), 0);
    assert_int_equal(record_chunk(&s, &record, &chunk, &data), 0);
    assert_int_equal(chunk.gfn, 0x40000);
    assert_int_equal(chunk_count(chunk.ram), 3);
    assert_memory_equal(data, page, sizeof(page));
    assert_int_equal(reader_next(&s, &record), 0);
    assert_int_equal(reader_next(&s, &record), 0);
    assert_int_equal(record_state(&s, &record, &data, &size), 0);
    assert_int_equal(size, 13);
    assert_memory_equal(data, "hello, state", 13);
    stream_end(&s);
    free(t.bytes);
}

static void needs_are_told_of_by_the_header(void **state)
{
    struct domain_record domain = { .vcpus = 2 };
    uint64_t needs[1 + STREAM_MAX_NEEDS / 8] = { STREAM_MAX_NEEDS - 3 };
    struct record record;
    const uint8_t *data;
    struct stream s;
    size_t size;

    (void)state;
    for (unsigned has = 0; has < 2; has++) {
        struct tape t = { 0 };

        records = 0;
        stream_begin(&s, tape_write, &t);
        assert_int_equal(writer_header(&s, has), 0);
        write_record(&s, &t, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1);
        write_record(&s, &t, RECORD_NEEDS, &(struct piece){ needs, sizeof(needs) }, 1);
        stream_end(&s);
        stream_begin(&s, tape_read, &t);
        assert_int_equal(reader_header(&s), 0);
        assert_int_equal(s.has_needs, has);
        assert_int_equal(reader_next(&s, &record), 0);
        assert_int_equal(reader_next(&s, &record), 0);
        assert_int_equal(record.type, RECORD_NEEDS);
        assert_int_equal(record_state(&s, &record, &data, &size), 0);
        assert_int_equal(size, STREAM_MAX_NEEDS - 3);
        stream_end(&s);
        free(t.bytes);
    }
}

/* Only where the host's needs stand before them: no reader knows them that does not know those. */
static void a_stream_that_may_ask_its_receiver_is_of_a_later_format(void **state)
{
    (void)state;
    for (unsigned has_needs = 0; has_needs < 2; has_needs++) {
        struct sync_record sync = { 3 };
        struct record record;
        struct tape t = { 0 };
        struct stream s;

        records = 0;
        stream_begin(&s, tape_write, &t);
        s.may_sync = true;
        assert_int_equal(writer_header(&s, has_needs), 0);
        assert_int_equal(s.may_sync, has_needs);
        write_record(&s, &t, RECORD_SYNC, &(struct piece){ &sync, sizeof(sync) }, 1);
        stream_end(&s);
        assert_int_equal(t.bytes[36], has_needs ? 3 : 0);
        stream_begin(&s, tape_read, &t);
        assert_int_equal(reader_header(&s), 0);
        assert_int_equal(s.may_sync, has_needs);
        assert_int_equal(reader_next(&s, &record), 0);
        assert_int_equal(record.type, RECORD_SYNC);
        stream_end(&s);
        free(t.bytes);
    }
}

static void reading_stops_behind_the_end(void **state)
{
    struct tape t = make_sample();
    struct record record = { .type = RECORD_DOMAIN };
    struct stream s;

    (void)state;
    tape_write(&t, page, sizeof(page));
    stream_begin(&s, tape_read, &t);
    assert_int_equal(reader_header(&s), 0);
    while (record.type != RECORD_END)
        assert_int_equal(reader_next(&s, &record), 0);
    assert_int_equal(t.at, t.size - sizeof(page));
    assert_int_equal(s.position, t.at);
    stream_end(&s);
    free(t.bytes);
}

static void cut_off_anywhere_is_found(void **state)
{
    struct tape t = make_sample();
    size_t size = t.size;

    (void)state;
    for (t.size = 0; t.size < size; t.size++) {
        assert_int_equal(read_tape(t), -ENODATA);
        assert_non_null(strstr(why, "cut off"));
    }
    free(t.bytes);
}

static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    struct tape t = make_sample();

    (void)state;
    for (size_t i = 0; i < t.size; i++) {
        t.bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_int_not_equal(read_tape(t), 0);
        t.bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(read_tape(t), 0);
    free(t.bytes);
}

/* The sample with record `i` in the place of record `at`, too. */
static struct tape with_moved(const struct tape *t, unsigned at, unsigned i, bool insert)
{
    struct tape moved = { 0 };

    tape_write(&moved, t->bytes, starts[at]);
    tape_write(&moved, t->bytes + starts[i], starts[i + 1] - starts[i]);
    tape_write(&moved, t->bytes + starts[insert ? at : at + 1], t->size - starts[insert ? at : at + 1]);
    return moved;
}

static void repeated_and_moved_records_are_found(void **state)
{
    struct tape t = make_sample(), moved;

    (void)state;
    for (unsigned at = 0; at < records; at++) {
        for (unsigned i = 0; i < records; i++) {
            if (i == at)
                continue;
            moved = with_moved(&t, at, i, false);
            assert_int_equal(read_tape(moved), -EBADMSG);
            assert_non_null(strstr(why, "should be"));
            free(moved.bytes);
            moved = with_moved(&t, at, i, true);
            assert_int_equal(read_tape(moved), -EBADMSG);
            free(moved.bytes);
        }
    }
    free(t.bytes);
}

static void a_left_out_record_is_found(void **state)
{
    struct tape t = make_sample();

    (void)state;
    for (unsigned i = 0; i < records; i++) {
        struct tape less = { 0 };

        tape_write(&less, t.bytes, starts[i]);
        tape_write(&less, t.bytes + starts[i + 1], t.size - starts[i + 1]);
        assert_int_not_equal(read_tape(less), 0);
        free(less.bytes);
    }
    free(t.bytes);
}

/* Puts a number and a right checksum on the change in record i, as a forger of images would. */
static void seal(struct tape *t, unsigned i)
{
    size_t size = starts[i + 1] - starts[i];
    uint64_t sum = XXH64(t->bytes + starts[i], size - sizeof(sum), 0);

    memcpy(t->bytes + starts[i + 1] - sizeof(sum), &sum, sizeof(sum));
}

/* The 64-bit word of record i's body, from 0, is that; with a right checksum. */
static int read_with_word(unsigned i, size_t word, uint64_t value)
{
    struct tape t = make_sample();
    int error;

    memcpy(t.bytes + starts[i] + 8 + word * 8, &value, sizeof(value));
    seal(&t, i);
    error = read_tape(t);
    free(t.bytes);
    return error;
}

static void forged_records_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_with_word(0, 0, 0), -EINVAL);                     /* no vCPU */
    assert_int_equal(read_with_word(0, 0, STREAM_MAX_VCPUS + 1), -EINVAL);
    assert_int_equal(read_with_word(0, 0, 2 | UINT64_C(2) << 32), -EINVAL); /* a flag that is none */
    assert_int_equal(read_with_word(1, 0, 0x40001), -EINVAL);               /* no chunk begins there */
    assert_int_equal(read_with_word(1, 0, UINT64_C(1) << 63), -EINVAL);
    assert_int_equal(read_with_word(1, 1, 0), -EINVAL);                     /* RAM that nothing is known of */
    assert_int_equal(read_with_word(1, 1 + CHUNK_WORDS, 1), -EINVAL);       /* content where no RAM is */
    assert_int_equal(read_with_word(1, 1 + 2 * CHUNK_WORDS, 3), -EINVAL);   /* more pages than there are */
    assert_int_equal(read_with_word(1, 1 + 2 * CHUNK_WORDS, 0), -EINVAL);   /* fewer */
    assert_int_equal(read_with_word(3, 0, 17), -EINVAL);                    /* more state than there is */
    assert_int_equal(read_with_word(3, 0, 8), -EINVAL);
    assert_int_equal(read_with_word(3, 0, UINT64_MAX), -EINVAL);
    assert_int_equal(read_with_word(3, 0, 0), -EINVAL);
    assert_int_equal(read_with_word(4, 0, 1), 0);
}

static void absurd_sizes_take_no_memory(void **state)
{
    static const uint32_t sizes[] = { 0, 8, 16, 17, UINT32_MAX, UINT32_MAX - 7, 1u << 31 };

    (void)state;
    for (unsigned i = 0; i < records; i++) {
        for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            struct tape t = make_sample();

            memcpy(t.bytes + starts[i] + 4, &sizes[k], sizeof(sizes[k]));
            assert_int_equal(read_tape(t), -EINVAL);
            assert_non_null(strstr(why, "cannot have"));
            free(t.bytes);
        }
    }
}

static void another_format_is_refused_by_name(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *says;
    } changes[] = {
        { 0, 0, "does not begin" }, { 8, 0, "does not begin" }, { 15, 2, "version 2" },
        { 16, 1, "big-endian" },    { 24, 2, "type" },          { 32, 2, "format 2.0" },
        { 36, 4, "format 1.4" },    { 28, 14, "damaged" },      { 20, 1, "damaged" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct tape t = make_sample();

        t.bytes[changes[i].at] = changes[i].value;
        assert_int_equal(read_tape(t), -EINVAL);
        assert_non_null(strstr(why, changes[i].says));
        free(t.bytes);
    }
}

static int be_packed(void **state)
{
    (void)state;
    packed = true;
    return 0;
}

static int be_plain(void **state)
{
    (void)state;
    packed = false;
    return 0;
}

static void a_compressed_chunk_is_smaller_and_of_a_later_format(void **state)
{
    struct tape plain, small;

    (void)state;
    plain = (packed = false, make_sample());
    small = (packed = true, make_sample());
    assert_true(small.size < plain.size - sizeof(page) / 2);
    assert_int_equal(plain.bytes[36], 0);   /* the format's minor version */
    assert_int_equal(small.bytes[36], 1);
    free(plain.bytes);
    free(small.bytes);
}

static void what_does_not_get_smaller_is_written_as_it_is(void **state)
{
    struct chunk_record chunk = { .known = { 3 }, .ram = { 3 }, .data = { 3 } };
    static uint8_t pages[2 * STREAM_PAGE_SIZE];
    struct tape t = { 0 };
    struct stream s;
    uint32_t type;
    uint64_t word = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(pages); i += sizeof(word)) {   /* xorshift64 */
        word ^= word << 13, word ^= word >> 7, word ^= word << 17;
        memcpy(pages + i, &word, sizeof(word));
    }
    stream_begin(&s, tape_write, &t);
    assert_int_equal(writer_compress(&s), 0);
    assert_int_equal(writer_chunk(&s, &chunk, pages), 0);
    memcpy(&type, t.bytes, sizeof(type));
    assert_int_equal(type, RECORD_CHUNK);
    stream_end(&s);
    free(t.bytes);
}

/* A record of one page whose frame is of `size` bytes that are all the same. */
static int read_bomb(size_t size)
{
    struct chunk_record chunk = { .known = { 1 }, .ram = { 1 }, .data = { 1 } };
    struct pack *p = pack_new(size);
    uint8_t *bytes = malloc(size);
    static const uint8_t zeroes[8];
    struct record record;
    const uint8_t *frame, *data;
    uint64_t length = 0;
    struct tape t = { 0 };
    struct stream s;
    int error;

    assert_non_null(p);
    assert_non_null(bytes);
    memset(bytes, 'x', size);
    frame = pack(p, bytes, size, &length);
    assert_non_null(frame);
    stream_begin(&s, tape_write, &t);
    assert_int_equal(writer_record(&s, RECORD_PACKED, (struct piece[]){
        { &chunk, sizeof(chunk) }, { &length, sizeof(length) }, { frame, length }, { zeroes, (8 - length % 8) % 8 },
    }, 4), 0);
    stream_begin(&s, tape_read, &t);
    assert_int_equal(reader_next(&s, &record), 0);
    error = record_chunk(&s, &record, &chunk, &data);
    if (!error)
        assert_memory_equal(data, bytes, size);
    stream_end(&s);
    pack_free(p);
    free(bytes);
    free(t.bytes);
    return error;
}

static bool no_memory;

/* The library's own calls of it are not meant. */
ZSTD_DCtx *ZSTD_createDCtx(void)
{
    ZSTD_DCtx *(*real)(void);

    *(void **)&real = dlsym(RTLD_NEXT, "ZSTD_createDCtx");
    return no_memory ? NULL : real();
}

/* Data that decompresses to a page of the same bytes, with something before or behind the frame. */
static int read_frames(const void *before, size_t before_size, const void *behind, size_t behind_size)
{
    static uint8_t bytes[STREAM_PAGE_SIZE], all[2 * STREAM_PAGE_SIZE];
    struct pack *p = pack_new(sizeof(bytes)), *again = pack_new(sizeof(bytes));
    size_t length;
    const uint8_t *frame, *content;
    int error;

    assert_non_null(p);
    assert_non_null(again);
    memset(bytes, 'x', sizeof(bytes));
    frame = pack(p, bytes, sizeof(bytes), &length);
    assert_non_null(frame);
    if (before_size)
        memcpy(all, before, before_size);
    memcpy(all + before_size, frame, length);
    if (behind_size)
        memcpy(all + before_size + length, behind, behind_size);
    error = unpack(again, all, before_size + length + behind_size, sizeof(bytes), &content);
    pack_free(p);
    pack_free(again);
    return error;
}

/* RFC 8878, 3.1.2, and more that libzstd reads: a frame of nothing, and frames of versions before there was an RFC. */
static void what_is_not_one_frame_of_the_rfc_is_refused(void **state)
{
    static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
    static const uint8_t empty[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0 };
    static const uint8_t earlier[] = { 0x27, 0xb5, 0x2f, 0xfd, 0x20, 1, 0xc0, 0, 0 };

    (void)state;
    assert_int_equal(read_frames(NULL, 0, NULL, 0), 0);
    assert_int_equal(read_frames(skippable, sizeof(skippable), NULL, 0), -EBADMSG);
    assert_int_equal(read_frames(NULL, 0, skippable, sizeof(skippable)), -EBADMSG);
    assert_int_equal(read_frames(empty, sizeof(empty), NULL, 0), -EBADMSG);
    assert_int_equal(read_frames(NULL, 0, empty, sizeof(empty)), -EBADMSG);
    assert_int_equal(read_frames(earlier, sizeof(earlier), NULL, 0), -EBADMSG);
    assert_int_equal(read_frames(NULL, 0, "12345678", 8), -EBADMSG);
}

/* It is no fault of the image's: of a file of checkpoints an older one would be taken. */
static void without_memory_a_compressed_chunk_is_not_called_damaged(void **state)
{
    (void)state;
    no_memory = true;
    assert_int_equal(read_frames(NULL, 0, NULL, 0), -ENOMEM);
    assert_int_equal(read_bomb(STREAM_PAGE_SIZE), -ENOMEM);
    no_memory = false;
    assert_int_equal(read_bomb(STREAM_PAGE_SIZE), 0);
}

static void a_frame_of_more_or_less_than_the_pages_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_bomb(STREAM_PAGE_SIZE), 0);
    assert_int_equal(read_bomb(STREAM_PAGE_SIZE - 1), -EINVAL);
    assert_int_equal(read_bomb(STREAM_PAGE_SIZE + 1), -EINVAL);
    assert_int_equal(read_bomb(64u << 20), -EINVAL);
}

static void forged_compressed_records_are_refused(void **state)
{
    const size_t length = 1 + 3 * CHUNK_WORDS;   /* words in front of the frame's length */

    (void)state;
    assert_int_equal(read_with_word(1, 0, 0x40001), -EINVAL);
    assert_int_equal(read_with_word(1, 1, 0), -EINVAL);
    assert_int_equal(read_with_word(1, 1 + 2 * CHUNK_WORDS, 3), -EINVAL);
    assert_int_equal(read_with_word(1, 1 + 2 * CHUNK_WORDS, 0), -EINVAL);
    assert_int_equal(read_with_word(1, length, 0), -EINVAL);
    assert_int_equal(read_with_word(1, length, 8), -EINVAL);
    assert_int_equal(read_with_word(1, length, UINT64_MAX), -EINVAL);
    assert_int_equal(read_with_word(1, length, UINT64_MAX - 7), -EINVAL);
    assert_int_equal(read_with_word(1, length + 1, 0), -EINVAL);   /* the frame's magic number */
}

static int write_nothing(void *context, void *buffer, size_t size)
{
    (void)context, (void)buffer, (void)size;
    return -ENOSPC;
}

static void a_failed_write_says_where(void **state)
{
    struct stream s;

    (void)state;
    stream_begin(&s, write_nothing, NULL);
    assert_int_equal(writer_header(&s, false), -ENOSPC);
    assert_string_equal(s.error, "writing failed at byte 0: No space left on device");
    stream_end(&s);
}

static unsigned moves;

static int count_moves(void *context, void *buffer, size_t size)
{
    moves++;
    return tape_write(context, buffer, size);
}

/* So many chunks of a page each; behind them somebody waits for an answer. */
static struct tape write_scattered(bool live, uint64_t chunks)
{
    struct sync_record sync = { 0 };
    struct tape t = { 0 };
    struct stream s;

    stream_begin(&s, count_moves, &t);
    s.may_sync = live;
    assert_int_equal(writer_header(&s, true), 0);
    moves = 0;
    for (uint64_t i = 0; i < chunks; i++) {
        struct chunk_record chunk = { .gfn = 0x40000 + i * CHUNK_PAGES, .known = { 1 }, .ram = { 1 }, .data = { 1 } };

        assert_int_equal(writer_chunk(&s, &chunk, page), 0);
    }
    assert_int_equal(writer_record(&s, RECORD_SYNC, &(struct piece){ &sync, sizeof(sync) }, 1), 0);
    assert_int_equal(writer_flush(&s), 0);
    assert_int_equal(s.position, t.size);   /* nothing is kept back */
    stream_end(&s);
    return t;
}

static void pages_here_and_there_of_a_live_stream_go_together(void **state)
{
    struct tape apart, together;
    const size_t minor = 36;   /* where the header has the format, which is another */

    (void)state;
    apart = write_scattered(false, 100);
    assert_int_equal(moves, 100 * 4 + 3);
    together = write_scattered(true, 100);
    assert_in_range(moves, 2, 10);
    assert_int_equal(together.size, apart.size);
    assert_memory_equal(together.bytes, apart.bytes, minor);
    assert_memory_equal(together.bytes + minor + 4, apart.bytes + minor + 4, apart.size - minor - 4);
    free(apart.bytes);
    free(together.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_that_of_its_specification),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(needs_are_told_of_by_the_header),
        cmocka_unit_test(a_stream_that_may_ask_its_receiver_is_of_a_later_format),
        cmocka_unit_test(pages_here_and_there_of_a_live_stream_go_together),
        cmocka_unit_test(reading_stops_behind_the_end),
        cmocka_unit_test(cut_off_anywhere_is_found),
        cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
        cmocka_unit_test(repeated_and_moved_records_are_found),
        cmocka_unit_test(a_left_out_record_is_found),
        cmocka_unit_test(forged_records_are_refused),
        cmocka_unit_test(absurd_sizes_take_no_memory),
        cmocka_unit_test(another_format_is_refused_by_name),
        cmocka_unit_test(a_failed_write_says_where),
        cmocka_unit_test(what_is_not_one_frame_of_the_rfc_is_refused),
        cmocka_unit_test(without_memory_a_compressed_chunk_is_not_called_damaged),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again, be_packed, be_plain),
        cmocka_unit_test_setup_teardown(cut_off_anywhere_is_found, be_packed, be_plain),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_found_wherever_it_is, be_packed, be_plain),
        cmocka_unit_test_setup_teardown(repeated_and_moved_records_are_found, be_packed, be_plain),
        cmocka_unit_test_setup_teardown(forged_compressed_records_are_refused, be_packed, be_plain),
        cmocka_unit_test_setup_teardown(a_compressed_chunk_is_smaller_and_of_a_later_format, be_plain, be_plain),
        cmocka_unit_test(what_does_not_get_smaller_is_written_as_it_is),
        cmocka_unit_test(a_frame_of_more_or_less_than_the_pages_is_refused),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
