// SPDX-License-Identifier: Apache-2.0
/*
 * A block device's requests: which there are, which of them stand in the ring that is shared with the back end
 * (xen/include/public/io/blkif.h), and how far its answers can be believed. Pure: no lock (block.c's), no hypercall.
 *
 * A slot is a request and a few pages for its data, which the back end may use all the time. Its number is the
 * request's id. A slot that was queued is answered exactly once, however often its ring is lost in between.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include "lib/list.h"
#include <xen/io/ring.h>
#include <xen/io/blkif.h>

enum { BLOCK_SLOTS = 64, BLOCK_SLOT_PAGES = 4, BLOCK_SECTOR = 512 };
#define BLOCK_SLOT_SECTORS ((unsigned)(BLOCK_SLOT_PAGES * PAGE_SIZE / BLOCK_SECTOR))

struct block_slot {
    enum block_slot_state {
        SLOT_FREE,
        SLOT_TAKEN,                 /* its taker's, to be filled in */
        SLOT_QUEUED,                /* to be issued, as soon as there is a ring with room */
        SLOT_ISSUED,                /* in the ring */
        SLOT_DONE,                  /* its taker's again, with the result */
    } state;
    uint8_t operation;              /* BLKIF_OP_READ, WRITE, FLUSH_DISKCACHE, DISCARD */
    uint64_t sector, sectors;       /* of BLOCK_SECTOR bytes; read and write: at most BLOCK_SLOT_SECTORS */
    int result;                     /* 0 or -errno */
    grant_ref_t refs[BLOCK_SLOT_PAGES];
    struct list link;               /* in the queue */
    uint64_t issued_as;             /* how many had been issued before it */
};

struct block_ring {
    struct blkif_sring *shared;     /* NULL: none */
    unsigned entries;               /* a power of two */
    bool stopped;                   /* nothing is issued until it is attached again */
    blkif_vdev_t handle;
    RING_IDX requests, responses;   /* how many were put in, and taken out */
    uint64_t issued;                /* in all lives */
    struct list queue;
    struct block_slot slots[BLOCK_SLOTS];
};

void block_ring_init(struct block_ring *r);
/* Makes an empty ring of those bytes, at least a page, before the back end sees it. */
void block_ring_prepare(void *shared, size_t bytes);
/* The ring that was prepared there is in use from now on. */
void block_ring_attach(struct block_ring *r, void *shared, size_t bytes);
/* From now on nothing is issued; and everything that was is answered, so that the back end uses no page. No lock. */
void block_ring_stop(struct block_ring *r);
bool block_ring_is_drained(const struct block_ring *r);
/* The requests in the ring are queued again, first and in their order; how many those were. Their answers are lost. */
unsigned block_ring_detach(struct block_ring *r);

/* NULL: none is free. */
struct block_slot *block_ring_take(struct block_ring *r);
void block_ring_queue(struct block_ring *r, struct block_slot *slot);
void block_ring_free(struct block_slot *slot);

/* Puts queued requests into the ring, as far as it has room; true: the back end wants to be told. */
bool block_ring_issue(struct block_ring *r);
/* The back end has written an answer, or says so. */
bool block_ring_has_answers(const struct block_ring *r);
/* Takes all answers, and asks to be told of the next. NULL, or in what way the back end lies. */
const char *block_ring_collect(struct block_ring *r);
/* Everything queued or issued is done, with that result. */
void block_ring_fail(struct block_ring *r, int result);
