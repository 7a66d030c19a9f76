// SPDX-License-Identifier: Apache-2.0
/*
 * The frame table: every page frame of RAM has one owner and a count.
 *
 * A frame is free, the hypervisor's, or a domain's. A domain's frame is born
 * with one reference, the allocation's own; every mapping of it in another
 * address space (foreign, grant, a registered vcpu_info, ...) holds one more.
 * The frame is freed when the last is dropped, and only then leaves its
 * owner's total. Frames outside RAM (devices) have no entry.
 */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"
#include "lib/handover.h"

#define FRAME_NONE UINT32_MAX   /* the end of an owner's list */

/* Whose frames are: embedded in a domain, written by mm/frames.c and mm/buddy.c only. */
struct frame_owner {
    domid_t id;
    struct spinlock lock;
    bool dying GUARDED_BY(lock);       /* it gets nothing any more */
    uint32_t list GUARDED_BY(lock);    /* index of the first frame whose allocation is not released, or FRAME_NONE */
    uint64_t total;                    /* frames owned; written under lock */
    uint64_t max;
    uint64_t claimed;                  /* under the allocator's lock */
    struct spinlock large_lock;        /* the block of frames_alloc_large() under way: */
    mfn_t large_first GUARDED_BY(large_lock);
    uint64_t large_ready GUARDED_BY(large_lock);   /* so many of its frames are the owner's already */
    bool large_begun GUARDED_BY(large_lock);
};

/*
 * Questions to the owner, which vm/domain.c answers. By number: only of an owner that something of its keeps from
 * going.
 */
struct frame_owner *frame_owner_of_id(domid_t id);
bool frame_owner_hold(struct frame_owner *o);   /* it stays; false: it is about to go */
void frame_owner_put(struct frame_owner *o);

/* A new owner of nothing, that may have `limit` frames. */
void frames_owner_init(struct frame_owner *o, domid_t id, uint64_t limit);
/* From now on it gets no frames, and its claim is dropped. */
void frames_owner_die(struct frame_owner *o);
uint64_t frames_owned(const struct frame_owner *o);
/* The most that it may have; less than it has is legal: it only cannot get more. */
uint64_t frames_limit(const struct frame_owner *o);
void frames_set_limit(struct frame_owner *o, uint64_t pages);

/*
 * The table for all of [ram_start, ram_end), holes included, in `memory`, whose content does not matter; ram_bytes of
 * it are RAM. No frame is free yet. Boot only.
 */
void frames_init(void *memory, paddr_t ram_start, paddr_t ram_end, uint64_t ram_bytes);
uint64_t frames_table_size(paddr_t ram_start, paddr_t ram_end);   /* bytes, whole pages */
/* Gives the whole pages of [start, start + size) to the allocator; boot only, once per free range. */
void frames_add(paddr_t start, uint64_t size);

/* The machine's RAM, the hypervisor's own included, and the free part of it; in frames. */
uint64_t frames_total(void);
uint64_t frames_free(void);

/* How another program finds out which frames are in use. */
void frames_describe(struct handover_frames *f);

/* The highest frame of RAM. */
mfn_t frames_last(void);

/*
 * XENMEM_claim_pages: of the free frames, as many are kept for o as it lacks to own `pages`; each allocation for o uses
 * up its claim, others cannot have claimed frames. 0 drops the claim. -ENOMEM: not so many are free; -EINVAL: o is
 * dying.
 */
int frames_claim(struct frame_owner *o, uint64_t pages);
uint64_t frames_claimed(const struct frame_owner *o_or_null);  /* by o, or by all */

/* True if the frame is RAM that the frame table knows. */
bool frame_is_ram(mfn_t mfn);

/* The direct map: RAM only. */
void *mfn_to_virt(mfn_t mfn);
mfn_t virt_to_mfn(const void *va);

/* 2^order zeroed frames for the hypervisor itself; NULL if there are none. */
void *pages_alloc(unsigned order);
void pages_free(void *va, unsigned order);
static inline void *page_alloc(void) { return pages_alloc(0); }
static inline void page_free(void *va) { pages_free(va, 0); }

/*
 * A zeroed frame that the hypervisor shares with o's guest (P2M_XENHEAP): o's by frame_get(mfn, o), but not in its
 * total. It holds o until freed, which is when its last reference is dropped. NULL is ignored.
 */
void *frame_alloc_shared(struct frame_owner *o);
void frame_free_shared(void *va);

#define FRAME_KEEP_CONTENT 1u  /* do not zero: dom0's first memory, which holds nothing of anybody's */

/*
 * 2^order frames for o, each with one reference. Below 2^address_bits if that is not 0.
 * -ENOMEM: none left, or o's limit reached. -EINVAL: o is dying.
 */
int frames_alloc_domain(struct frame_owner *o, unsigned order, unsigned address_bits, unsigned flags, mfn_t *first);

/*
 * 2^FRAMES_LARGE_ORDER zeroed frames for o, made its own in slices: -ERESTART: call again (for the same o; it is the
 * one large block that o has under way). A block that was begun is o's like the rest, and goes with it. Errors as
 * frames_alloc_domain().
 */
#define FRAMES_LARGE_ORDER 18   /* 1 GiB */
int frames_alloc_large(struct frame_owner *o, mfn_t *first, bool (*preempt)(void));

/* Exactly [first, first + 2^order), if it is free: the 1:1 placement of dom0. Content is kept. -ENOMEM. */
int frames_alloc_domain_at(struct frame_owner *o, mfn_t first, unsigned order);

/* Takes a reference iff the frame is RAM, owned by o and alive. */
bool frame_get(mfn_t mfn, const struct frame_owner *o);
/* Takes a reference to a domain's frame, which keeps the domain: its owner. NULL: no domain owns it. */
struct frame_owner *frame_get_any(mfn_t mfn);
/* Drops one; the last one frees the frame. */
void frame_put(mfn_t mfn);

/*
 * A writer past the owner's p2m (by a mapping of its own: another domain, the hypervisor) is counted in the frame as
 * long as it can write, and holds a reference: the frame is dirty as long as it has writers, and once more after that.
 */
void frame_writer_begin(mfn_t mfn);
void frame_writer_end(mfn_t mfn);
void frame_put_writer(mfn_t mfn);       /* frame_writer_end() and frame_put() */
/* It was written, while the caller keeps it from going and from being looked at by frames_take_dirty(). */
void frame_mark_dirty(mfn_t mfn);
/*
 * Which of nr frames of RAM are dirty: bits from `at` on are set (bitmap may be NULL). `clean`: the others' writes were
 * seen then, and frames without writers are dirty no more. True: there was one. The caller keeps the frames from going.
 */
bool frames_take_dirty(mfn_t first, unsigned nr, bool clean, uint64_t *bitmap, unsigned at);
/* False: no frame of the 2 MiB that mfn is in is dirty. */
bool frames_dirty_near(mfn_t mfn);

/*
 * Drops the allocation's own reference, once: false if it was dropped before (a hostile double free) or o is not the
 * owner.
 */
bool frame_release(mfn_t mfn, struct frame_owner *o);

/* The owner of a live domain frame, or NULL: for a free or hypervisor frame. For holders of a reference. */
struct frame_owner *frame_owner(mfn_t mfn);

/*
 * Releases the frames that o still owns, as many as it can before `preempt` says stop.
 * 0: all released (others may still hold references); -ERESTART: call again.
 */
int frames_release_all(struct frame_owner *o, bool (*preempt)(void));
