// SPDX-License-Identifier: Apache-2.0
/*
 * Grant tables, version 1 (xen/include/public/grant_table.h): a domain lets named others at named frames.
 *
 * The guest writes its entries in frames it shares with us; beside each we keep an active entry: the machine frame
 * that the grant meant when it was first used, by whom, and how often it is in use now (pins). While an entry is
 * pinned, its flags GTF_reading and GTF_writing are set, and one reference to the frame is held, whatever the guest
 * writes there. A mapping is known to its mapper by a handle (maptrack); it holds its pins, a reference to the granting
 * domain and, in the mapper's p2m, its own reference to the frame. So a granter that dies lives on as a husk until the
 * last map is gone.
 *
 * Locks: domain_grants.lock for the table and active entries, maptrack_lock for the handles; never both, and
 * neither with a p2m lock wanted in the other order (a p2m lock is the inner one).
 */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"

struct domain;
struct grant_active;
struct grant_mapping;

struct domain_grants {
    struct spinlock lock;
    unsigned nr_frames GUARDED_BY(lock);
    unsigned max_frames;
    uint32_t pinned GUARDED_BY(lock);       /* entries in use by others */
    bool closed GUARDED_BY(lock);           /* the domain dies: the table's frames are gone, and none comes */
    void **frames GUARDED_BY(lock);         /* max_frames; the first nr_frames are pages shared with the guest */
    struct grant_active **active GUARDED_BY(lock);  /* beside each; stay until freed */
    uint64_t *frame_gfns GUARDED_BY(lock);  /* where the guest sees each frame; INVALID_GFN: nowhere */

    struct spinlock maptrack_lock;
    struct grant_mapping **maptrack GUARDED_BY(maptrack_lock);  /* pages, on demand, as is the array */
    unsigned maptrack_pages GUARDED_BY(maptrack_lock);  /* of handles, the first of the array */
    unsigned maptrack_spare GUARDED_BY(maptrack_lock);  /* behind these: not needed any more */
    unsigned max_maptrack_pages;
    uint32_t maptrack_free GUARDED_BY(maptrack_lock);   /* head of the free handles */
    uint32_t maptrack_used GUARDED_BY(maptrack_lock);
    bool dying GUARDED_BY(maptrack_lock);               /* no more maps */
};

/* Limits in Xen's frames: 512 entries a grant frame, 256 handles a maptrack frame. -ENOMEM, -EINVAL. */
int grant_domain_init(struct domain *d, unsigned max_frames, unsigned max_maptrack_frames);
/*
 * Gives back every grant that d maps (its p2m entries go with p2m_release_all), and its own table's frames; mappings
 * that others still have of d's grants stay theirs. No vCPU of d runs any more. -ERESTART: call again.
 */
int grant_domain_destroy(struct domain *d, bool (*preempt)(void));
/* Frees the rest; with the last reference to d, when nobody maps anything of it. Harmless after a failed init. */
void grant_domain_free(struct domain *d);

/* d has something mapped that other domains granted. */
bool grant_maps_others(struct domain *d);

/* Frame idx of the table, growing it up to its limit: for XENMEM_acquire_resource. -EINVAL, -ENOMEM. */
int grant_get_frame(struct domain *d, unsigned idx, mfn_t *mfn);
/* XENMAPSPACE_grant_table: shows frame idx at gfn, and no longer where it was before. -EINVAL, -ENOMEM. */
int grant_map_frame(struct domain *d, unsigned idx, gfn_t gfn);
/* The table at least nr_frames large. -EINVAL beyond the limit, -ENOMEM. */
int grant_grow(struct domain *d, unsigned nr_frames);
void grant_size(struct domain *d, unsigned *nr_frames, unsigned *max_frames);
/* Where the guest sees frame idx; INVALID_GFN. */
gfn_t grant_frame_gfn(struct domain *d, unsigned idx);

/* The operations; all return GNTST_*. */
struct grant_map {
    uint64_t host_addr;      /* in: guest-physical, page aligned; with GNTMAP_host_map */
    uint32_t flags;          /* in: GNTMAP_* */
    uint32_t ref;            /* in */
    domid_t granter;         /* in */
    uint32_t handle;         /* out */
    uint64_t machine_addr;   /* out */
};
int grant_map_ref(struct domain *mapper, struct grant_map *op);
/* host_addr and bus_addr: 0 leaves that kind of mapping; otherwise it has to be the one that handle stands for. */
int grant_unmap_ref(struct domain *mapper, uint32_t handle, uint64_t host_addr, uint64_t bus_addr);
/*
 * After unmaps: frees a slice of the memory that d's mappings do not need any more. True: there is more; a caller that
 * does not go on loses nothing.
 */
bool grant_trim(struct domain *d);
/* Pages that its mappings' handles take, for dumps. */
unsigned grant_maptrack_pages(struct domain *d);

struct grant_copy_end {
    bool is_ref;             /* ref of `domain`; otherwise gfn of the caller (domain is DOMID_SELF) */
    domid_t domain;
    uint32_t ref;
    uint64_t gfn;
    uint16_t offset;         /* bytes in the frame */
};
int grant_copy(struct domain *caller, const struct grant_copy_end *from, const struct grant_copy_end *to,
               uint16_t length);

int grant_swap(struct domain *d, uint32_t a, uint32_t b);

/*
 * GNTTABOP_cache_flush: cleans and invalidates length bytes of one frame, d's own or one it has mapped by grant: 0,
 * -EINVAL, -EPERM. The owner's table is searched from its frame *next on (0 at first): -ERESTART: call again, with
 * *next as it is then.
 */
int grant_cache_flush(struct domain *d, uint64_t machine_addr, uint16_t offset, uint16_t length, unsigned *next,
                      bool (*preempt)(void));

/* One console line per entry in use (debug key 'g'). */
void grant_dump(struct domain *d);

struct record_kind;
extern const struct record_kind grants_record;
