// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/stream.c tools/helper/pack.c */
/*
 * Random bytes as the stream of a saved domain (libFuzzer). A checksum would stop nearly all of them at the first
 * record, so the mutator puts number and checksum right after each change; every other time, for the reader has to
 * stand the rest as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/helper/stream.h"
#include "tools/helper/sum.h"

#define HEADER_SIZE 40
#define HEAD_SIZE   8
#define TAIL_SIZE   16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

struct tape {
    uint8_t *bytes;
    size_t size, most;
};

static int take(void *context, void *buffer, size_t size)
{
    struct tape *t = context;

    if (size > t->size)
        return -ENODATA;
    memcpy(buffer, t->bytes, size);
    t->bytes += size;
    t->size -= size;
    return 0;
}

static int add(void *context, void *buffer, size_t size)
{
    struct tape *t = context;

    if (size > t->most - t->size)
        return -ENOSPC;
    memcpy(t->bytes + t->size, buffer, size);
    t->size += size;
    return 0;
}

/* Every byte that a record is said to have is read, so that the sanitizers see one too many. */
static uint64_t touch(const void *data, size_t size)
{
    return XXH64(data, size, 0);
}

static int look(struct stream *s, const struct record *record)
{
    struct param_record params[STREAM_MAX_PARAMS];
    struct domain_record domain;
    struct chunk_record chunk;
    struct track_record track;
    struct end_record end;
    const uint8_t *data;
    size_t size = 0;
    int error = -EINVAL;

    switch (record->type) {
    case RECORD_DOMAIN:
        return record_domain(s, record, &domain);
    case RECORD_CHUNK:
    case RECORD_PACKED:
        error = record_chunk(s, record, &chunk, &data);
        return error ? error : (int)(touch(data, (size_t)chunk_count(chunk.data) * STREAM_PAGE_SIZE) & 0);
    case RECORD_PARAMS:
        error = record_params(s, record, params, &size);
        return error ? error : (int)(touch(params, size * sizeof(params[0])) & 0);
    case RECORD_STATE:
    case RECORD_NEEDS:
        error = record_state(s, record, &data, &size);
        return error ? error : (int)(touch(data, size) & 0);
    case RECORD_SYNC:
        return 0;
    case RECORD_TRACK:
        return record_track(s, record, &track);
    case RECORD_END:
        return record_end(s, record, &end);
    }
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tape t = { (uint8_t *)data, size, size };
    struct record record;
    struct stream s;
    int error;

    stream_begin(&s, take, &t);
    error = reader_header(&s);
    while (!error) {
        error = reader_next(&s, &record);
        if (!error)
            error = look(&s, &record);
    }
    if (!s.error[0] || !memchr(s.error, 0, sizeof(s.error)))
        abort();   /* nothing is refused without a line that says why */
    stream_end(&s);
    return 0;
}

/* A domain of one record of each type, and one of each kind of chunk, to begin with. */
static size_t make_seed(uint8_t *data, size_t most)
{
    struct tape t = { data, 0, most };
    struct domain_record domain = { .vcpus = 1 };
    struct chunk_record chunk = { .known = { 1 }, .ram = { 1 }, .data = { 1 } };
    struct param_record param = { 1, 0x39001 };
    uint64_t state[] = { 8, 1 };
    struct sync_record sync = { 0 };
    struct track_record track = { .domid = 1, .period = 1 };
    struct end_record end = { 2, 2 };
    uint8_t page[STREAM_PAGE_SIZE] = { 1 };
    struct stream s;

    stream_begin(&s, add, &t);
    s.may_sync = true;
    if (writer_compress(&s) || writer_header(&s, true) ||
        writer_record(&s, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1) ||
        writer_record(&s, RECORD_NEEDS, &(struct piece){ state, sizeof(state) }, 1) ||
        writer_record(&s, RECORD_PARAMS, &(struct piece){ &param, sizeof(param) }, 1) ||
        writer_record(&s, RECORD_STATE, &(struct piece){ state, sizeof(state) }, 1) ||
        writer_record(&s, RECORD_CHUNK, (struct piece[]){ { &chunk, sizeof(chunk) }, { page, sizeof(page) } }, 2) ||
        writer_chunk(&s, &chunk, page) ||
        writer_record(&s, RECORD_SYNC, &(struct piece){ &sync, sizeof(sync) }, 1) ||
        writer_record(&s, RECORD_TRACK, &(struct piece){ &track, sizeof(track) }, 1))
        return (stream_end(&s), t.size);
    (void)writer_record(&s, RECORD_END, &(struct piece){ &end, sizeof(end) }, 1);
    stream_end(&s);
    return t.size;
}

/* Numbers and checksums, as far as the records' sizes lead. */
static void seal(uint8_t *data, size_t size)
{
    uint64_t number = 0, checksum;

    for (size_t at = HEADER_SIZE; size - at >= HEAD_SIZE && at < size; number++) {
        uint32_t body;

        memcpy(&body, data + at + 4, sizeof(body));
        if (body < TAIL_SIZE || body > size - at - HEAD_SIZE)
            return;
        memcpy(data + at + HEAD_SIZE + body - TAIL_SIZE, &number, sizeof(number));
        checksum = touch(data + at, HEAD_SIZE + body - sizeof(checksum));
        memcpy(data + at + HEAD_SIZE + body - sizeof(checksum), &checksum, sizeof(checksum));
        at += HEAD_SIZE + body;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (size < HEADER_SIZE)
        return make_seed(data, most);
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 2 && size > HEADER_SIZE)
        seal(data, size);
    return size;
}
