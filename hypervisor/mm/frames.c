// SPDX-License-Identifier: Apache-2.0
/*
 * The frame table and the buddy allocator on it.
 *
 * struct frame.word holds count, owner and state in one 64-bit value, so that a reference is taken with one
 * compare-and-swap that also proves who owns the frame. A free block of 2^order frames is described by its first
 * frame alone and linked by frame index. Invariants, under `lock`: a frame is in a free list iff it is FREE and the
 * first of its block; two buddies are never both free at the same order. An owner's list holds exactly its frames
 * whose allocation reference has not been released. A frame with writers is dirty; each of them has a reference, too.
 */
#include "mm/frames.h"

#include "arch/nospec.h"
#include "arch/zero.h"
#include "lib/errno.h"
#include "arch/lock.h"
#include "lib/string.h"
#include "mm/el2.h"

#define MAX_ORDER   FRAMES_LARGE_ORDER
#define SLICE_ORDER 8               /* of a large block; 1 MiB is zeroed at a time */
#define NONE        FRAME_NONE
/* of frame numbers, by how many bits they have: to be below an address costs no search */
#define ZONES       37
#define ANYWHERE    (ZONES - 1)

struct frame {
    /* refs 21:0, writers (of a free block: its order) 43:22, owner 59:44, state 62:60, dirty 63 */
    uint64_t word;
    uint32_t next, prev;            /* index in a free list or its owner's list */
};

enum frame_state { ABSENT, FREE, HYPERVISOR, OWNED, OWNED_RELEASED, SHARED };

/* In the states that belong to an owner. */
static bool state_is_owned(enum frame_state s) { return s == OWNED || s == OWNED_RELEASED || s == SHARED; }

static struct frame *table;
static uint64_t table_first, table_count;    /* in frames */
static struct spinlock lock = SPINLOCK_INIT;
static uint32_t free_list[MAX_ORDER + 1][ZONES] GUARDED_BY(lock);
static uint64_t free_zones[MAX_ORDER + 1] GUARDED_BY(lock);   /* bit z: free_list[][z] is not empty */
static uint64_t free_frames GUARDED_BY(lock);
static uint64_t total_frames;                /* written at boot only */
/* of the free ones, kept for domains: the sum of what each claimed */
static uint64_t claimed_frames GUARDED_BY(lock);

#define COUNT_BITS 22
#define COUNT_MAX  (BIT(COUNT_BITS) - 1)
#define WRITER     BIT(COUNT_BITS)
#define STATE_SHIFT 60
#define STATE_MASK (UINT64_C(7) << STATE_SHIFT)
#define DIRTY      BIT(63)

static uint64_t word_make(uint32_t refs, domid_t owner, enum frame_state state, unsigned order)
{
    return refs | (uint64_t)order << COUNT_BITS | (uint64_t)owner << (2 * COUNT_BITS) | (uint64_t)state << STATE_SHIFT;
}

static uint32_t word_refs(uint64_t w) { return w & COUNT_MAX; }
static uint32_t word_writers(uint64_t w) { return (w >> COUNT_BITS) & COUNT_MAX; }
static domid_t word_owner(uint64_t w) { return (domid_t)(w >> (2 * COUNT_BITS)); }
static enum frame_state word_state(uint64_t w) { return (enum frame_state)((w & STATE_MASK) >> STATE_SHIFT); }

/* How often a guest let go of a frame, and what of that the instruction caches were cleared after. */
static uint64_t let_go = 1;
static uint64_t let_go_cleared;

static struct frame *frame_at(mfn_t mfn)
{
    uint64_t i = mfn.mfn - table_first;

    return i < table_count ? &table[i] : NULL;
}

static uint32_t index_of(const struct frame *f) { return (uint32_t)(f - table); }
static mfn_t mfn_of(const struct frame *f) { return MFN(table_first + index_of(f)); }
static uint64_t word_of(const struct frame *f) { return __atomic_load_n(&f->word, __ATOMIC_RELAXED); }
static void word_set(struct frame *f, uint64_t w) { __atomic_store_n(&f->word, w, __ATOMIC_RELEASE); }

/* Both kinds of list: first index in *head, doubly linked, NONE at the ends. */
static void link_frame(uint32_t *head, struct frame *f)
{
    f->prev = NONE;
    f->next = *head;
    if (*head != NONE)
        table[*head].prev = index_of(f);
    *head = index_of(f);
}

static void unlink_frame(uint32_t *head, struct frame *f)
{
    if (f->next != NONE)
        table[f->next].prev = f->prev;
    if (f->prev != NONE)
        table[f->prev].next = f->next;
    else
        *head = f->next;
}

void frames_owner_init(struct frame_owner *o, domid_t id, uint64_t limit)
{
    o->id = id;
    o->max = limit;
    spin_lock(&o->lock);
    o->list = NONE;
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

void frames_init(void *frame_table, paddr_t ram_start, paddr_t ram_end, uint64_t ram_bytes)
{
    total_frames = ram_bytes >> PAGE_SHIFT;
    table = frame_table;
    table_first = ram_start.pa >> PAGE_SHIFT;
    table_count = (ram_end.pa - ram_start.pa) >> PAGE_SHIFT;
    memory_zero(table, frames_table_size(ram_start, ram_end));
    spin_lock(&lock);
    for (unsigned order = 0; order <= MAX_ORDER; order++)
        for (unsigned zone = 0; zone < ZONES; zone++)
            free_list[order][zone] = NONE;
    spin_unlock(&lock);
}

uint64_t frames_table_size(paddr_t ram_start, paddr_t ram_end)
{
    return align_up(((ram_end.pa - ram_start.pa) >> PAGE_SHIFT) * sizeof(struct frame), PAGE_SIZE);
}

static unsigned zone_of(const struct frame *f)
{
    uint64_t mfn = mfn_of(f).mfn;

    return mfn ? 64 - (unsigned)__builtin_clzll(mfn) : 0;
}

static void free_link(struct frame *f, unsigned order) REQUIRES(lock)
{
    unsigned zone = zone_of(f);

    word_set(f, word_make(0, 0, FREE, order));
    link_frame(&free_list[order][zone], f);
    free_zones[order] |= BIT(zone);
}

/* It is nothing's now. */
static void free_unlink(struct frame *f, unsigned order) REQUIRES(lock)
{
    unsigned zone = zone_of(f);

    unlink_frame(&free_list[order][zone], f);
    if (free_list[order][zone] == NONE)
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

        if (!buddy || word_of(buddy) != word_make(0, 0, FREE, order))
            break;
        free_unlink(buddy, order);
        if (buddy < f) {
            word_set(f, word_make(0, 0, ABSENT, 0));
            f = buddy;
        }
    }
    free_link(f, order);
}

/* Takes a block off its list and gives back what is over: the half that does not contain `want`, down to `order`. */
static struct frame *block_split(struct frame *f, unsigned from, unsigned order, mfn_t want) REQUIRES(lock)
{
    free_unlink(f, from);
    free_frames -= UINT64_C(1) << order;
    while (from > order) {
        struct frame *upper, *rest;

        from--;
        upper = f + (UINT64_C(1) << from);
        rest = want.mfn >= mfn_of(upper).mfn ? f : upper;
        f = rest == f ? upper : f;
        free_link(rest, from);
    }
    return f;
}

/*
 * The smallest free block of at least `order` whose first frame has at most `bits` bits, from as high as there is one:
 * what is low is kept for who needs it. As blocks are aligned, its first 2^order frames lie below 2^bits then.
 */
static struct frame *block_find(unsigned order, unsigned bits, unsigned *from) REQUIRES(lock)
{
    for (*from = order; *from <= MAX_ORDER && order <= bits; ++*from) {
        uint64_t zones = free_zones[*from] & (BIT(bits + 1) - 1);

        if (zones)
            return &table[free_list[*from][63 - (unsigned)__builtin_clzll(zones)]];
    }
    return NULL;
}

/*
 * A block of 2^order frames below 2^bits, for an owner or, NULL, for the hypervisor, which claims do
 * not keep from anything: it takes little, and to give it nothing helps nobody.
 */
static struct frame *block_alloc(struct frame_owner *o, unsigned order, unsigned bits) EXCLUDES(lock)
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
    return found;
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

mfn_t frames_last(void) { return MFN(table_first + table_count - 1); }

void frames_add(paddr_t start, uint64_t size)
{
    uint64_t mfn = align_up(start.pa, PAGE_SIZE) >> PAGE_SHIFT;
    uint64_t end = (start.pa + size) >> PAGE_SHIFT;

    spin_lock(&lock);
    while (mfn < end) {
        unsigned order = MAX_ORDER;

        while (order && ((mfn & ((UINT64_C(1) << order) - 1)) || mfn + (UINT64_C(1) << order) > end))
            order--;
        block_free(&table[mfn - table_first], order);
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

/* The one question that is asked of a number that a guest made up. */
bool frame_is_ram(mfn_t mfn)
{
    uint64_t i = mfn.mfn - table_first;

    _Static_assert(HYPERVISOR + 1 == OWNED && OWNED + 2 == SHARED,
                   "the hypervisor's, and after it those that are owned");
    return i < table_count && word_state(word_of(&table[index_nospec(i, table_count)])) >= HYPERVISOR;
}

void *pages_alloc(unsigned order)
{
    struct frame *f = block_alloc(NULL, order, ANYWHERE);
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
    spin_lock(&lock);
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
        word_set(&f[i], word_make(0, 0, ABSENT, 0));
    block_free(f, order);
    spin_unlock(&lock);
}

/*
 * Code that a guest had in a frame may be in the instruction caches still, and would be what the next one executes
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
 * Nothing of whoever had the frames can be seen in them: not in memory either, which a guest reads past the data caches
 * while its stage 1 is off or says non-cacheable (Arm ARM DDI 0487, "Combining stage 1 and stage 2 memory type
 * attributes": the weaker of both count; only FEAT_S2FWB, which we do not depend on, changes that); nor in instruction
 * caches, which follow memory by themselves only if CTR_EL0.DIC is 1.
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

/* Makes a block somebody's, or says why not; counts it. */
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

    if (err) {
        spin_lock(&lock);
        block_free(f, order);
        spin_unlock(&lock);
    }
    return err;
}

int frames_alloc_domain(struct frame_owner *o, unsigned order, unsigned address_bits, unsigned flags, mfn_t *first)
{
    unsigned bits = address_bits && address_bits < ANYWHERE + PAGE_SHIFT ? address_bits - PAGE_SHIFT : ANYWHERE;
    struct frame *f;
    int err;

    if (order > MAX_ORDER || (address_bits && address_bits < PAGE_SHIFT))
        return -ENOMEM;
    /* Before anything is zeroed or taken off a claim; block_assign() asks again. */
    spin_lock(&o->lock);
    err = growth_check(o, UINT64_C(1) << order);
    spin_unlock(&o->lock);
    if (err)
        return err;
    f = block_alloc(o, order, bits);
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
    f = block_alloc(o, FRAMES_LARGE_ORDER, ANYWHERE);
    if (!f)
        return -ENOMEM;
    o->large_first = mfn_of(f);
    o->large_ready = 0;
    o->large_begun = true;
    return 0;
}

/* Ends it: what is not the owner's yet goes back to where it came from. */
static void large_end(struct frame_owner *o) REQUIRES(o->large_lock)
{
    if (!o->large_begun)
        return;
    o->large_begun = false;
    spin_lock(&lock);
    for (uint64_t i = o->large_ready; i < UINT64_C(1) << FRAMES_LARGE_ORDER; i += UINT64_C(1) << SLICE_ORDER)
        block_free(frame_at(mfn_add(o->large_first, i)), SLICE_ORDER);
    spin_unlock(&lock);
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

/* The free block that contains mfn whole at `order`, or NULL. */
static struct frame *block_containing(mfn_t mfn, unsigned order, unsigned *found) REQUIRES(lock)
{
    for (unsigned o = order; o <= MAX_ORDER; o++) {
        struct frame *f = frame_at(MFN(align_down(mfn.mfn, UINT64_C(1) << o)));

        if (f && word_of(f) == word_make(0, 0, FREE, o)) {
            *found = o;
            return f;
        }
    }
    return NULL;
}

int frames_alloc_domain_at(struct frame_owner *o, mfn_t first, unsigned order)
{
    unsigned from = 0;
    struct frame *f;

    spin_lock(&lock);
    f = block_containing(first, order, &from);
    if (f)
        f = block_split(f, from, order, first);
    spin_unlock(&lock);
    return f ? assign_or_free(o, f, order) : -ENOMEM;
}

bool frame_range_free(mfn_t first, unsigned order)
{
    unsigned from;
    bool is_free;

    spin_lock(&lock);
    is_free = block_containing(first, order, &from) != NULL;
    spin_unlock(&lock);
    return is_free;
}

/* One more reference to a frame of `id`, or of anybody (NULL); *whose it is. */
static bool frame_get_if(mfn_t mfn, const domid_t *id, domid_t *whose)
{
    struct frame *f = frame_at(mfn);
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

/* A frame that a guest had is free again. No TLB has it any more. */
static void frame_free(struct frame *f)
{
    __atomic_fetch_add(&let_go, 1, __ATOMIC_RELAXED);
    spin_lock(&lock);
    block_free(f, 0);
    spin_unlock(&lock);
}

/* The last reference went: the frame is nobody's, and its owner one page smaller. */
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

void frame_writer_begin(mfn_t mfn)
{
    struct frame *f = frame_at(mfn);
    uint64_t w;

    BUG_ON(!f);
    w = word_of(f);
    while (!__atomic_compare_exchange_n(&f->word, &w, (w + WRITER) | DIRTY, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        continue;
}

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

void frame_mark_dirty(mfn_t mfn) { __atomic_fetch_or(&frame_at(mfn)->word, DIRTY, __ATOMIC_RELEASE); }

/* Nobody writes to it now: what a writer that left wrote is to be seen behind this. */
static void dirty_clear(struct frame *f)
{
    uint64_t w = word_of(f);

    while (!word_writers(w) &&
           !__atomic_compare_exchange_n(&f->word, &w, w & ~DIRTY, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        continue;
}

bool frames_take_dirty(mfn_t first, unsigned nr, bool clean, uint64_t *bitmap, unsigned at)
{
    struct frame *f = frame_at(first);
    bool any = false;

    for (unsigned i = 0; i < nr; i++) {
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
    f = block_alloc(NULL, 0, ANYWHERE);
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
    struct frame *f = frame_at(mfn);
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
    struct frame *f = frame_at(mfn);
    uint64_t w = f ? word_of(f) : 0;

    return state_is_owned(word_state(w)) ? frame_owner_of_id(word_owner(w)) : NULL;
}

unsigned frame_refs(mfn_t mfn)
{
    struct frame *f = frame_at(mfn);

    return f ? word_refs(word_of(f)) : 0;
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
        if (first == NONE)
            return 0;
        /* Nobody else releases pages of a dying owner, so the head cannot have changed hands. */
        frame_release(MFN(table_first + first), o);
        if (n % 64 == 0 && preempt())
            return -ERESTART;
    }
}
