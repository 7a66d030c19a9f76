// SPDX-License-Identifier: Apache-2.0
/*
 * The frame table: every page frame of RAM has one owner and a count.
 *
 * A frame is free, the hypervisor's, or a domain's. A domain's frame is born
 * with one reference, the allocation's own; every mapping of it in another
 * address space (foreign, grant, a registered vcpu_info, ...) holds one more.
 * The frame is freed when the last is dropped, and only then leaves its
 * owner's total_pages. Frames outside RAM (devices) have no entry.
 */
#pragma once

#include "lib/base.h"

struct domain;

/*
 * The table for all of [ram_start, ram_end), holes included, at frame_table; ram_bytes of it are RAM. No frame is free yet.
 * Boot only.
 */
void frames_init(void *frame_table, paddr_t ram_start, paddr_t ram_end, uint64_t ram_bytes);
uint64_t frames_table_size(paddr_t ram_start, paddr_t ram_end);   /* bytes, whole pages */
/* Gives the whole pages of [start, start + size) to the allocator; boot only, once per free range. */
void frames_add(paddr_t start, uint64_t size);

#define FRAME_NONE UINT32_MAX   /* the end of a domain's page_list */

/* The machine's RAM, the hypervisor's own included, and what of it is free; in frames. */
uint64_t frames_total(void);
uint64_t frames_free(void);

/* The highest frame of RAM. */
mfn_t frames_last(void);

/*
 * XENMEM_claim_pages: of the free frames, as many are kept for d as it lacks to own `pages`; each allocation for d
 * uses up its claim, others cannot have what is claimed. 0 drops the claim. -ENOMEM: not so many are free; -EINVAL: d is dying.
 */
int frames_claim(struct domain *d, uint64_t pages);
uint64_t frames_claimed(const struct domain *d_or_null);  /* by d, or by all */

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
 * A zeroed frame that the hypervisor shares with d's guest (P2M_XENHEAP): d's by frame_get(mfn, d), but not in its
 * total_pages. It holds the struct d until freed, which is when its last reference is dropped. NULL is ignored.
 */
void *frame_alloc_shared(struct domain *d);
void frame_free_shared(void *va);

#define FRAME_KEEP_CONTENT 1u  /* do not zero: dom0's first memory, which holds nothing of anybody's */

/*
 * 2^order frames for d, each with one reference. Below 2^address_bits if that is not 0.
 * -ENOMEM: none left, or d's max_pages reached. -EINVAL: d is dying.
 */
int frames_alloc_domain(struct domain *d, unsigned order, unsigned address_bits, unsigned flags, mfn_t *first);

/*
 * 2^FRAMES_LARGE_ORDER zeroed frames for d, made its own in slices: -ERESTART: call again (for the same d; it is the one large
 * block that d has under way). What was begun is d's like the rest, and goes with it. Errors as frames_alloc_domain().
 */
#define FRAMES_LARGE_ORDER 18   /* 1 GiB */
int frames_alloc_large(struct domain *d, mfn_t *first, bool (*preempt)(void));

/* Exactly [first, first + 2^order), if it is free: the 1:1 placement of dom0. Content is kept. -ENOMEM. */
int frames_alloc_domain_at(struct domain *d, mfn_t first, unsigned order);
bool frame_range_free(mfn_t first, unsigned order);

/* Takes a reference iff the frame is RAM, owned by d and alive. */
bool frame_get(mfn_t mfn, const struct domain *d);
/* Drops one; the last one frees the frame. */
void frame_put(mfn_t mfn);
/* Drops the allocation's own reference, once: false if it was dropped before (a hostile double free) or d is not the owner. */
bool frame_release(mfn_t mfn, struct domain *d);

/* The owner of a live domain frame, or NULL: for a free or hypervisor frame. A hint, unless a reference is held. */
struct domain *frame_owner(mfn_t mfn);
/* How many references the frame has now; for tests and for the checks of XENMEM_exchange and the like. */
unsigned frame_refs(mfn_t mfn);

/*
 * Releases the frames that d still owns, as many as it can before `preempt` says stop.
 * 0: all released (others may still hold references); -ERESTART: call again.
 */
int frames_release_all(struct domain *d, bool (*preempt)(void));
