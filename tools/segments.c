// SPDX-License-Identifier: Apache-2.0
/*
 * See segments.h. Reading is two passes: the first looks at every byte, finds out which checkpoints are whole and notes
 * where each chunk stands; the second reads, place by place in memory, the newest of each page, and nothing that is
 * older. A record is checked again when it is read again.
 */
#include "tools/segments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/helper/sum.h"
#include "tools/helper/transfer.h"
#include "tools/image.h"

static const char commit_magic[8] = { 'T', 'R', 'P', 'R', 'C', 'K', 'P', '1' };

/* libxl's stream, version 2 (tools/libs/light/libxl_sr_stream_format.h): its header, and that libxc's follows. */
static const uint8_t libxl_begin[24] = { 'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', 0, 0, 0, 2, 0, 0, 0, 0, 1 };
static const uint8_t libxl_end[8];

/* TRACK, END and libxl's own end: the end of a segment. */
#define RECORD_EXTRA 24
#define LAST_RECORDS \
    (2 * RECORD_EXTRA + sizeof(struct track_record) + sizeof(struct end_record) + sizeof(libxl_end))

struct segments_chunk {
    uint64_t gfn, known[CHUNK_WORDS];
    uint64_t at, inner, number;      /* of its record: bytes; where its stream begins; which it is there */
    size_t age;
};

/* --- the file as a stream that is read from anywhere */

struct tape {
    int fd;
    uint64_t at;
};

static int take(void *context, void *buffer, size_t size)
{
    struct tape *t = context;
    uint8_t *to = buffer;

    while (size) {
        ssize_t n = pread(t->fd, to, size, (off_t)t->at);

        if (n == 0)
            return -ENODATA;
        if (n < 0 && errno != EINTR)
            return -errno;
        to += n > 0 ? n : 0;
        t->at += n > 0 ? (uint64_t)n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* --- commit records */

static uint64_t commit_sum(const struct commit *c)
{
    return XXH64(c, offsetof(struct commit, sum), 0);
}

static int commit_read(int fd, uint64_t at, struct commit *c)
{
    struct tape t = { fd, at };
    int error = take(&t, c, sizeof(*c));

    if (error)
        return error;
    return memcmp(c->magic, commit_magic, sizeof(commit_magic)) || c->sum != commit_sum(c) || c->end != at ? -EBADMSG
                                                                                                            : 0;
}

static int file_size(int fd, uint64_t *size)
{
    struct stat status;

    if (fstat(fd, &status))
        return -errno;
    *size = (uint64_t)status.st_size;
    return 0;
}

int commit_read_last(int fd, struct commit *commit)
{
    uint64_t size;
    int error = file_size(fd, &size);

    if (error)
        return error;
    return size < sizeof(*commit) || commit_read(fd, size - sizeof(*commit), commit) ? -ENODATA : 0;
}

/* The last segment's word on its period, and on whether it is whole. */
static int read_track(int fd, uint64_t size, struct track_record *track)
{
    struct tape t = { fd, size - LAST_RECORDS };
    uint8_t tail[LAST_RECORDS];
    struct record record;
    struct stream stream;
    int error = size < LAST_RECORDS ? -ENODATA : take(&t, tail, sizeof(tail));

    if (error)
        return error;
    if (memcmp(tail + sizeof(tail) - sizeof(libxl_end), libxl_end, sizeof(libxl_end)))
        return -EBADMSG;
    t.at = size - LAST_RECORDS;
    stream_begin(&stream, take, &t);
    memcpy(&stream.records, tail + 8 + sizeof(*track), sizeof(stream.records));
    error = reader_next(&stream, &record);
    if (!error)
        error = record.type == RECORD_TRACK ? record_track(&stream, &record, track) : -EBADMSG;
    if (!error)
        error = reader_next(&stream, &record);
    if (!error && record.type != RECORD_END)
        error = -EBADMSG;
    stream_end(&stream);
    return error;
}

int commit_write(int fd, uint64_t begin, const struct commit *before, const struct commit_token *token,
                 struct commit *commit)
{
    struct track_record track;
    uint64_t size;
    int error = file_size(fd, &size);

    if (!error)
        error = read_track(fd, size, &track);
    if (error)
        return error;
    *commit = (struct commit){
        .file = before ? before->file : 0, .number = before ? before->number + 1 : 0, .begin = begin, .end = size,
        .base_end = before ? before->base_end : size + sizeof(*commit), .token = *token,
    };
    memcpy(commit->magic, commit_magic, sizeof(commit_magic));
    commit->token.domid = track.domid;
    commit->token.period = track.period;
    if (!before && getrandom(&commit->file, sizeof(commit->file), 0) != sizeof(commit->file))
        return -errno;
    commit->sum = commit_sum(commit);
    if (lseek(fd, (off_t)size, SEEK_SET) < 0)
        return -errno;
    error = write_all(fd, commit, sizeof(*commit));
    return error ? error : fsync(fd) ? -errno : 0;
}

/* --- the first pass */

__attribute__((format(printf, 3, 4)))
static int fail(struct segments *s, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(s->error, sizeof(s->error), format, arguments);
    va_end(arguments);
    return error;
}

static int cut_or(struct segments *s, int error, uint64_t at, const char *what)
{
    if (error == -ENODATA)
        return fail(s, error, "it is cut off in %s, at byte %llu", what, (unsigned long long)s->size);
    if (error == -EBADMSG)
        return fail(s, error, "%s at byte %llu is damaged", what, (unsigned long long)at);
    return fail(s, error, "%s at byte %llu cannot be read: %s", what, (unsigned long long)at, strerror(-error));
}

static int note_chunk(struct segments *s, const struct chunk_record *chunk, uint64_t at, uint64_t inner,
                      uint64_t number)
{
    struct segments_chunk *c;

    if (s->chunk_count == s->chunk_room) {
        size_t room = s->chunk_room ? 2 * s->chunk_room : 1024;

        c = reallocarray(s->chunks, room, sizeof(*c));
        if (!c)
            return fail(s, -ENOMEM, "out of memory");
        s->chunks = c;
        s->chunk_room = room;
    }
    c = &s->chunks[s->chunk_count];
    *c = (struct segments_chunk){
        .gfn = chunk->gfn, .at = at, .inner = inner, .number = number, .age = s->chunk_count,
    };
    memcpy(c->known, chunk->known, sizeof(c->known));
    s->chunk_count++;
    return 0;
}

/* The order in which records have to come; CHUNKs stand between the first and the second, as many as there are. */
static const enum record_type order[] = { RECORD_DOMAIN, RECORD_PARAMS, RECORD_STATE, RECORD_TRACK, RECORD_END };

struct pass {
    struct segments *s;
    struct stream *stream;
    struct segment *g;
    struct track_record track;
    uint64_t chunks, pages;
};

static int pass_chunk(struct pass *p, const struct record *record, uint64_t at)
{
    struct chunk_record chunk;
    const uint8_t *data;
    int error = record_chunk(p->stream, record, &chunk, &data);

    if (error)
        return error;
    p->chunks++;
    p->pages += chunk_count(chunk.data);
    return note_chunk(p->s, &chunk, at, p->g->inner, p->stream->records - 1);
}

static int pass_end(struct pass *p, const struct record *record)
{
    struct end_record end;
    int error = record_end(p->stream, record, &end);

    if (!error && (end.chunks != p->chunks || end.pages != p->pages))
        error = fail(p->s, -EBADMSG, "it has not as many pages as it says");
    return error;
}

static int pass_record(struct pass *p, const struct record *record, uint64_t at)
{
    struct segment *g = p->g;
    struct param_record params[STREAM_MAX_PARAMS];
    const uint8_t *state;
    size_t size;

    switch (record->type) {
    case RECORD_DOMAIN:
        return record_domain(p->stream, record, &g->domain);
    case RECORD_PARAMS:
        g->params = at, g->numbers[0] = p->stream->records - 1;
        return record_params(p->stream, record, params, &size);
    case RECORD_STATE:
        g->state = at, g->numbers[1] = p->stream->records - 1;
        return record_state(p->stream, record, &state, &size);
    case RECORD_TRACK:
        g->track = at, g->numbers[2] = p->stream->records - 1;
        return record_track(p->stream, record, &p->track);
    case RECORD_END:
        return pass_end(p, record);
    default:
        return pass_chunk(p, record, at);
    }
}

static bool is_chunk(const struct record *record)
{
    return record->type == RECORD_CHUNK || record->type == RECORD_PACKED;
}

/* The helper's stream, from its header to END. */
static int pass_stream(struct pass *p, const struct tape *t)
{
    int error = reader_header(p->stream);

    if (!error && p->stream->has_needs)
        return fail(p->s, -EBADMSG, "it is of another program's format at byte %llu", (unsigned long long)t->at);
    for (size_t step = 0; !error && step < sizeof(order) / sizeof(order[0]);) {
        uint64_t at = t->at;
        struct record record;

        error = reader_next(p->stream, &record);
        if (error)
            break;
        if (!(step == 1 && is_chunk(&record)) && record.type != order[step++])
            return fail(p->s, -EBADMSG, "it has a %s at byte %llu, where none can be", record_name(record.type),
                        (unsigned long long)at);
        error = pass_record(p, &record, at);
    }
    if (error && !p->s->error[0])
        fail(p->s, error, "%s", p->stream->error);
    return error;
}

static int check_literal(struct segments *s, struct tape *t, const uint8_t *want, size_t size)
{
    uint8_t bytes[sizeof(libxl_begin)];
    uint64_t at = t->at;
    int error = take(t, bytes, size);

    if (!error && memcmp(bytes, want, size))
        error = -EBADMSG;
    return error ? cut_or(s, error, at, "libxl's part") : 0;
}

/* Whether the segment and its commit record belong behind those before. */
static int check_place(struct segments *s, const struct segment *g, const struct commit *c,
                       const struct track_record *track)
{
    bool first = s->count == 0;

    if (!!(g->domain.flags & DOMAIN_CHANGES) == first || c->number != s->count || c->begin != g->begin ||
        c->base_end != (first ? c->end + sizeof(*c) : s->last.base_end) || (!first && c->file != s->last.file) ||
        (!first && g->domain.vcpus != s->newest.domain.vcpus) || c->token.domid != track->domid ||
        c->token.period != track->period)
        return fail(s, -EBADMSG, "what stands at byte %llu does not belong there", (unsigned long long)g->begin);
    return 0;
}

static int read_segment(struct segments *s, struct segment *g, struct commit *commit)
{
    struct tape t = { s->fd, g->begin };
    struct stream stream;
    struct pass pass = { .s = s, .stream = &stream, .g = g };
    int error = image_check_checkpoint_head(s->fd, g->begin, &g->head);

    if (error)
        return cut_or(s, error, g->begin, "the head");
    t.at += g->head;
    error = check_literal(s, &t, libxl_begin, sizeof(libxl_begin));
    if (error)
        return error;
    g->inner = t.at;
    stream_begin(&stream, take, &t);
    stream.position = t.at;
    error = pass_stream(&pass, &t);
    stream_end(&stream);
    if (!error)
        error = check_literal(s, &t, libxl_end, sizeof(libxl_end));
    if (error)
        return error;
    error = commit_read(s->fd, t.at, commit);
    return error ? cut_or(s, error, t.at, "the commit record") : check_place(s, g, commit, &pass.track);
}

int segments_read(struct segments *s, int fd)
{
    int error;

    *s = (struct segments){ .fd = fd };
    error = file_size(fd, &s->size);
    if (error)
        return fail(s, error, "it cannot be read: %s", strerror(-error));
    while (!error && s->whole < s->size) {
        struct segment g = { .begin = s->whole };
        struct commit commit;
        size_t chunks = s->chunk_count;

        error = read_segment(s, &g, &commit);
        if (error) {
            s->chunk_count = chunks;
            break;
        }
        s->newest = g;
        s->last = commit;
        s->count++;
        s->whole = commit.end + sizeof(commit);
    }
    return error == -ENOMEM || error == -EIO ? error : 0;
}

void segments_free(struct segments *s)
{
    free(s->chunks);
    s->chunks = NULL;
    s->chunk_count = s->chunk_room = 0;
}

/* --- the second pass */

struct composer {
    struct segments *s;
    struct stream in, out;
    struct tape tape;
    uint64_t inner;                  /* whose stream `in` is; 0: nobody's */
    uint8_t *pages;
    struct end_record end;
};

static int in_failed(struct composer *c, int error)
{
    return error ? fail(c->s, error, "%s", c->in.error[0] ? c->in.error : strerror(-error)) : 0;
}

static int out_failed(struct composer *c, int error)
{
    return error ? fail(c->s, error, "%s", c->out.error) : 0;
}

/* One that the first pass has seen. */
static int read_again(struct composer *c, uint64_t inner, uint64_t at, uint64_t number, struct record *record)
{
    int error = 0;

    if (c->inner != inner) {
        stream_end(&c->in);
        c->tape = (struct tape){ c->s->fd, inner };
        stream_begin(&c->in, take, &c->tape);
        error = reader_header(&c->in);
        c->inner = inner;
    }
    c->tape.at = c->in.position = at;
    c->in.records = number;
    return in_failed(c, error ? error : reader_next(&c->in, record));
}

static int by_place(const void *left, const void *right)
{
    const struct segments_chunk *a = left, *b = right;

    if (a->gfn != b->gfn)
        return a->gfn < b->gfn ? -1 : 1;
    return a->age < b->age ? -1 : a->age > b->age;
}

/* Of the pages in `from`, those that nothing newer has. */
static int merge_one(struct composer *c, const struct segments_chunk *from, struct chunk_record *to)
{
    uint64_t lacking = 0;
    struct chunk_record chunk;
    struct record record;
    const uint8_t *data;
    int error;

    for (unsigned i = 0; i < CHUNK_WORDS; i++)
        lacking |= from->known[i] & ~to->known[i];
    if (!lacking)
        return 0;
    error = read_again(c, from->inner, from->at, from->number, &record);
    if (!error)
        error = in_failed(c, record_chunk(&c->in, &record, &chunk, &data));
    if (error)
        return error;
    if (chunk.gfn != from->gfn || memcmp(chunk.known, from->known, sizeof(chunk.known)))
        return fail(c->s, -EBADMSG, "it changes while it is read");
    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        const uint8_t *page = data;

        data += chunk_bit(chunk.data, i) ? STREAM_PAGE_SIZE : 0;
        if (!chunk_bit(chunk.known, i) || chunk_bit(to->known, i))
            continue;
        chunk_set(to->known, i);
        if (chunk_bit(chunk.ram, i))
            chunk_set(to->ram, i);
        if (!chunk_bit(chunk.data, i))
            continue;
        chunk_set(to->data, i);
        memcpy(c->pages + (size_t)i * STREAM_PAGE_SIZE, page, STREAM_PAGE_SIZE);
    }
    return 0;
}

/* The pages that have content, one after the other. */
static size_t pages_close_up(uint8_t *pages, const uint64_t data[CHUNK_WORDS])
{
    size_t n = 0;

    for (unsigned i = 0; i < CHUNK_PAGES; i++)
        if (chunk_bit(data, i)) {
            memmove(pages + n, pages + (size_t)i * STREAM_PAGE_SIZE, STREAM_PAGE_SIZE);
            n += STREAM_PAGE_SIZE;
        }
    return n;
}

/* All that is known of one place, [first, first + count) from old to new. */
static int compose_chunk(struct composer *c, const struct segments_chunk *first, size_t count)
{
    struct chunk_record chunk = { .gfn = first->gfn };
    size_t size;
    int error = 0;

    for (size_t i = count; i > 0 && !error; i--)
        error = merge_one(c, &first[i - 1], &chunk);
    if (error || !chunk_count(chunk.ram))
        return error;
    size = pages_close_up(c->pages, chunk.data);
    c->end.chunks++;
    c->end.pages += size / STREAM_PAGE_SIZE;
    return out_failed(c, writer_chunk(&c->out, &chunk, c->pages));
}

static int compose_memory(struct composer *c)
{
    struct segments *s = c->s;
    int error = 0;

    qsort(s->chunks, s->chunk_count, sizeof(*s->chunks), by_place);
    for (size_t i = 0, n; i < s->chunk_count && !error; i += n) {
        for (n = 1; i + n < s->chunk_count && s->chunks[i + n].gfn == s->chunks[i].gfn;)
            n++;
        error = compose_chunk(c, &s->chunks[i], n);
    }
    return error;
}

static int copy_record(struct composer *c, uint64_t at, uint64_t number)
{
    struct record record;
    int error = read_again(c, c->s->newest.inner, at, number, &record);

    if (error)
        return error;
    return out_failed(c, writer_record(&c->out, record.type, &(struct piece){ record.body, record.size }, 1));
}

static int compose_stream(struct composer *c, bool keep)
{
    const struct segment *g = &c->s->newest;
    struct domain_record domain = g->domain;
    int error = writer_header(&c->out, false);

    domain.flags &= ~DOMAIN_CHANGES;
    if (!error)
        error = writer_record(&c->out, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1);
    error = out_failed(c, error);
    if (!error)
        error = compose_memory(c);
    if (!error)
        error = copy_record(c, g->params, g->numbers[0]);
    if (!error)
        error = copy_record(c, g->state, g->numbers[1]);
    if (!error && keep)
        error = copy_record(c, g->track, g->numbers[2]);
    return error ? error
                 : out_failed(c, writer_record(&c->out, RECORD_END, &(struct piece){ &c->end, sizeof(c->end) }, 1));
}

/* As it stands in the newest segment. */
static int copy_head(struct composer *c)
{
    const struct segment *g = &c->s->newest;
    uint8_t *head = malloc(g->head);
    int error;

    if (!head)
        return fail(c->s, -ENOMEM, "out of memory");
    c->tape = (struct tape){ c->s->fd, g->begin };
    error = in_failed(c, take(&c->tape, head, g->head));
    if (!error)
        error = c->out.move(c->out.context, head, g->head);
    if (!error)
        error = c->out.move(c->out.context, (void *)libxl_begin, sizeof(libxl_begin));
    free(head);
    return error && !c->s->error[0] ? fail(c->s, error, "writing failed: %s", strerror(-error)) : error;
}

int segments_compose(struct segments *s, bool keep, stream_move *move, void *context)
{
    struct composer c = { .s = s, .pages = malloc((size_t)CHUNK_PAGES * STREAM_PAGE_SIZE) };
    int error;

    s->error[0] = 0;
    if (!c.pages)
        return fail(s, -ENOMEM, "out of memory");
    stream_begin(&c.in, take, &c.tape);
    stream_begin(&c.out, move, context);
    error = copy_head(&c);
    if (!error)
        error = compose_stream(&c, keep);
    if (!error && (error = move(context, (void *)libxl_end, sizeof(libxl_end))))
        fail(s, error, "writing failed: %s", strerror(-error));
    stream_end(&c.in);
    stream_end(&c.out);
    free(c.pages);
    return error;
}
