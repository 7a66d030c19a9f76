// SPDX-License-Identifier: Apache-2.0
/*
 * Whose a frame is, and how often it is held. Invariants: an owner's list holds exactly its frames whose allocation
 * reference has not been released; a frame with writers is dirty, and each of them has a reference, too; of each 2 MiB
 * of RAM the number of dirty frames is kept, at any moment at least as many as there are.
 */
#include "mm/frames.h"

#include "arch/lock.h"
#include "arch/nospec.h"
#include "arch/zero.h"
#include "lib/errno.h"
#include "mm/buddy.h"
#include "mm/el2.h"
#include "mm/frame_table.h"

#define SLICE_ORDER 8               /* of a large block; 1 MiB is zeroed at a time */

/* In the states that belong to an owner. */
static bool state_is_owned(enum frame_state s) { return s == OWNED || s == OWNED_RELEASED || s == SHARED; }

/* Counts the frames that guests let go of; let_go_cleared is that count when instruction caches were last cleared. */
static uint64_t let_go = 1;
static uint64_t let_go_cleared;

void frames_owner_init(struct frame_owner *o, domid_t id, uint64_t limit)
{
    o->id = id;
    o->max = limit;
    spin_lock(&o->lock);
    o->list = FRAME_NONE;
    spin_unlock(&o->lock);
}

void frames_owner_die(struct frame_owner *o)
{
    spin_lock(&o->lock);
    o->dying = true;
    spin_unlock(&o->lock);
    (void)frames_claim(o, 0);
}

uint64_t frames_owned(const struct frame_owner *o) { return __atomic_load_n(&o->total, __ATOMIC_RELAXED); }
uint64_t frames_limit(const struct frame_owner *o) { return __atomic_load_n(&o->max, __ATOMIC_RELAXED); }
void frames_set_limit(struct frame_owner *o, uint64_t pages) { __atomic_store_n(&o->max, pages, __ATOMIC_RELAXED); }

void frames_describe(struct handover_frames *f)
{
    paddr_t start = PADDR(frame_table.first << PAGE_SHIFT), end = PADDR(start.pa + (frame_table.count << PAGE_SHIFT));
    uint64_t table = virt_to_mfn(frame_table.frames).mfn << PAGE_SHIFT;

    *f = (struct handover_frames){
        .table = table, .size = frames_table_size(start, end),
        .first = frame_table.first, .count = frame_table.count, .entry_size = sizeof(struct frame),
        .state_shift = STATE_SHIFT, .state_mask = STATE_MASK >> STATE_SHIFT, .used_from = HYPERVISOR,
        .sections = table + (uint64_t)(frame_table.sections - (const uint8_t *)frame_table.frames),
        .section_order = SECTION_ORDER, .section_set_up = SECTION_WHOLE,
    };
}

/* The one question that is asked of a number that a guest made up. */
bool frame_is_ram(mfn_t mfn)
{
    uint64_t i = mfn.mfn - frame_table.first, nr = frame_table.count;
    const struct frame *f;

    _Static_assert(HYPERVISOR + 1 == OWNED && OWNED + 2 == SHARED,
                   "the hypervisor's, and after it those that are owned");
    f = &frame_table.frames[index_nospec(i, nr)];
    return i < nr && section_state(f) == SECTION_WHOLE && word_state(word_of(f)) >= HYPERVISOR;
}

void *pages_alloc(unsigned order)
{
    struct frame *f = buddy_take(NULL, order, BUDDY_ANYWHERE);
    void *va;

    if (!f)
        return NULL;
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
        word_set(&f[i], word_make(1, 0, HYPERVISOR, 0));
    va = mfn_to_virt(mfn_of(f));
    memory_zero(va, PAGE_SIZE << order);
    return va;
}

void pages_free(void *va, unsigned order)
{
    struct frame *f;

    if (!va)
        return;
    f = frame_at(virt_to_mfn(va));
    BUG_ON(!f || word_state(word_of(f)) != HYPERVISOR);
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
        word_set(&f[i], word_make(0, 0, ABSENT, 0));
    buddy_put(f, order);
}

/*
 * Code that a guest had in a frame may still be in the instruction caches, and the frame's next guest would execute it
 * there.
 */
static void code_forget(void)
{
    uint64_t seen = __atomic_load_n(&let_go, __ATOMIC_RELAXED),
             cleared = __atomic_load_n(&let_go_cleared, __ATOMIC_ACQUIRE);

    if (cleared >= seen)
        return;
    icache_invalidate_all();
    while (cleared < seen &&
           !__atomic_compare_exchange_n(&let_go_cleared, &cleared, seen, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        continue;
}

/*
 * No data of the frames' last owner can be seen in them after this: not in memory either, which a guest reads past the
 * data caches while its stage 1 is off or says non-cacheable (Arm ARM DDI 0487, "Combining stage 1 and stage 2 memory
 * type attributes": the weaker of both count; only FEAT_S2FWB, which we do not depend on, changes that); nor in
 * instruction caches, which follow memory by themselves only if CTR_EL0.DIC is 1.
 */
static void frames_clear(struct frame *f, unsigned order)
{
    void *va = mfn_to_virt(mfn_of(f));

    memory_zero(va, PAGE_SIZE << order);
    cache_clean(va, PAGE_SIZE << order);
    code_forget();
}

/* May it have n pages more? */
static int growth_check(const struct frame_owner *o, uint64_t n) REQUIRES(o->lock)
{
    if (o->dying)
        return -EINVAL;
    return o->total + n > frames_limit(o) ? -ENOMEM : 0;
}

/* Gives a block to o and counts it, or says why not. */
static int block_assign(struct frame_owner *o, struct frame *f, unsigned order)
{
    uint64_t n = UINT64_C(1) << order;
    int err;

    spin_lock(&o->lock);
    err = growth_check(o, n);
    if (err) {
        spin_unlock(&o->lock);
        return err;
    }
    if (o->total == 0)
        BUG_ON(!frame_owner_hold(o));   /* as long as it has pages its struct stays */
    __atomic_store_n(&o->total, o->total + n, __ATOMIC_RELAXED);
    for (uint64_t i = 0; i < n; i++) {
        word_set(&f[i], word_make(1, o->id, OWNED, 0));
        link_frame(&o->list, &f[i]);
    }
    spin_unlock(&o->lock);
    return 0;
}

static int assign_or_free(struct frame_owner *o, struct frame *f, unsigned order)
{
    int err = block_assign(o, f, order);

    if (err)
        buddy_put(f, order);
    return err;
}

int frames_alloc_domain(struct frame_owner *o, unsigned order, unsigned address_bits, unsigned flags, mfn_t *first)
{
    bool limited = address_bits && address_bits < BUDDY_ANYWHERE + PAGE_SHIFT;
    unsigned bits = limited ? address_bits - PAGE_SHIFT : BUDDY_ANYWHERE;
    struct frame *f;
    int err;

    if (order > FRAMES_LARGE_ORDER || (address_bits && address_bits < PAGE_SHIFT))
        return -ENOMEM;
    /* Before anything is zeroed or taken off a claim; block_assign() asks again. */
    spin_lock(&o->lock);
    err = growth_check(o, UINT64_C(1) << order);
    spin_unlock(&o->lock);
    if (err)
        return err;
    f = buddy_take(o, order, bits);
    if (!f)
        return -ENOMEM;
    if (!(flags & FRAME_KEEP_CONTENT))
        frames_clear(f, order);
    *first = mfn_of(f);
    return assign_or_free(o, f, order);
}

/* Takes a large block, if it may have one. */
static int large_begin(struct frame_owner *o) REQUIRES(o->large_lock)
{
    struct frame *f;
    int err;

    spin_lock(&o->lock);
    err = growth_check(o, UINT64_C(1) << FRAMES_LARGE_ORDER);
    spin_unlock(&o->lock);
    if (err)
        return err;
    f = buddy_take(o, FRAMES_LARGE_ORDER, BUDDY_ANYWHERE);
    if (!f)
        return -ENOMEM;
    o->large_first = mfn_of(f);
    o->large_ready = 0;
    o->large_begun = true;
    return 0;
}

/* Ends it: slices that are not the owner's yet go back to the free blocks. */
static void large_end(struct frame_owner *o) REQUIRES(o->large_lock)
{
    if (!o->large_begun)
        return;
    o->large_begun = false;
    for (uint64_t i = o->large_ready; i < UINT64_C(1) << FRAMES_LARGE_ORDER; i += UINT64_C(1) << SLICE_ORDER)
        buddy_put(frame_at(mfn_add(o->large_first, i)), SLICE_ORDER);
}

/* One slice more of it: 0, and *ready if that was the last. */
static int large_step(struct frame_owner *o, bool *ready) REQUIRES(o->large_lock)
{
    int err = o->large_begun ? 0 : large_begin(o);
    struct frame *f;

    if (err)
        return err;
    f = frame_at(mfn_add(o->large_first, o->large_ready));
    frames_clear(f, SLICE_ORDER);
    err = block_assign(o, f, SLICE_ORDER);
    if (!err)
        o->large_ready += UINT64_C(1) << SLICE_ORDER;
    *ready = o->large_ready == UINT64_C(1) << FRAMES_LARGE_ORDER;
    if (err || *ready)
        large_end(o);
    return err;
}

int frames_alloc_large(struct frame_owner *o, mfn_t *first, bool (*preempt)(void))
{
    bool ready = false;
    int err;

    for (;;) {
        spin_lock(&o->large_lock);
        err = large_step(o, &ready);
        *first = o->large_first;
        spin_unlock(&o->large_lock);
        if (err || ready)
            return err;
        if (preempt())
            return -ERESTART;
    }
}

int frames_alloc_domain_at(struct frame_owner *o, mfn_t first, unsigned order)
{
    struct frame *f = buddy_take_at(first, order);

    return f ? assign_or_free(o, f, order) : -ENOMEM;
}

/* One more reference to a frame of `id`, or of anybody (NULL); *whose it is. */
static bool frame_get_if(mfn_t mfn, const domid_t *id, domid_t *whose)
{
    struct frame *f = frame_find(mfn);
    uint64_t w;

    if (!f)
        return false;
    w = word_of(f);
    do {
        if (!state_is_owned(word_state(w)) || (id && word_owner(w) != *id) || word_refs(w) == 0 ||
            word_refs(w) == COUNT_MAX)
            return false;
        *whose = word_owner(w);
    } while (!__atomic_compare_exchange_n(&f->word, &w, w + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}

bool frame_get(mfn_t mfn, const struct frame_owner *o)
{
    domid_t id;

    return frame_get_if(mfn, &o->id, &id);
}

struct frame_owner *frame_get_any(mfn_t mfn)
{
    domid_t id;

    return frame_get_if(mfn, NULL, &id) ? frame_owner_of_id(id) : NULL;
}

static uint16_t *near_of(mfn_t mfn)
{
    return &frame_table.dirty_near[(mfn.mfn - frame_table.first) >> NEAR_ORDER];
}

/* Before a frame becomes dirty, and after it is so no more. */
static void near_add(mfn_t mfn) { __atomic_fetch_add(near_of(mfn), 1, __ATOMIC_RELAXED); }
static void near_drop(mfn_t mfn) { BUG_ON(__atomic_fetch_sub(near_of(mfn), 1, __ATOMIC_RELEASE) == 0); }

/* A frame that a guest had is free again. No TLB has it any more. */
static void frame_free(struct frame *f)
{
    __atomic_fetch_add(&let_go, 1, __ATOMIC_RELAXED);
    if (word_of(f) & DIRTY)
        near_drop(mfn_of(f));
    buddy_put(f, 0);
}

/* The last reference went: the frame has no owner any more, and its last one is one page smaller. */
static void frame_last_put(struct frame *f, struct frame_owner *o)
{
    bool last;

    spin_lock(&o->lock);
    BUG_ON(o->total == 0);
    last = o->total == 1;
    __atomic_store_n(&o->total, o->total - 1, __ATOMIC_RELAXED);
    spin_unlock(&o->lock);
    frame_free(f);
    if (last)
        frame_owner_put(o);
}

static void shared_last_put(struct frame *f, struct frame_owner *o)
{
    frame_free(f);
    frame_owner_put(o);
}

void frame_put(mfn_t mfn)
{
    struct frame *f = frame_at(mfn);
    uint64_t w;

    BUG_ON(!f);
    w = __atomic_fetch_sub(&f->word, 1, __ATOMIC_ACQ_REL);
    BUG_ON(word_refs(w) == 0);
    if (word_refs(w) != 1)
        return;
    BUG_ON(word_writers(w));
    BUG_ON(word_state(w) != OWNED_RELEASED && word_state(w) != SHARED);
    if (word_state(w) == SHARED)
        shared_last_put(f, frame_owner_of_id(word_owner(w)));
    else
        frame_last_put(f, frame_owner_of_id(word_owner(w)));
}

bool frames_dirty_near(mfn_t mfn) { return __atomic_load_n(near_of(mfn), __ATOMIC_RELAXED); }

/* And `by` is added to its word: WRITER, or nothing. */
static void dirty_set(mfn_t mfn, uint64_t by)
{
    struct frame *f = frame_at(mfn);
    uint64_t w;

    BUG_ON(!f);
    near_add(mfn);
    w = word_of(f);
    while (!__atomic_compare_exchange_n(&f->word, &w, (w + by) | DIRTY, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
    if (w & DIRTY)
        near_drop(mfn);   /* counted already */
}

void frame_writer_begin(mfn_t mfn) { dirty_set(mfn, WRITER); }

void frame_writer_end(mfn_t mfn)
{
    uint64_t w = __atomic_fetch_sub(&frame_at(mfn)->word, WRITER, __ATOMIC_RELEASE);

    BUG_ON(word_writers(w) == 0);
}

void frame_put_writer(mfn_t mfn)
{
    frame_writer_end(mfn);
    frame_put(mfn);
}

void frame_mark_dirty(mfn_t mfn)
{
    if (!(word_of(frame_at(mfn)) & DIRTY))
        dirty_set(mfn, 0);
}

/* Not while it has writers. Everything that earlier writers wrote can be seen after this. */
static void dirty_clear(struct frame *f)
{
    uint64_t w = word_of(f);

    while ((w & DIRTY) && !word_writers(w)) {
        if (__atomic_compare_exchange_n(&f->word, &w, w & ~DIRTY, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            near_drop(mfn_of(f));
            return;
        }
    }
}

bool frames_take_dirty(mfn_t first, unsigned nr, bool clean, uint64_t *bitmap, unsigned at)
{
    struct frame *f = frame_at(first);
    bool any = false;

    for (unsigned i = 0; i < nr; i++) {
        if (!frames_dirty_near(mfn_add(first, i))) {
            i += (unsigned)(NEAR - 1 - ((first.mfn + i) & (NEAR - 1)));   /* to the last of them */
            continue;
        }
        if (likely(!(word_of(&f[i]) & DIRTY)))
            continue;
        any = true;
        if (clean)
            dirty_clear(&f[i]);
        if (bitmap)
            bitmap[(at + i) / 64] |= BIT((at + i) % 64);
    }
    return any;
}

void *frame_alloc_shared(struct frame_owner *o)
{
    struct frame *f;

    if (!frame_owner_hold(o))
        return NULL;
    f = buddy_take(NULL, 0, BUDDY_ANYWHERE);
    if (!f) {
        frame_owner_put(o);
        return NULL;
    }
    frames_clear(f, 0);
    word_set(f, word_make(1, o->id, SHARED, 0));
    return mfn_to_virt(mfn_of(f));
}

void frame_free_shared(void *va)
{
    if (va)
        frame_put(virt_to_mfn(va));
}

bool frame_release(mfn_t mfn, struct frame_owner *o)
{
    struct frame *f = frame_find(mfn);
    uint64_t w;

    if (!f)
        return false;
    spin_lock(&o->lock);
    w = word_of(f);
    do {
        if (word_state(w) != OWNED || word_owner(w) != o->id) {
            spin_unlock(&o->lock);
            return false;
        }
    } while (!__atomic_compare_exchange_n(&f->word, &w, (w & ~STATE_MASK) | (uint64_t)OWNED_RELEASED << STATE_SHIFT,
                                          true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    unlink_frame(&o->list, f);
    spin_unlock(&o->lock);
    frame_put(mfn);
    return true;
}

struct frame_owner *frame_owner(mfn_t mfn)
{
    struct frame *f = frame_find(mfn);
    uint64_t w = f ? word_of(f) : 0;

    return state_is_owned(word_state(w)) ? frame_owner_of_id(word_owner(w)) : NULL;
}

int frames_release_all(struct frame_owner *o, bool (*preempt)(void))
{
    spin_lock(&o->large_lock);
    large_end(o);
    spin_unlock(&o->large_lock);
    for (unsigned n = 1;; n++) {
        uint32_t first;

        spin_lock(&o->lock);
        first = o->list;
        spin_unlock(&o->lock);
        if (first == FRAME_NONE)
            return 0;
        /* Nobody else releases pages of a dying owner, so the head cannot have changed hands. */
        frame_release(MFN(frame_table.first + first), o);
        if (n % 64 == 0 && preempt())
            return -ERESTART;
    }
}
