// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's stage-2 translation, from guest frames to machine frames: a domain can reach exactly the frames that its
 * p2m maps. Mappings of 4 KiB, 2 MiB and 1 GiB, the largest that fits; split when a part changes.
 *
 * An entry of a foreign or grant type holds one reference to its frame, taken by the caller
 * before p2m_map and dropped by the p2m when the entry goes. RAM entries hold
 * none of their own: the allocation's reference stays with the owner until released.
 * While the p2m's lock is held no frame that it maps can go away, so guest
 * buffers are copied under it.
 */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"

struct dma;
struct frame_owner;

enum p2m_type {
    P2M_INVALID = 0,
    P2M_RAM_RW,
    P2M_RAM_RO,
    P2M_DEVICE,         /* device registers, nGnRE */
    P2M_DEVICE_CACHED,  /* device memory that dom0 asked to map cacheable */
    P2M_FOREIGN_RW,     /* a frame of another domain, mapped by privilege; one of its writers */
    P2M_FOREIGN_RO,
    P2M_GRANT_RW,       /* a frame of another domain, mapped by its grant */
    P2M_GRANT_RO,
    P2M_FOREIGN_CLEAN,  /* becomes FOREIGN_RW when it is written to: a mapping for reading makes no frame dirty */
    P2M_XENHEAP,        /* frame_alloc_shared(): shared info, grant table; no reference of its own */
};

/* Dirty tracking: which pages of the domain's RAM are written to (mm/p2m_dirty.h). */
enum p2m_tracking {
    P2M_TRACKING_OFF,
    P2M_TRACKING_STARTS,   /* frames from dirty.next on are not tracked yet */
    P2M_TRACKING_ON,
    P2M_TRACKING_STOPS,    /* nothing is tracked; entries from dirty.next on still have its marks */
};

struct p2m {
    struct spinlock lock;
    struct frame_owner *owner;           /* of its RAM */
    uint64_t *root GUARDED_BY(lock);     /* the first-level table, concatenated */
    unsigned root_order;
    unsigned root_level;
    unsigned address_bits;               /* guest-physical size */
    uint16_t vmid;
    uint64_t vttbr;                      /* VTTBR_EL2 while one of its vCPUs runs */
    uint64_t table_pages GUARDED_BY(lock);  /* taken for tables */
    uint64_t pool_pages GUARDED_BY(lock);   /* the limit set by XEN_DOMCTL_set_paging_mempool_size; 0: none was set */
    struct spare_table *spares GUARDED_BY(lock);   /* pages kept for tables, see p2m_reserve() */
    uint64_t spare_pages GUARDED_BY(lock);
    uint64_t reserve GUARDED_BY(lock);      /* so many freed tables are kept as spares */
    uint64_t max_mapped_gfn GUARDED_BY(lock);
    uint64_t next_to_release GUARDED_BY(lock);   /* where p2m_release_all goes on */
    bool dying GUARDED_BY(lock);         /* it has begun: nothing is mapped any more */
    struct dma *dma GUARDED_BY(lock);    /* what the domain's devices may reach; NULL: nobody is asked */
    struct {
        enum p2m_tracking tracking;      /* written under the lock; read without it, it may just have changed */
        uint64_t next GUARDED_BY(lock);
        uint32_t faults GUARDED_BY(lock);   /* since they were asked for last */
        uint32_t period GUARDED_BY(lock);   /* how often that began which is dirty now */
    } dirty;                             /* p2m_dirty.c's */
};

struct p2m_entry {
    mfn_t mfn;
    enum p2m_type type;
    unsigned order;  /* of the whole mapping that contains the gfn */
};

static inline bool p2m_is_tracked(const struct p2m *p2m)
{
    enum p2m_tracking t = __atomic_load_n(&p2m->dirty.tracking, __ATOMIC_RELAXED);

    return t == P2M_TRACKING_STARTS || t == P2M_TRACKING_ON;
}

/* -ENOMEM; -ENOSPC: no VMID is left for it. */
int p2m_init(struct p2m *p2m, struct frame_owner *owner);
/* Before any RAM is mapped in it: the domain's devices get what it gets, from now on (mm/dma.h). */
void p2m_serve_devices(struct p2m *p2m, struct dma *dma) EXCLUDES(p2m->lock);
/*
 * Removes every mapping and drops the entries' references, in slices: -ERESTART: call again. From the first call on
 * p2m_map() refuses. 0: the tables and the VMID are given back, too. No vCPU may use it any more.
 */
int p2m_release_all(struct p2m *p2m, bool (*preempt)(void));
/* The same for a p2m that nothing is mapped in; harmless after p2m_release_all(). */
void p2m_destroy(struct p2m *p2m);

/*
 * Maps nr frames from gfn on to those from mfn on, all or none. Earlier mappings there are replaced (and their
 * references dropped).
 * -ENOMEM: no tables; -EINVAL beyond the address size, or when p2m_release_all() has begun.
 */
MUST_CHECK int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type) EXCLUDES(p2m->lock);
/*
 * Removes those mappings of gfn, gfn + 1, ... that still lead to mfn, mfn + 1, ...; few, for all is done in one go.
 * -ENOENT: not all of them did, the others are gone now; -ENOMEM: a block would have to be split, nothing was removed.
 */
MUST_CHECK int p2m_unmap_exact(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr) EXCLUDES(p2m->lock);
/*
 * Removes nr pages of the domain's own RAM from gfn on, all or none; `give_back`: they are its no longer when it
 * returns. Few, as above.
 * -EINVAL: something there is no RAM; -ENOMEM: a block would have to be split.
 */
MUST_CHECK int p2m_remove_ram(struct p2m *p2m, gfn_t gfn, uint64_t nr, bool give_back) EXCLUDES(p2m->lock);

/* The mapping of gfn; false and P2M_INVALID for a hole. */
bool p2m_lookup(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry) EXCLUDES(p2m->lock);
bool p2m_lookup_locked(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry) REQUIRES(p2m->lock);

/*
 * A reference to the RAM that gfn maps to (its own; foreign, granted and shared pages too if `any`), for the caller to
 * keep beyond the lock: false if there is no RAM at gfn, or it is read-only and `write`. Dropped with frame_put().
 */
bool p2m_get_frame(struct p2m *p2m, gfn_t gfn, bool write, bool any, mfn_t *mfn) EXCLUDES(p2m->lock);
/* The same for a caller that may write to it as long as it has the reference: dropped with frame_put_writer(). */
bool p2m_get_frame_to_write(struct p2m *p2m, gfn_t gfn, bool any, mfn_t *mfn) EXCLUDES(p2m->lock);

uint64_t p2m_max_gfn(struct p2m *p2m) EXCLUDES(p2m->lock);

/*
 * Cleans the caches of RAM in [start, end), and clears instruction caches: XEN_DOMCTL_cacheflush, for a toolstack that
 * wrote a guest's memory. -ERESTART moves *start.
 */
int p2m_cache_flush(struct p2m *p2m, gfn_t *start, gfn_t end, bool (*preempt)(void)) EXCLUDES(p2m->lock);

/* The paging pool, in pages. set: -EBUSY below the number in use. */
int p2m_set_pool(struct p2m *p2m, uint64_t pages) EXCLUDES(p2m->lock);
uint64_t p2m_get_pool(struct p2m *p2m) EXCLUDES(p2m->lock);
/*
 * Keeps `pages` of its own for tables to come, so that mapping up to there does not depend on free memory. -ENOMEM: as
 * many as there were. Once per p2m.
 */
int p2m_reserve(struct p2m *p2m, uint64_t pages) EXCLUDES(p2m->lock);
