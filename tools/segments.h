// SPDX-License-Identifier: Apache-2.0
/*
 * The file that a guest's checkpoints are in: segments, one behind the other, of which each is a file as torpor save
 * writes it (tools/image.h) and a commit record. The first is of everything; the chunks of memory in the others have
 * the changes since the one before. docs/checkpoints.md has the format and its reasons.
 *
 * Invariants: a commit record is written when its segment is on the disk, so that a file is at every moment the
 * checkpoints whose commit records are whole, and something behind them that does not count. Nothing is ever written
 * over, but for that.
 *
 * A file is hostile until proven otherwise. Nothing here needs Xen, and nothing says anything: the reason of a failure
 * is a line in `error`. Functions return 0 or -errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/helper/stream.h"

#define COMMIT_BOOT 40

/* The domain whose memory has changed since then by the pages that its hypervisor calls dirty in that period. */
struct commit_token {
    char boot[COMMIT_BOOT];      /* the host's, as its kernel says it; zeroes behind */
    uint8_t uuid[16];
    uint32_t domid, period;
};

struct commit {
    char magic[8];
    uint64_t file;               /* a number that all commits of a file have */
    uint64_t number;             /* from 0 */
    uint64_t begin, end;         /* bytes: of the segment; this record begins at `end` */
    uint64_t base_end;           /* where the first commit record ends */
    struct commit_token token;
    uint64_t sum;                /* of all before */
};

/* The last one, if the file ends with it. -ENODATA: it does not. */
int commit_read_last(int fd, struct commit *commit);
/*
 * Writes the one of a segment that stands from `begin` to the file's end, and is on the disk; the domain and period are
 * the segment's own, which is read for that. before: the last one, NULL for the first. It is on the disk then.
 */
int commit_write(int fd, uint64_t begin, const struct commit *before, const struct commit_token *token,
                 struct commit *commit);

/* A file whose checkpoints are all looked at: every byte and every checksum of them. */
struct segments {
    int fd;
    uint64_t count;              /* whole checkpoints */
    uint64_t whole, size;        /* bytes: of those, and of the file */
    struct commit last;          /* of them */
    struct segment {
        uint64_t begin, head, inner;       /* bytes: where it begins; of its head; where its chunks' stream begins */
        struct domain_record domain;
        uint64_t params, state, track;     /* where these records begin */
        uint64_t numbers[3];               /* and which they are */
    } newest;
    struct segments_chunk *chunks;         /* of all, by place in memory and age */
    size_t chunk_count, chunk_room;
    char error[STREAM_ERROR_SIZE + 80];
};

/* 0 also when there is no whole one, or something behind the last: error says why that does not count. */
int segments_read(struct segments *s, int fd);
void segments_free(struct segments *s);

/*
 * Writes the last checkpoint as one segment without its commit record, in which each page is once, as torpor restore
 * reads it. keep: with TRACK, to go on with checkpoints of it. `move` as in stream.h.
 */
int segments_compose(struct segments *s, bool keep, stream_move *move, void *context);
