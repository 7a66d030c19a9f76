// SPDX-License-Identifier: Apache-2.0
/*
 * The buddy allocator on the frame table. A free block of 2^order frames is described by its first frame alone and
 * linked by frame index; its other entries are set up when it is split below a section, or taken. Invariants, under
 * `lock`: a frame is in a free list iff it is FREE and the first of its block; two buddies are never both free at the
 * same order.
 */
#include "mm/buddy.h"

#include "arch/lock.h"
#include "arch/zero.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_ORDER FRAMES_LARGE_ORDER

struct frame_table frame_table;

static struct spinlock lock = SPINLOCK_INIT;
static uint32_t free_list[MAX_ORDER + 1][BUDDY_ZONES] GUARDED_BY(lock);
static uint64_t free_zones[MAX_ORDER + 1] GUARDED_BY(lock);   /* bit z: free_list[][z] is not empty */
static uint64_t free_frames GUARDED_BY(lock);
static uint64_t total_frames;                /* written at boot only, */
static mfn_t last_frame;                     /* as is this */
/* of the free frames, those kept for domains: the sum of all claims */
static uint64_t claimed_frames GUARDED_BY(lock);

static uint64_t sections_of(paddr_t ram_start, paddr_t ram_end)
{
    uint64_t first = align_down(ram_start.pa >> PAGE_SHIFT, SECTION);

    return (align_up(ram_end.pa >> PAGE_SHIFT, SECTION) - first) >> SECTION_ORDER;
}

void frames_init(void *memory, paddr_t ram_start, paddr_t ram_end, uint64_t ram_bytes)
{
    total_frames = ram_bytes >> PAGE_SHIFT;
    last_frame = MFN((ram_end.pa >> PAGE_SHIFT) - 1);
    frame_table.frames = memory;
    frame_table.first = align_down(ram_start.pa >> PAGE_SHIFT, SECTION);
    frame_table.count = sections_of(ram_start, ram_end) << SECTION_ORDER;
    frame_table.dirty_near = (uint16_t *)(void *)(frame_table.frames + frame_table.count);
    frame_table.sections = (uint8_t *)(frame_table.dirty_near + (frame_table.count >> NEAR_ORDER));
    memset(frame_table.sections, SECTION_RAW, frame_table.count >> SECTION_ORDER);
    spin_lock(&lock);
    for (unsigned order = 0; order <= MAX_ORDER; order++)
        for (unsigned zone = 0; zone < BUDDY_ZONES; zone++)
            free_list[order][zone] = FRAME_NONE;
    spin_unlock(&lock);
}

uint64_t frames_table_size(paddr_t ram_start, paddr_t ram_end)
{
    uint64_t each = SECTION * sizeof(struct frame) + SECTION / NEAR * sizeof(uint16_t) + sizeof(uint8_t);

    return align_up(sections_of(ram_start, ram_end) * each, PAGE_SIZE);
}

/* The state is the last to be written: who sees it sees the entries. */
static void section_set_state(const struct frame *f, enum section_state s) REQUIRES(lock)
{
    __atomic_store_n(&frame_table.sections[index_of(f) >> SECTION_ORDER], (uint8_t)s, __ATOMIC_RELEASE);
}

/* f's section can be read. No free block begins at its head: a larger one would have had to be taken before. */
static void section_set_up(const struct frame *f) REQUIRES(lock)
{
    uint64_t first = align_down(index_of(f), SECTION);

    if (section_state(f) == SECTION_WHOLE)
        return;
    memory_zero(&frame_table.frames[first], SECTION * sizeof(struct frame));
    memset(&frame_table.dirty_near[first >> NEAR_ORDER], 0, SECTION / NEAR * sizeof(uint16_t));
    section_set_state(f, SECTION_WHOLE);
}

/* Those of a block that was taken; one at a time, for others wait for the lock. */
static void block_set_up(const struct frame *f, unsigned order)
{
    for (uint64_t i = 0; i < BIT(order); i += SECTION) {
        spin_lock(&lock);
        section_set_up(&f[i]);
        spin_unlock(&lock);
    }
}

static unsigned zone_of(const struct frame *f)
{
    uint64_t mfn = mfn_of(f).mfn;

    return mfn ? 64 - (unsigned)__builtin_clzll(mfn) : 0;
}

static void free_link(struct frame *f, unsigned order) REQUIRES(lock)
{
    unsigned zone = zone_of(f);

    if (section_state(f) == SECTION_RAW)
        section_set_state(f, SECTION_HEAD);
    word_set(f, word_make(0, 0, FREE, order));
    link_frame(&free_list[order][zone], f);
    free_zones[order] |= BIT(zone);
}

/* It is nothing's now. */
static void free_unlink(struct frame *f, unsigned order) REQUIRES(lock)
{
    unsigned zone = zone_of(f);

    unlink_frame(&free_list[order][zone], f);
    if (free_list[order][zone] == FRAME_NONE)
        free_zones[order] &= ~BIT(zone);
    word_set(f, word_make(0, 0, ABSENT, 0));
}

/* Puts a block back, joined with its free buddies. */
static void block_free(struct frame *f, unsigned order) REQUIRES(lock)
{
    free_frames += UINT64_C(1) << order;
    for (; order < MAX_ORDER; order++) {
        mfn_t buddy_mfn = MFN(mfn_of(f).mfn ^ (UINT64_C(1) << order));
        struct frame *buddy = frame_at(buddy_mfn);

        if (!buddy || !frame_begins_free(buddy, order))
            break;
        free_unlink(buddy, order);
        if (buddy < f) {
            word_set(f, word_make(0, 0, ABSENT, 0));
            f = buddy;
        }
    }
    free_link(f, order);
}

/* Takes a block off its list and halves it down to `order`; each half that does not contain `want` is given back. */
static struct frame *block_split(struct frame *f, unsigned from, unsigned order, mfn_t want) REQUIRES(lock)
{
    free_unlink(f, from);
    free_frames -= UINT64_C(1) << order;
    while (from > order) {
        struct frame *upper, *rest;

        if (from == SECTION_ORDER)
            section_set_up(f);
        from--;
        upper = f + (UINT64_C(1) << from);
        rest = want.mfn >= mfn_of(upper).mfn ? f : upper;
        f = rest == f ? upper : f;
        free_link(rest, from);
    }
    return f;
}

/*
 * The smallest free block of at least `order` whose first frame has at most `bits` bits, from the highest zone that has
 * one: low memory is kept for callers that need it. As blocks are aligned, its first 2^order frames lie below 2^bits
 * then.
 */
static struct frame *block_find(unsigned order, unsigned bits, unsigned *from) REQUIRES(lock)
{
    for (*from = order; *from <= MAX_ORDER && order <= bits; ++*from) {
        uint64_t zones = free_zones[*from] & (BIT(bits + 1) - 1);

        if (zones)
            return &frame_table.frames[free_list[*from][63 - (unsigned)__builtin_clzll(zones)]];
    }
    return NULL;
}

struct frame *buddy_take(struct frame_owner *o, unsigned order, unsigned bits)
{
    struct frame *found = NULL;
    uint64_t n = UINT64_C(1) << order, own;
    unsigned from;

    spin_lock(&lock);
    own = o ? o->claimed : claimed_frames;
    if (n + (claimed_frames - own) <= free_frames)
        found = block_find(order, bits, &from);
    if (found)
        found = block_split(found, from, order, mfn_of(found));
    if (found && o) {
        claimed_frames -= min_u64(n, own);
        o->claimed = own - min_u64(n, own);
    }
    spin_unlock(&lock);
    if (found && order >= SECTION_ORDER)
        block_set_up(found, order);
    return found;
}

/* The free block that contains mfn whole at `order`, or NULL. */
static struct frame *block_containing(mfn_t mfn, unsigned order, unsigned *found) REQUIRES(lock)
{
    for (unsigned o = order; o <= MAX_ORDER; o++) {
        struct frame *f = frame_at(MFN(align_down(mfn.mfn, UINT64_C(1) << o)));

        if (f && frame_begins_free(f, o)) {
            *found = o;
            return f;
        }
    }
    return NULL;
}

struct frame *buddy_take_at(mfn_t first, unsigned order)
{
    unsigned from = 0;
    struct frame *f;

    spin_lock(&lock);
    f = block_containing(first, order, &from);
    if (f)
        f = block_split(f, from, order, first);
    spin_unlock(&lock);
    if (f && order >= SECTION_ORDER)
        block_set_up(f, order);
    return f;
}

void buddy_put(struct frame *f, unsigned order)
{
    spin_lock(&lock);
    block_free(f, order);
    spin_unlock(&lock);
}

int frames_claim(struct frame_owner *o, uint64_t pages)
{
    uint64_t lacking = 0;
    int err = 0;

    /* Both locks: a domain that begins to die drops its claim, and must not get one after that. */
    spin_lock(&o->lock);
    if (pages && o->dying)
        err = -EINVAL;
    else if (pages)
        lacking = pages - min_u64(pages, o->total);
    spin_lock(&lock);
    if (!err) {
        claimed_frames -= o->claimed;
        o->claimed = 0;
        if (lacking > free_frames - min_u64(claimed_frames, free_frames))
            err = -ENOMEM;
        else
            o->claimed = lacking;
        claimed_frames += o->claimed;
    }
    spin_unlock(&lock);
    spin_unlock(&o->lock);
    return err;
}

uint64_t frames_claimed(const struct frame_owner *o_or_null)
{
    uint64_t n;

    spin_lock(&lock);
    n = o_or_null ? o_or_null->claimed : claimed_frames;
    spin_unlock(&lock);
    return n;
}

mfn_t frames_last(void) { return last_frame; }

void frames_add(paddr_t start, uint64_t size)
{
    uint64_t mfn = align_up(start.pa, PAGE_SIZE) >> PAGE_SHIFT;
    uint64_t end = (start.pa + size) >> PAGE_SHIFT;

    spin_lock(&lock);
    while (mfn < end) {
        struct frame *f = &frame_table.frames[mfn - frame_table.first];
        unsigned order = MAX_ORDER;

        while (order && ((mfn & ((UINT64_C(1) << order) - 1)) || mfn + (UINT64_C(1) << order) > end))
            order--;
        if (order < SECTION_ORDER)
            section_set_up(f);
        block_free(f, order);
        mfn += UINT64_C(1) << order;
    }
    spin_unlock(&lock);
}

uint64_t frames_total(void) { return total_frames; }

uint64_t frames_free(void)
{
    uint64_t n;

    spin_lock(&lock);
    n = free_frames;
    spin_unlock(&lock);
    return n;
}
