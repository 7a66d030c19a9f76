// SPDX-License-Identifier: Apache-2.0
/*
 * The frame table itself: for mm/frames.c, which says whose a frame is, mm/buddy.c, which has the free ones, and their
 * tests. Everybody else asks mm/frames.h.
 *
 * struct frame.word holds count, owner and state in one 64-bit value, so that a reference is taken with one
 * compare-and-swap that also proves the frame's owner.
 *
 * The table is set up in sections, each when a frame of it is first used, so that a start does not grow with memory: a
 * free block of whole sections is described by its first entry, and the others hold garbage until the block is taken.
 * Invariant: of a section that is not SECTION_WHOLE no frame is anybody's, and no free block is smaller than a section.
 */
#pragma once

#include "mm/frames.h"

struct frame {
    /* refs 21:0, writers (of a free block: its order) 43:22, owner 59:44, state 62:60, dirty 63 */
    uint64_t word;
    /* index in a free list or its owner's list */
    uint32_t next, prev;
};

enum frame_state { ABSENT, FREE, HYPERVISOR, OWNED, OWNED_RELEASED, SHARED };

/* Of a section's entries none says anything, or the first, or all. It only goes up, under the allocator's lock. */
enum section_state { SECTION_RAW, SECTION_HEAD, SECTION_WHOLE };

/* Written at boot only, but for what the pointers lead to. */
extern struct frame_table {
    struct frame *frames;
    uint64_t first, count;          /* in frames; whole sections */
    uint16_t *dirty_near;           /* behind them: how many of each NEAR frames are dirty; mm/frames.c's */
    uint8_t *sections;              /* and the state of each section; mm/buddy.c's */
} frame_table;

#define NEAR_ORDER 9
#define NEAR       BIT(NEAR_ORDER)

/* 32 MiB, of 128 KiB of entries: so much is set up in one go, under a lock */
#define SECTION_ORDER 13
#define SECTION       BIT(SECTION_ORDER)

#define COUNT_BITS 22
#define COUNT_MAX  (BIT(COUNT_BITS) - 1)
#define WRITER     BIT(COUNT_BITS)
#define STATE_SHIFT 60
#define STATE_MASK (UINT64_C(7) << STATE_SHIFT)
#define DIRTY      BIT(63)

static inline uint64_t word_make(uint32_t refs, domid_t owner, enum frame_state state, unsigned order)
{
    return refs | (uint64_t)order << COUNT_BITS | (uint64_t)owner << (2 * COUNT_BITS) | (uint64_t)state << STATE_SHIFT;
}

static inline uint32_t word_refs(uint64_t w) { return w & COUNT_MAX; }
static inline uint32_t word_writers(uint64_t w) { return (w >> COUNT_BITS) & COUNT_MAX; }
static inline domid_t word_owner(uint64_t w) { return (domid_t)(w >> (2 * COUNT_BITS)); }
static inline enum frame_state word_state(uint64_t w) { return (enum frame_state)((w & STATE_MASK) >> STATE_SHIFT); }

/* NULL: no RAM. Its entry can be read if somebody has the frame, or its section is SECTION_WHOLE. */
static inline struct frame *frame_at(mfn_t mfn)
{
    uint64_t i = mfn.mfn - frame_table.first;

    return i < frame_table.count ? &frame_table.frames[i] : NULL;
}

static inline uint32_t index_of(const struct frame *f) { return (uint32_t)(f - frame_table.frames); }
static inline mfn_t mfn_of(const struct frame *f) { return MFN(frame_table.first + index_of(f)); }
static inline uint64_t word_of(const struct frame *f) { return __atomic_load_n(&f->word, __ATOMIC_RELAXED); }
static inline void word_set(struct frame *f, uint64_t w) { __atomic_store_n(&f->word, w, __ATOMIC_RELEASE); }

static inline enum section_state section_state(const struct frame *f)
{
    return (enum section_state)__atomic_load_n(&frame_table.sections[index_of(f) >> SECTION_ORDER], __ATOMIC_ACQUIRE);
}

/* For a number that nobody vouches for. NULL: no RAM, or of a section of which nothing was ever used. */
static inline struct frame *frame_find(mfn_t mfn)
{
    struct frame *f = frame_at(mfn);

    return f && section_state(f) == SECTION_WHOLE ? f : NULL;
}

/* Under the allocator's lock: a free block of that order begins here. */
static inline bool frame_begins_free(const struct frame *f, unsigned order)
{
    enum section_state s = section_state(f);

    return (s == SECTION_WHOLE || (s == SECTION_HEAD && index_of(f) % SECTION == 0)) &&
           word_of(f) == word_make(0, 0, FREE, order);
}

/* Both kinds of list: first index in *head, doubly linked, FRAME_NONE at the ends. */
static inline void link_frame(uint32_t *head, struct frame *f)
{
    f->prev = FRAME_NONE;
    f->next = *head;
    if (*head != FRAME_NONE)
        frame_table.frames[*head].prev = index_of(f);
    *head = index_of(f);
}

static inline void unlink_frame(uint32_t *head, struct frame *f)
{
    if (f->next != FRAME_NONE)
        frame_table.frames[f->next].prev = f->prev;
    if (f->prev != FRAME_NONE)
        frame_table.frames[f->prev].next = f->next;
    else
        *head = f->next;
}
