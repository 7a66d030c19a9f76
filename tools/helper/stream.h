// SPDX-License-Identifier: Apache-2.0
/*
 * The stream of a domain's memory and state, as it stands in an image or goes to another host. The framing is that of
 * libxc's version 3 (docs/specs/libxc-migration-stream.pandoc): an image header, a domain header, then records of
 * type, length and body, each a multiple of 8 bytes. The domain type and the record types are our own, and each body
 * ends with the record's number and a checksum of all of it, so that any record cut off, changed, left out, repeated or
 * moved is found before it is used.
 *
 *     DOMAIN  the domain that the image is of
 *     NEEDS   the part of its state that a host may not have, from TORPOR_DOMCTL_NEEDS, so that it is refused before
 *             its memory is read. A stream that has this record, behind DOMAIN, has minor version 2 or 3
 *     CHUNK   2 MiB of guest-physical memory: which pages there are, and the content of those that are not zero; as
 *             many as it takes, and a later one for the same place has the changes
 *     PACKED  a CHUNK whose content is compressed: behind its bits the size in bytes of a zstd frame, the frame, and
 *             zeroes up to a multiple of 8. A stream that may have such records has minor version 1 or more
 *     SYNC    of a live stream: the receiver is to say when it has come so far. A stream that may have such records has
 *             minor version 3
 *     PARAMS  HVM parameters
 *     STATE   all else that the domain is, from XEN_DOMCTL_gethvmcontext
 *     TRACK   in a checkpoint: the period of dirty tracking that follows it
 *     END     how much there was
 *
 * A stream is hostile until proven otherwise. Nothing here needs Xen: input comes through a callback, and
 * reader_next() and the record_*() functions are fed by tests/fuzz. Everything is little-endian, but for libxc's
 * two words.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_PAGE_SIZE 4096u
#define CHUNK_PAGES      512u
#define CHUNK_WORDS      (CHUNK_PAGES / 64)
#define STREAM_MAX_GFN   (UINT64_C(1) << 36)      /* 48 bits of address, the most that stage 2 has */
#define STREAM_MAX_STATE (16u << 20)              /* bytes of STATE */
#define STREAM_MAX_NEEDS 4096u                    /* bytes of NEEDS */
#define STREAM_MAX_PARAMS 16u
#define STREAM_MAX_VCPUS 128u

enum record_type {
    RECORD_END = 0,                               /* as libxc's */
    RECORD_DOMAIN = 0x54500001,
    RECORD_CHUNK,
    RECORD_PARAMS,
    RECORD_STATE,
    RECORD_PACKED,
    RECORD_NEEDS,
    RECORD_SYNC,
    RECORD_TRACK = 0x54500010,
};

#define DOMAIN_CHANGES 1u   /* its chunks have only the changes since an earlier stream */

struct domain_record {
    uint32_t vcpus;
    uint32_t flags;
    uint64_t pages;         /* of RAM, when the save began */
};

struct track_record {
    uint32_t domid;
    uint32_t period;        /* of the pages dirty from then on (hypervisor/mm/p2m_dirty.h) */
};

/*
 * Bits are pages from gfn on. Of a page in `known` the record says what it is: RAM if in `ram`, otherwise nothing is
 * there; its content follows if in `data`, in order, otherwise it is zero. data is part of ram, ram of known.
 */
struct chunk_record {
    uint64_t gfn;           /* a multiple of CHUNK_PAGES */
    uint64_t known[CHUNK_WORDS], ram[CHUNK_WORDS], data[CHUNK_WORDS];
};

struct sync_record {
    uint64_t number;        /* from 0 */
};

struct param_record {
    uint64_t index, value;
};

struct end_record {
    uint64_t chunks, pages; /* CHUNK records before this, and the pages whose content was in them */
};

/* Moves exactly that many bytes. 0 or -errno; -ENODATA: the stream ended. */
typedef int stream_move(void *context, void *buffer, size_t size);

#define STREAM_ERROR_SIZE 160

struct pack;

struct stream {
    stream_move *move;
    void *context;
    uint64_t records, position;      /* moved so far; position in bytes */
    uint8_t *body;                   /* of the last record, body_size bytes have room; the reader's */
    size_t body_size;
    bool has_needs;                  /* there is a NEEDS; the reader's, once it has the header */
    bool may_sync;                   /* there may be SYNCs; the writer sets it before the header */
    uint8_t *gathered;               /* of a writer that may ask: records not yet moved; or NULL */
    size_t gathered_size;
    struct pack *pack;               /* writing: NULL, it is not compressed; reading: NULL, nothing was */
    char error[STREAM_ERROR_SIZE];   /* one line, when a function has returned an error */
};

void stream_begin(struct stream *s, stream_move *move, void *context);
void stream_end(struct stream *s);

/* --- writing: 0, or -errno with a line in s->error */

/* Before the header: chunks are compressed. -ENOMEM. */
int writer_compress(struct stream *s);
/* has_needs: a NEEDS comes behind DOMAIN. */
int writer_header(struct stream *s, bool has_needs);
/* body: pieces of together a multiple of 8 bytes. */
struct piece {
    const void *data;
    size_t size;
};
int writer_record(struct stream *s, enum record_type type, const struct piece *pieces, size_t count);
/* Nothing is kept back: for who waits for an answer. */
int writer_flush(struct stream *s);
/* CHUNK or PACKED; pages: the content of those in chunk->data, one after the other. */
int writer_chunk(struct stream *s, const struct chunk_record *chunk, const uint8_t *pages);

/* --- reading: 0, or -errno with a line in s->error that says what is wrong and where */

struct record {
    enum record_type type;
    const uint8_t *body;             /* until the next one is read */
    size_t size;                     /* without number and checksum */
};

int reader_header(struct stream *s);
/* The next record, whole: its type is one of those above, its size possible, its number and checksum right. */
int reader_next(struct stream *s, struct record *record);

/*
 * A record's content, checked. record_chunk() is for CHUNK and PACKED; *data: the pages' content, one after the other;
 * *state: *size bytes, of a STATE or a NEEDS; *params: *count of them.
 */
int record_domain(struct stream *s, const struct record *record, struct domain_record *domain);
int record_chunk(struct stream *s, const struct record *record, struct chunk_record *chunk, const uint8_t **data);
int record_params(struct stream *s, const struct record *record, struct param_record params[STREAM_MAX_PARAMS],
                  size_t *count);
int record_state(struct stream *s, const struct record *record, const uint8_t **state, size_t *size);
int record_track(struct stream *s, const struct record *record, struct track_record *track);
int record_end(struct stream *s, const struct record *record, struct end_record *end);

/* "DOMAIN" and so on. */
const char *record_name(uint32_t type);

unsigned chunk_count(const uint64_t bits[CHUNK_WORDS]);
static inline bool chunk_bit(const uint64_t bits[CHUNK_WORDS], unsigned page)
{
    return bits[page / 64] >> page % 64 & 1;
}
static inline void chunk_set(uint64_t bits[CHUNK_WORDS], unsigned page) { bits[page / 64] |= UINT64_C(1) << page % 64; }
static inline void chunk_clear(uint64_t bits[CHUNK_WORDS], unsigned page)
{
    bits[page / 64] &= ~(UINT64_C(1) << page % 64);
}
