// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: a slot is in the queue iff its state says QUEUED; requests - responses is the number of slots that are
 * ISSUED, and never more than the ring has entries. Of the shared page each value is read once.
 */
#include "dormouse/xen/block_ring.h"
#include "lib/errno.h"
#include "lib/string.h"

void block_ring_init(struct block_ring *r)
{
    memset(r, 0, sizeof(*r));
    list_init(&r->queue);
    for (unsigned i = 0; i < BLOCK_SLOTS; i++)
        list_init(&r->slots[i].link);
}

void block_ring_prepare(void *shared, size_t bytes)
{
    struct blkif_sring *ring = memset(shared, 0, bytes);

    ring->req_event = ring->rsp_event = 1;
}

void block_ring_attach(struct block_ring *r, void *shared, size_t bytes)
{
    size_t room = (bytes - offsetof(struct blkif_sring, ring)) / sizeof(union blkif_sring_entry);

    r->shared = shared;
    for (r->entries = 1; r->entries * 2 <= room;)
        r->entries *= 2;
    r->requests = r->responses = 0;
    r->stopped = false;
}

void block_ring_stop(struct block_ring *r)
{
    r->stopped = true;
}

bool block_ring_is_drained(const struct block_ring *r)
{
    return !__atomic_load_n(&r->shared, __ATOMIC_RELAXED) ||
           __atomic_load_n(&r->requests, __ATOMIC_RELAXED) == __atomic_load_n(&r->responses, __ATOMIC_RELAXED);
}

unsigned block_ring_detach(struct block_ring *r)
{
    unsigned n = 0;

    r->shared = NULL;
    for (;;) {
        struct block_slot *last = NULL;

        for (unsigned i = 0; i < BLOCK_SLOTS; i++)
            if (r->slots[i].state == SLOT_ISSUED && (!last || r->slots[i].issued_as > last->issued_as))
                last = &r->slots[i];
        if (!last)
            return n;
        last->state = SLOT_QUEUED;
        list_push_front(&r->queue, &last->link);
        n++;
    }
}

struct block_slot *block_ring_take(struct block_ring *r)
{
    for (unsigned i = 0; i < BLOCK_SLOTS; i++) {
        if (r->slots[i].state == SLOT_FREE) {
            r->slots[i].state = SLOT_TAKEN;
            return &r->slots[i];
        }
    }
    return NULL;
}

void block_ring_queue(struct block_ring *r, struct block_slot *slot)
{
    slot->state = SLOT_QUEUED;
    list_push_back(&r->queue, &slot->link);
}

void block_ring_free(struct block_slot *slot)
{
    __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_RELEASE);
}

static void segments_fill(struct blkif_request *request, const struct block_slot *slot)
{
    enum { IN_PAGE = PAGE_SIZE / BLOCK_SECTOR };

    for (unsigned left = (unsigned)slot->sectors; left; request->nr_segments++) {
        unsigned n = left < IN_PAGE ? left : IN_PAGE;

        request->seg[request->nr_segments] = (struct blkif_request_segment){
            .gref = slot->refs[request->nr_segments], .first_sect = 0, .last_sect = (uint8_t)(n - 1),
        };
        left -= n;
    }
}

static void request_fill(const struct block_ring *r, union blkif_sring_entry *entry, const struct block_slot *slot)
{
    uint64_t id = (uint64_t)(slot - r->slots);

    memset(entry, 0, sizeof(*entry));
    if (slot->operation == BLKIF_OP_DISCARD) {
        struct blkif_request_discard discard = {
            .operation = slot->operation, .handle = r->handle, .id = id,
            .sector_number = slot->sector, .nr_sectors = slot->sectors,
        };

        memcpy(entry, &discard, sizeof(discard));
        return;
    }
    entry->req.operation = slot->operation;
    entry->req.handle = r->handle;
    entry->req.id = id;
    entry->req.sector_number = slot->sector;
    segments_fill(&entry->req, slot);
}

bool block_ring_issue(struct block_ring *r)
{
    RING_IDX before = r->requests;

    if (!r->shared || r->stopped)
        return false;
    while (!list_empty(&r->queue) && r->requests - r->responses < r->entries) {
        struct block_slot *slot = list_first(&r->queue, struct block_slot, link);

        list_remove(&slot->link);
        request_fill(r, &r->shared->ring[r->requests & (r->entries - 1)], slot);
        slot->state = SLOT_ISSUED;
        slot->issued_as = r->issued++;
        r->requests++;
    }
    if (r->requests == before)
        return false;
    STORE_BEFORE_LOADS(&r->shared->req_prod, r->requests);
    /* ring.h: it wants to be told if its event index is among the new ones */
    return r->requests - __atomic_load_n(&r->shared->req_event, __ATOMIC_SEQ_CST) < r->requests - before;
}

bool block_ring_has_answers(const struct block_ring *r)
{
    const struct blkif_sring *shared = r->shared;

    return shared && __atomic_load_n(&shared->rsp_prod, __ATOMIC_SEQ_CST) != r->responses;
}

static int result_of(int16_t status)
{
    return status == BLKIF_RSP_OKAY ? 0 : status == BLKIF_RSP_EOPNOTSUPP ? -EOPNOTSUPP : -EIO;
}

static const char *answer_take(struct block_ring *r, const struct blkif_response *answer)
{
    struct block_slot *slot;

    if (answer->id >= BLOCK_SLOTS)
        return "an answer to a request that cannot be";
    slot = &r->slots[answer->id];
    if (slot->state != SLOT_ISSUED)
        return "an answer to no request, or a second one";
    slot->result = result_of(answer->status);
    __atomic_store_n(&slot->state, SLOT_DONE, __ATOMIC_RELEASE);
    return NULL;
}

const char *block_ring_collect(struct block_ring *r)
{
    while (block_ring_has_answers(r)) {
        RING_IDX end = __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_ACQUIRE);

        if (end - r->responses > r->requests - r->responses)
            return "more answers than requests";
        while (r->responses != end) {
            struct blkif_response answer;
            const char *lie;

            memcpy(&answer, &r->shared->ring[r->responses & (r->entries - 1)], sizeof(answer));
            __asm__ volatile("" ::: "memory");      /* the copy is looked at, not the page again */
            lie = answer_take(r, &answer);
            if (lie)
                return lie;
            r->responses++;
        }
        STORE_BEFORE_LOADS(&r->shared->rsp_event, r->responses + 1);
    }
    return NULL;
}

void block_ring_fail(struct block_ring *r, int result)
{
    for (unsigned i = 0; i < BLOCK_SLOTS; i++) {
        struct block_slot *slot = &r->slots[i];

        if (slot->state != SLOT_QUEUED && slot->state != SLOT_ISSUED)
            continue;
        list_remove(&slot->link);
        slot->result = result;
        __atomic_store_n(&slot->state, SLOT_DONE, __ATOMIC_RELEASE);
    }
    r->shared = NULL;
}
