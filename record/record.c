// SPDX-License-Identifier: Apache-2.0
/*
 * The walks. Reading, one function goes from descriptor to descriptor (`next`) and knows which record has to come;
 * checking and restoring are the same loop with another call. Invariant: a position never exceeds the stream's size,
 * and no length is believed before it was compared with the rest.
 */
#include "record/record.h"

#include "lib/errno.h"
#include "lib/string.h"

struct descriptor {            /* struct hvm_save_descriptor */
    uint16_t type, instance;
    uint32_t length;
};

struct version {
    uint32_t version, zero;
};

struct header {
    uint64_t magic;
    uint32_t format, zero;
};

_Static_assert(sizeof(struct descriptor) == 8 && sizeof(struct version) == 8 && sizeof(struct header) == 16,
               "the stream's layout");

/* --- Writing --- */

void record_write(struct record_writer *w, const void *from, size_t n)
{
    if (w->to && w->used <= w->size && n <= w->size - w->used)
        memcpy(w->to + w->used, from, n);
    w->used += n;
}

int record_refuse_save(struct record_writer *w, int error, const char *why)
{
    w->why = why;
    return error;
}

/* The descriptor's place is left first, for only the end says how long the record is. */
static void put_descriptor(struct record_writer *w, size_t at, unsigned type, unsigned instance)
{
    struct descriptor head = { (uint16_t)type, (uint16_t)instance, (uint32_t)(w->used - at - sizeof(head)) };

    if (w->to && w->used <= w->size)
        memcpy(w->to + at, &head, sizeof(head));
}

static void put_zeros(struct record_writer *w, size_t n)
{
    static const unsigned char zeros[16];

    record_write(w, zeros, n);
}

static int save_record(const struct record_kind *k, void *object, unsigned instance, struct record_writer *w)
{
    struct version version = { k->version, 0 };
    size_t at = w->used;
    int error;

    put_zeros(w, sizeof(struct descriptor));
    record_write(w, &version, sizeof(version));
    error = k->save(object, instance, w);
    put_zeros(w, -w->used % 8);
    put_descriptor(w, at, k->id, instance);
    return error;
}

static int save_kind(const struct record_kind *k, void *object, struct record_writer *w, struct record_fault *fault)
{
    unsigned count = k->count(object);

    for (unsigned i = 0; i < count; i++) {
        int error;

        *fault = (struct record_fault){ k->name, i, w->used, NULL };
        error = save_record(k, object, i, w);
        if (error) {
            fault->why = w->why ? w->why : "cannot be saved";
            return error;
        }
    }
    return 0;
}

int records_save(const struct record_table *t, void *object, struct record_writer *w, struct record_fault *fault)
{
    static const struct header header = { RECORD_MAGIC, RECORD_FORMAT, 0 };
    size_t at = w->used;

    w->why = NULL;
    put_zeros(w, sizeof(struct descriptor));
    record_write(w, &header, sizeof(header));
    put_descriptor(w, at, RECORD_HEADER, 0);
    for (unsigned i = 0; i < t->count; i++) {
        int error = save_kind(t->kinds[i], object, w, fault);

        if (error)
            return error;
    }
    at = w->used;
    put_zeros(w, sizeof(struct descriptor));
    put_descriptor(w, at, RECORD_END, 0);
    if (!w->to || w->used <= w->size)
        return 0;
    *fault = (struct record_fault){ "END", 0, at, "does not fit into the buffer" };
    return -ENOBUFS;
}

static const struct record_kind *kind_of(const struct record_table *t, unsigned id)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->kinds[i]->id == id)
            return t->kinds[i];
    return NULL;
}

int records_save_one(const struct record_table *t, void *object, unsigned id, unsigned instance,
                     struct record_writer *w, struct record_fault *fault)
{
    const struct record_kind *k = kind_of(t, id);
    int error;

    if (!k || instance >= k->count(object))
        return -ENOENT;
    *fault = (struct record_fault){ k->name, instance, 0, NULL };
    w->why = NULL;
    error = k->save(object, instance, w);
    if (!error && w->to && w->used > w->size)
        error = record_refuse_save(w, -ENOBUFS, "does not fit into the buffer");
    fault->why = w->why ? w->why : "cannot be saved";
    return error;
}

/* --- Reading --- */

bool record_skip(struct record_reader *r, size_t n)
{
    if (n > r->left)
        return false;
    r->from += n;
    r->left -= n;
    return true;
}

bool record_read(struct record_reader *r, void *to, size_t n)
{
    const unsigned char *from = r->from;

    if (!record_skip(r, n))
        return false;
    memcpy(to, from, n);
    return true;
}

int record_refuse(struct record_reader *r, int error, const char *why)
{
    r->why = why;
    return error;
}

struct stream {
    const struct record_table *table;
    const unsigned char *bytes;
    size_t size, at;
    uint32_t format;             /* 0 before the header was read */
    struct record_fault *fault;
};

static int refuse(struct stream *s, int error, const char *why)
{
    s->fault->why = why;
    return error;
}

/* Why the record here is not the one that has to come. */
static int refuse_other(struct stream *s, const struct descriptor *head)
{
    const struct record_kind *k = kind_of(s->table, head->type);

    if (head->type == RECORD_END || head->type == RECORD_HEADER)
        return refuse(s, -EBADMSG,
                      head->type == RECORD_END ? "is missing: the stream ends before it"
                                               : "is missing: a second header is there");
    if (!k) {
        s->fault->kind = "a record of an unknown kind";
        s->fault->instance = head->type;
        return refuse(s, -EOPNOTSUPP, "is nothing that this version of Torpor restores");
    }
    s->fault->kind = k->name;
    s->fault->instance = head->instance;
    return refuse(s, -EBADMSG, "is repeated, out of order, or one too many");
}

/* The record of this type and instance has to come now: its data are at *from, as far as *length. */
static int next(struct stream *s, const char *name, unsigned type, unsigned instance, struct record_reader *data)
{
    struct descriptor head;

    *s->fault = (struct record_fault){ name, instance, s->at, NULL };
    if (s->size - s->at < sizeof(head))
        return refuse(s, -EBADMSG, "is missing: the stream is cut off");
    memcpy(&head, s->bytes + s->at, sizeof(head));
    if (head.type != type || head.instance != instance)
        return refuse_other(s, &head);
    if (head.length > s->size - s->at - sizeof(head))
        return refuse(s, -EBADMSG, "is longer than what is left of the stream");
    if (head.length % 8)
        return refuse(s, -EBADMSG, "has a length that is no multiple of eight");
    s->at += sizeof(head);
    *data = (struct record_reader){ .from = s->bytes + s->at, .left = head.length };
    s->at += head.length;
    return 0;
}

static int read_header(struct stream *s)
{
    struct record_reader data;
    struct header header;
    int error = next(s, "HEADER", RECORD_HEADER, 0, &data);

    if (error)
        return error;
    if (data.left != sizeof(header) || !record_read(&data, &header, sizeof(header)) || header.magic != RECORD_MAGIC)
        return refuse(s, -EBADMSG, "is not that of Torpor's records");
    s->format = header.format;
    return header.format && header.format <= RECORD_FORMAT && !header.zero
               ? 0
               : refuse(s, -EOPNOTSUPP, "is of another format than this version of Torpor reads");
}

static int read_end(struct stream *s)
{
    struct record_reader data;
    int error = next(s, "END", RECORD_END, 0, &data);

    if (error)
        return error;
    return data.left || s->at != s->size ? refuse(s, -EBADMSG, "is not the end of the stream") : 0;
}

static int read_version(struct stream *s, const struct record_kind *k, struct record_reader *data)
{
    struct version version;

    if (!record_read(data, &version, sizeof(version)) || version.version == 0 || version.zero)
        return refuse(s, -EBADMSG, "has no version");
    if (version.version > k->version)
        return refuse(s, -EOPNOTSUPP, "is of a later version than this Torpor knows");
    data->version = version.version;
    return 0;
}

/* The padding to eight bytes is all that may be left. */
static bool is_used_up(struct record_reader *data)
{
    unsigned char byte = 0;

    if (data->left >= 8)
        return false;
    while (!byte && record_read(data, &byte, 1))
        ;
    return !byte;
}

static int check_one(struct stream *s, const struct record_kind *k, void *object, unsigned instance,
                     struct record_reader *data)
{
    int error = k->check(object, instance, data);

    if (error)
        return refuse(s, error, data->why ? data->why : "is shorter than one of its version");
    return is_used_up(data) ? 0 : refuse(s, -EBADMSG, "is longer than one of its version");
}

static int restore_one(struct stream *s, const struct record_kind *k, void *object, unsigned instance,
                       struct record_reader *data)
{
    int error = k->restore(object, instance, data);

    return error ? refuse(s, error, data->why ? data->why : "could not be restored") : 0;
}

typedef int record_call(struct stream *s, const struct record_kind *k, void *object, unsigned instance,
                        struct record_reader *data);

static int walk_kind(struct stream *s, const struct record_kind *k, void *object, record_call *call)
{
    unsigned count = k->since > s->format ? 0 : k->count(object);

    for (unsigned i = 0; i < count; i++) {
        struct record_reader data;
        int error = next(s, k->name, k->id, i, &data);

        if (!error)
            error = read_version(s, k, &data);
        if (!error)
            error = call(s, k, object, i, &data);
        if (error)
            return error;
    }
    return 0;
}

static int walk(struct stream *s, void *object, record_call *call)
{
    int error = read_header(s);

    for (unsigned i = 0; !error && i < s->table->count; i++)
        error = walk_kind(s, s->table->kinds[i], object, call);
    return error ? error : read_end(s);
}

int records_check(const struct record_table *t, void *object, const void *stream, size_t size,
                  struct record_fault *fault)
{
    struct stream s = { t, stream, size, 0, 0, fault };

    return walk(&s, object, check_one);
}

int records_restore(const struct record_table *t, void *object, const void *stream, size_t size, bool *begun,
                    struct record_fault *fault)
{
    struct stream s = { t, stream, size, 0, 0, fault };
    int error = records_check(t, object, stream, size, fault);

    *begun = !error;
    return error ? error : walk(&s, object, restore_one);
}
