// SPDX-License-Identifier: Apache-2.0
/*
 * See stream.h. The reader takes no more memory than the largest record of a type may have, and looks at a body only
 * when its checksum is right.
 */
#include "tools/helper/stream.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/helper/pack.h"
#include "tools/helper/sum.h"

/* libxc's image and domain header (docs/specs/libxc-migration-stream.pandoc). */
#define IMAGE_MARKER  UINT64_MAX
#define IMAGE_ID      0x58454E46u
#define IMAGE_VERSION 3
#define DOMAIN_TYPE   0x54500000u     /* ours: a domain of Torpor on arm64 */
#define FORMAT_MAJOR  1               /* of the records; where libxc has Xen's version */
#define MINOR_PLAIN   0               /* it has no PACKED, */
#define MINOR_PACKED  1               /* and no NEEDS */
#define MINOR_NEEDS   2               /* it has no SYNC */
#define MINOR_SYNC    3
#define PAGE_SHIFT_4K 12

#define GATHER_SIZE   (64u << 10)     /* bytes */

struct header {
    uint64_t marker;
    uint32_t id, version;             /* big-endian */
    uint16_t options, reserved_1;     /* 0: the rest is little-endian */
    uint32_t reserved_2;
    uint32_t type;
    uint16_t page_shift, reserved_3;
    uint32_t major, minor;
};

struct record_head {
    uint32_t type, size;              /* the body's, with the tail */
};

struct record_tail {
    uint64_t number, sum;             /* from 0; of head, body and number */
};

static const struct record_kind {
    uint32_t type;
    const char *name;
    size_t least, most;               /* bytes, without the tail */
} kinds[] = {
    { RECORD_END, "END", sizeof(struct end_record), sizeof(struct end_record) },
    { RECORD_DOMAIN, "DOMAIN", sizeof(struct domain_record), sizeof(struct domain_record) },
    { RECORD_CHUNK, "CHUNK", sizeof(struct chunk_record),
      sizeof(struct chunk_record) + CHUNK_PAGES * STREAM_PAGE_SIZE },
    { RECORD_PARAMS, "PARAMS", sizeof(struct param_record), STREAM_MAX_PARAMS * sizeof(struct param_record) },
    { RECORD_STATE, "STATE", sizeof(uint64_t), sizeof(uint64_t) + STREAM_MAX_STATE },
    { RECORD_PACKED, "PACKED", sizeof(struct chunk_record) + sizeof(uint64_t) + 8,
      sizeof(struct chunk_record) + sizeof(uint64_t) + CHUNK_PAGES * STREAM_PAGE_SIZE },
    { RECORD_NEEDS, "NEEDS", sizeof(uint64_t), sizeof(uint64_t) + STREAM_MAX_NEEDS },
    { RECORD_SYNC, "SYNC", sizeof(struct sync_record), sizeof(struct sync_record) },
    { RECORD_TRACK, "TRACK", sizeof(struct track_record), sizeof(struct track_record) },
};

static const struct record_kind *kind_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

const char *record_name(uint32_t type)
{
    const struct record_kind *kind = kind_find(type);

    return kind ? kind->name : "unknown";
}

__attribute__((format(printf, 3, 4)))
static int fail(struct stream *s, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(s->error, sizeof(s->error), format, arguments);
    va_end(arguments);
    return error;
}

void stream_begin(struct stream *s, stream_move *move, void *context)
{
    *s = (struct stream){ .move = move, .context = context };
}

void stream_end(struct stream *s)
{
    free(s->body);
    free(s->gathered);
    pack_free(s->pack);
    s->pack = NULL;
    s->body = s->gathered = NULL;
    s->body_size = 0;
}

/* --- writing */

static int move_out(struct stream *s, const void *data, size_t size, uint64_t position)
{
    int error = size ? s->move(s->context, (void *)data, size) : 0;

    return error ? fail(s, error, "writing failed at byte %llu: %s", (unsigned long long)position, strerror(-error))
                 : 0;
}

static int put_gathered(struct stream *s)
{
    size_t size = s->gathered_size;

    s->gathered_size = 0;
    return move_out(s, s->gathered, size, s->position - size);
}

/*
 * Of a live stream the last rounds are some pages here and there. A record of such has four pieces, each of which would
 * go through every pipe, socket and ssh on the way on its own while the guest stands still; so they go together, and
 * so does what comes behind them up to END: a TCP may wait 40 ms for an acknowledgement before it sends a second small
 * piece. Nothing is kept back behind NEEDS, which the receiver may refuse, and END.
 */
static int put(struct stream *s, const void *data, size_t size)
{
    bool fits = s->gathered && size <= GATHER_SIZE;
    int error = s->gathered_size && (!fits || size > GATHER_SIZE - s->gathered_size) ? put_gathered(s) : 0;

    if (!error && fits) {
        memcpy(s->gathered + s->gathered_size, data, size);
        s->gathered_size += size;
    } else if (!error) {
        error = move_out(s, data, size, s->position);
    }
    if (!error)
        s->position += size;
    return error;
}

static bool may_wait(enum record_type type)
{
    return type == RECORD_CHUNK || type == RECORD_PACKED || type == RECORD_SYNC || type == RECORD_PARAMS ||
           type == RECORD_STATE;
}

static struct header make_header(void)
{
    return (struct header){
        .marker = IMAGE_MARKER, .id = htobe32(IMAGE_ID), .version = htobe32(IMAGE_VERSION),
        .type = DOMAIN_TYPE, .page_shift = PAGE_SHIFT_4K, .major = FORMAT_MAJOR, .minor = MINOR_SYNC,
    };
}

/* The compressor, or decompressor, made when there is none yet. */
static int need_pack(struct stream *s)
{
    if (!s->pack)
        s->pack = pack_new(CHUNK_PAGES * STREAM_PAGE_SIZE);
    return s->pack ? 0 : fail(s, -ENOMEM, "out of memory");
}

int writer_compress(struct stream *s) { return need_pack(s); }

int writer_header(struct stream *s, bool has_needs)
{
    struct header header = make_header();

    s->may_sync &= has_needs;
    header.minor = s->may_sync ? MINOR_SYNC : has_needs ? MINOR_NEEDS : s->pack ? MINOR_PACKED : MINOR_PLAIN;
    s->gathered = s->may_sync ? malloc(GATHER_SIZE) : NULL;   /* none: each piece on its own */
    return put(s, &header, sizeof(header));
}

int writer_record(struct stream *s, enum record_type type, const struct piece *pieces, size_t count)
{
    struct record_head head = { .type = type, .size = sizeof(struct record_tail) };
    struct record_tail tail = { .number = s->records };
    XXH64_state_t sum;
    int error;

    for (size_t i = 0; i < count; i++)
        head.size += (uint32_t)pieces[i].size;
    XXH64_reset(&sum, 0);
    XXH64_update(&sum, &head, sizeof(head));
    error = put(s, &head, sizeof(head));
    for (size_t i = 0; i < count && !error; i++) {
        XXH64_update(&sum, pieces[i].data, pieces[i].size);
        error = put(s, pieces[i].data, pieces[i].size);
    }
    XXH64_update(&sum, &tail.number, sizeof(tail.number));
    tail.sum = XXH64_digest(&sum);
    if (!error)
        error = put(s, &tail, sizeof(tail));
    if (!error && !may_wait(type))
        error = writer_flush(s);
    if (!error)
        s->records++;
    return error;
}

int writer_flush(struct stream *s) { return s->gathered_size ? put_gathered(s) : 0; }

/* A chunk that does not get smaller is written as it is. */
int writer_chunk(struct stream *s, const struct chunk_record *chunk, const uint8_t *pages)
{
    static const uint8_t zeroes[8];
    size_t size = (size_t)chunk_count(chunk->data) * STREAM_PAGE_SIZE, packed_size;
    const uint8_t *packed = s->pack && size ? pack(s->pack, pages, size, &packed_size) : NULL;
    uint64_t length;

    if (!packed)
        return writer_record(s, RECORD_CHUNK, (struct piece[]){ { chunk, sizeof(*chunk) }, { pages, size } }, 2);
    length = packed_size;
    return writer_record(s, RECORD_PACKED, (struct piece[]){
        { chunk, sizeof(*chunk) }, { &length, sizeof(length) }, { packed, packed_size },
        { zeroes, (8 - packed_size % 8) % 8 } }, 4);
}

/* --- reading */

static int get(struct stream *s, void *buffer, size_t size, const char *what)
{
    int error = s->move(s->context, buffer, size);

    if (error == -ENODATA)
        return fail(s, error, "it is cut off in %s %llu, at byte %llu", what, (unsigned long long)s->records,
                    (unsigned long long)s->position);
    if (error)
        return fail(s, error, "reading failed at byte %llu: %s", (unsigned long long)s->position, strerror(-error));
    s->position += size;
    return 0;
}

int reader_header(struct stream *s)
{
    const struct header want = make_header();
    struct header header;
    int error = get(s, &header, sizeof(header), "the header before record");

    if (error)
        return error;
    if (header.marker != want.marker || header.id != want.id)
        return fail(s, -EINVAL, "it does not begin as the image of a domain");
    if (header.version != want.version)
        return fail(s, -EINVAL, "it has version %u of libxc's format, not %u", be32toh(header.version), IMAGE_VERSION);
    if (header.options != want.options)
        return fail(s, -EINVAL, "it is of a big-endian host, or has options 0x%x that are not known", header.options);
    if (header.type != want.type)
        return fail(s, -EINVAL, "it is of a domain of type 0x%x, and not of one of Torpor on arm64", header.type);
    if (header.major != want.major || header.minor > want.minor)
        return fail(s, -EINVAL, "it has format %u.%u, this program knows up to %u.%u", header.major, header.minor,
                    want.major, want.minor);
    if (memcmp(&header, &want, offsetof(struct header, minor)))
        return fail(s, -EINVAL, "its header is damaged");
    s->has_needs = header.minor >= MINOR_NEEDS;
    s->may_sync = header.minor >= MINOR_SYNC;
    return 0;
}

/* Room for that much, which is bounded by the type's largest. */
static int make_room(struct stream *s, size_t size)
{
    uint8_t *body;

    if (size <= s->body_size)
        return 0;
    body = realloc(s->body, size);
    if (!body)
        return fail(s, -ENOMEM, "out of memory: record %llu has %zu bytes", (unsigned long long)s->records, size);
    s->body = body;
    s->body_size = size;
    return 0;
}

static int check_head(struct stream *s, const struct record_head *head, uint64_t at)
{
    const struct record_kind *kind = kind_find(head->type);
    size_t size = head->size;

    if (!kind)
        return fail(s, -EINVAL, "record %llu, at byte %llu, is of unknown type 0x%x: damaged, or of a later version",
                    (unsigned long long)s->records, (unsigned long long)at, head->type);
    if (size % 8 || size < kind->least + sizeof(struct record_tail) || size > kind->most + sizeof(struct record_tail))
        return fail(s, -EINVAL, "record %llu (%s), at byte %llu, cannot have %zu bytes", (unsigned long long)s->records,
                    kind->name, (unsigned long long)at, size);
    return 0;
}

int reader_next(struct stream *s, struct record *record)
{
    uint64_t at = s->position;
    struct record_head head;
    struct record_tail tail;
    XXH64_state_t sum;
    int error = get(s, &head, sizeof(head), "the head of record");

    if (!error)
        error = check_head(s, &head, at);
    if (!error)
        error = make_room(s, head.size);
    if (!error)
        error = get(s, s->body, head.size, "record");
    if (error)
        return error;
    memcpy(&tail, s->body + head.size - sizeof(tail), sizeof(tail));
    XXH64_reset(&sum, 0);
    XXH64_update(&sum, &head, sizeof(head));
    XXH64_update(&sum, s->body, head.size - sizeof(tail.sum));
    if (XXH64_digest(&sum) != tail.sum)
        return fail(s, -EBADMSG, "record %llu (%s), at byte %llu, is damaged: its checksum is wrong",
                    (unsigned long long)s->records, record_name(head.type), (unsigned long long)at);
    if (tail.number != s->records)
        return fail(s, -EBADMSG, "record %llu stands where record %llu should be, at byte %llu",
                    (unsigned long long)tail.number, (unsigned long long)s->records, (unsigned long long)at);
    s->records++;
    *record = (struct record){ .type = head.type, .body = s->body, .size = head.size - sizeof(tail) };
    return 0;
}

/* --- the records' content */

static int bad_record(struct stream *s, const struct record *record, const char *why)
{
    return fail(s, -EINVAL, "record %llu (%s) %s", (unsigned long long)s->records - 1, record_name(record->type), why);
}

int record_domain(struct stream *s, const struct record *record, struct domain_record *domain)
{
    memcpy(domain, record->body, sizeof(*domain));
    if (!domain->vcpus || domain->vcpus > STREAM_MAX_VCPUS || domain->flags & ~DOMAIN_CHANGES)
        return bad_record(s, record, "is of a domain that cannot be");
    return 0;
}

unsigned chunk_count(const uint64_t bits[CHUNK_WORDS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < CHUNK_WORDS; i++)
        n += (unsigned)__builtin_popcountll(bits[i]);
    return n;
}

static bool contains(const uint64_t all[CHUNK_WORDS], const uint64_t part[CHUNK_WORDS])
{
    uint64_t outside = 0;

    for (unsigned i = 0; i < CHUNK_WORDS; i++)
        outside |= part[i] & ~all[i];
    return !outside;
}

/* The content behind the bits of a PACKED. */
static int take_packed(struct stream *s, const struct record *record, size_t size, const uint8_t **data)
{
    const uint8_t *at = record->body + sizeof(struct chunk_record);
    size_t room = record->size - sizeof(struct chunk_record) - sizeof(uint64_t);
    uint64_t packed;
    int error;

    memcpy(&packed, at, sizeof(packed));
    if (!size || !packed || packed > room || room - packed >= 8)
        return bad_record(s, record, "has not as many bytes as it says");
    if (need_pack(s))
        return -ENOMEM;
    error = unpack(s->pack, at + sizeof(packed), (size_t)packed, size, data);
    return error == -EBADMSG ? bad_record(s, record, "cannot be decompressed to as many pages as it says") : error;
}

int record_chunk(struct stream *s, const struct record *record, struct chunk_record *chunk, const uint8_t **data)
{
    size_t size;

    memcpy(chunk, record->body, sizeof(*chunk));
    if (chunk->gfn % CHUNK_PAGES || chunk->gfn >= STREAM_MAX_GFN)
        return bad_record(s, record, "is of no place in memory");
    if (!contains(chunk->known, chunk->ram) || !contains(chunk->ram, chunk->data))
        return bad_record(s, record, "has content for pages that are not there");
    size = (size_t)chunk_count(chunk->data) * STREAM_PAGE_SIZE;
    if (record->type == RECORD_PACKED)
        return take_packed(s, record, size, data);
    if (record->size - sizeof(*chunk) != size)
        return bad_record(s, record, "has not as many pages as it says");
    *data = record->body + sizeof(*chunk);
    return 0;
}

int record_params(struct stream *s, const struct record *record, struct param_record params[STREAM_MAX_PARAMS],
                  size_t *count)
{
    if (record->size % sizeof(params[0]))
        return bad_record(s, record, "ends in the middle of a parameter");
    *count = record->size / sizeof(params[0]);
    memcpy(params, record->body, record->size);
    return 0;
}

int record_state(struct stream *s, const struct record *record, const uint8_t **state, size_t *size)
{
    uint64_t bytes;

    memcpy(&bytes, record->body, sizeof(bytes));
    if (!bytes || bytes > record->size - sizeof(bytes) || record->size - sizeof(bytes) - bytes >= 8)
        return bad_record(s, record, "has not as many bytes as it says");
    *state = record->body + sizeof(bytes);
    *size = (size_t)bytes;
    return 0;
}

int record_track(struct stream *s, const struct record *record, struct track_record *track)
{
    (void)s;
    memcpy(track, record->body, sizeof(*track));
    return 0;
}

int record_end(struct stream *s, const struct record *record, struct end_record *end)
{
    (void)s;
    memcpy(end, record->body, sizeof(*end));
    return 0;
}
