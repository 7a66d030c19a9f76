// SPDX-License-Identifier: Apache-2.0
/*
 * Grants that a domain maps. Each mapping has a handle, which indexes the mapper's maptrack: pages of struct
 * grant_mapping whose free ones are a list. A mapping in use (kinds != 0) holds one pin on the granter's entry and one
 * reference to the granter. The caller that takes the last kind out of a mapping, under the lock, gives these back
 * after unlocking.
 */
#include "vm/grant/internal.h"

#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

struct grant_mapping {
    struct domain *granter;
    uint64_t mfn;
    uint64_t gfn;          /* in use: where the mapper sees it; free: the next free handle */
    uint32_t ref;
    uint16_t kinds;        /* GNTMAP_host_map, GNTMAP_device_map: still mapped */
    bool write;
};
_Static_assert(sizeof(struct grant_mapping) == 32, "the limits count on 128 handles a page");

#define MAPPINGS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_mapping))
#define MAP_KINDS         (GNTMAP_host_map | GNTMAP_device_map)
#define NO_HANDLE         UINT32_MAX

/*
 * How many mappings a dying domain gives back, and how many pages of handles are freed, between two looks at the clock.
 */
#define RELEASE_SLICE 16
#define TRIM_SLICE    16

static struct grant_mapping *mapping_at(struct domain_grants *g, uint32_t handle) REQUIRES(g->maptrack_lock)
{
    unsigned page = handle / MAPPINGS_PER_PAGE;

    if (page >= g->maptrack_pages)
        return NULL;
    return &g->maptrack[index_nospec(page, g->maptrack_pages)][handle % MAPPINGS_PER_PAGE];
}

/* Puts a page of free handles before the other free ones. */
static void handles_add(struct domain_grants *g, unsigned page) REQUIRES(g->maptrack_lock)
{
    uint32_t first = (uint32_t)(page * MAPPINGS_PER_PAGE);

    for (unsigned i = 0; i < MAPPINGS_PER_PAGE; i++)
        g->maptrack[page][i].gfn = first + i + 1;
    g->maptrack[page][MAPPINGS_PER_PAGE - 1].gfn = g->maptrack_free;
    g->maptrack_free = first;
}

/* No handle is in use: one page goes on being one of handles, the others are spare until grant_trim() frees them. */
static void maptrack_shrink(struct domain_grants *g) REQUIRES(g->maptrack_lock)
{
    g->maptrack_spare += g->maptrack_pages - 1;
    g->maptrack_pages = 1;
    g->maptrack_free = NO_HANDLE;
    handles_add(g, 0);
}

static void handle_free(struct domain_grants *g, uint32_t handle) REQUIRES(g->maptrack_lock)
{
    mapping_at(g, handle)->gfn = g->maptrack_free;
    g->maptrack_free = handle;
    if (--g->maptrack_used == 0 && g->maptrack_pages > 1)
        maptrack_shrink(g);
}

bool grant_maps_others(struct domain *d)
{
    bool maps;

    spin_lock(&d->grants.maptrack_lock);
    maps = d->grants.maptrack_used;
    spin_unlock(&d->grants.maptrack_lock);
    return maps;
}

bool grant_trim(struct domain *d)
{
    struct domain_grants *g = &d->grants;
    bool more;

    spin_lock(&g->maptrack_lock);
    for (unsigned n = 0; n < TRIM_SLICE && g->maptrack_spare; n++)
        page_free(g->maptrack[g->maptrack_pages + --g->maptrack_spare]);
    more = g->maptrack_spare != 0;
    spin_unlock(&g->maptrack_lock);
    return more;
}

static bool maptrack_grow(struct domain_grants *g) REQUIRES(g->maptrack_lock)
{
    struct grant_mapping *page;

    if (g->maptrack_pages == g->max_maptrack_pages)
        return false;
    if (g->maptrack_spare) {
        g->maptrack_spare--;
    } else {
        if (!g->maptrack)
            g->maptrack = heap_alloc_array(g->max_maptrack_pages, sizeof(*g->maptrack));
        page = g->maptrack ? page_alloc() : NULL;
        if (!page)
            return false;
        g->maptrack[g->maptrack_pages] = page;
    }
    handles_add(g, g->maptrack_pages++);
    return true;
}

static uint32_t handle_alloc(struct domain_grants *g)
{
    uint32_t handle = NO_HANDLE;

    spin_lock(&g->maptrack_lock);
    if (!g->dying && (g->maptrack_free != NO_HANDLE || maptrack_grow(g))) {
        handle = g->maptrack_free;
        g->maptrack_free = (uint32_t)mapping_at(g, handle)->gfn;
        g->maptrack_used++;
    }
    spin_unlock(&g->maptrack_lock);
    return handle;
}

static void handle_give_back(struct domain_grants *g, uint32_t handle)
{
    spin_lock(&g->maptrack_lock);
    handle_free(g, handle);
    spin_unlock(&g->maptrack_lock);
}

/* Puts the pinned frame where the mapper wants it; the entry takes a reference of its own. */
static int host_map(struct domain *mapper, struct domain *granter, const struct grant_map *op, mfn_t mfn)
{
    enum p2m_type type = op->flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT_RW;

    if (!frame_get(mfn, &granter->frames))
        return GNTST_general_error;
    if (p2m_map(&mapper->p2m, GFN(op->host_addr >> PAGE_SHIFT), mfn, 1, type)) {
        frame_put(mfn);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

/* Pins and maps; the handle is the caller's to give back on failure. */
static int mapping_make(struct domain *mapper, struct domain *granter, const struct grant_map *op, mfn_t *mfn)
{
    bool write = !(op->flags & GNTMAP_readonly);
    int status = grant_pin(granter, op->ref, mapper, write, mfn);

    if (status != GNTST_okay || !(op->flags & GNTMAP_host_map))
        return status;
    status = host_map(mapper, granter, op, *mfn);
    if (status != GNTST_okay)
        grant_unpin(granter, op->ref, write);
    return status;
}

/* The reference to granter goes into the mapping. */
static void mapping_record(struct domain *mapper, struct domain *granter, const struct grant_map *op, mfn_t mfn)
{
    struct domain_grants *g = &mapper->grants;
    struct grant_mapping *m;

    spin_lock(&g->maptrack_lock);
    m = mapping_at(g, op->handle);
    m->granter = granter;
    m->mfn = mfn.mfn;
    m->gfn = op->host_addr >> PAGE_SHIFT;
    m->ref = op->ref;
    m->write = !(op->flags & GNTMAP_readonly);
    m->kinds = (uint16_t)(op->flags & MAP_KINDS);
    spin_unlock(&g->maptrack_lock);
}

static int flags_check(const struct grant_map *op)
{
    if (!(op->flags & MAP_KINDS))
        return GNTST_bad_gntref;
    /* These are for page tables that the guest shares with the hypervisor; an Arm guest has its own. */
    if (op->flags & (GNTMAP_contains_pte | GNTMAP_application_map))
        return GNTST_general_error;
    if ((op->flags & GNTMAP_host_map) && op->host_addr % PAGE_SIZE)
        return GNTST_bad_virt_addr;
    return GNTST_okay;
}

int grant_map_ref(struct domain *mapper, struct grant_map *op)
{
    struct domain *granter;
    int status = flags_check(op);
    mfn_t mfn;

    if (status != GNTST_okay)
        return status;
    granter = domain_get(op->granter);
    if (!granter)
        return GNTST_bad_domain;
    op->handle = handle_alloc(&mapper->grants);
    if (op->handle == NO_HANDLE) {
        domain_put(granter);
        return GNTST_no_space;
    }
    status = mapping_make(mapper, granter, op, &mfn);
    if (status == GNTST_okay) {
        mapping_record(mapper, granter, op, mfn);
        op->machine_addr = mfn_to_paddr(mfn).pa;
        return GNTST_okay;
    }
    handle_give_back(&mapper->grants, op->handle);
    domain_put(granter);
    return status;
}

/*
 * Takes the kinds that the addresses name out of the mapping; *was is the mapping before, with only the kinds that were
 * taken.
 */
static int mapping_take(struct domain_grants *g, uint32_t handle, uint64_t host_addr, uint64_t bus_addr,
                        struct grant_mapping *was, bool *last) REQUIRES(g->maptrack_lock)
{
    struct grant_mapping *m = mapping_at(g, handle);
    uint16_t kinds = (uint16_t)((host_addr ? GNTMAP_host_map : 0) | (bus_addr ? GNTMAP_device_map : 0));

    if (!m || !m->kinds)
        return GNTST_bad_handle;
    kinds &= m->kinds;
    if ((kinds & GNTMAP_host_map) && host_addr != m->gfn << PAGE_SHIFT)
        return GNTST_bad_virt_addr;
    if (bus_addr && bus_addr != m->mfn << PAGE_SHIFT)
        return GNTST_bad_dev_addr;
    *was = *m;
    was->kinds = kinds;
    m->kinds &= (uint16_t)~kinds;
    *last = kinds && !m->kinds;
    if (*last)
        handle_free(g, handle);
    return GNTST_okay;
}

int grant_unmap_ref(struct domain *mapper, uint32_t handle, uint64_t host_addr, uint64_t bus_addr)
{
    struct domain_grants *g = &mapper->grants;
    struct grant_mapping was;
    bool last = false;
    int status;

    spin_lock(&g->maptrack_lock);
    status = mapping_take(g, handle, host_addr, bus_addr, &was, &last);
    spin_unlock(&g->maptrack_lock);
    if (status != GNTST_okay)
        return status;
    /* If the guest put something else there, the mapping went, with its reference, when it did so. */
    if (was.kinds & GNTMAP_host_map)
        /* an entry of its own: no split */
        BUG_ON(p2m_unmap_exact(&mapper->p2m, GFN(was.gfn), MFN(was.mfn), 1) == -ENOMEM);
    if (last) {
        grant_unpin(was.granter, was.ref, was.write);
        domain_put(was.granter);
    }
    return GNTST_okay;
}

/* The result of a step of the release. */
enum release_step { RELEASE_DONE, RELEASE_PAGE_FREED, RELEASE_TAKEN };

/* The first mapping in use on a page of handles, or NULL. */
static struct grant_mapping *page_find_used(struct grant_mapping *page)
{
    for (unsigned i = 0; i < MAPPINGS_PER_PAGE; i++)
        if (page[i].kinds)
            return &page[i];
    return NULL;
}

/* Takes a mapping off the last page of handles, or frees the page: the walk goes on at the last page that is left. */
static enum release_step mapping_take_last(struct domain_grants *g, struct grant_mapping *was)
    REQUIRES(g->maptrack_lock)
{
    struct grant_mapping *m;

    if (!g->maptrack_pages)
        return RELEASE_DONE;
    m = page_find_used(g->maptrack[g->maptrack_pages - 1]);
    if (!m) {
        page_free(g->maptrack[--g->maptrack_pages]);
        return RELEASE_PAGE_FREED;
    }
    *was = *m;
    m->kinds = 0;
    g->maptrack_used--;
    return RELEASE_TAKEN;
}

static enum release_step mapping_release_last(struct domain *d)
{
    struct grant_mapping was;
    enum release_step step;

    spin_lock(&d->grants.maptrack_lock);
    step = mapping_take_last(&d->grants, &was);
    spin_unlock(&d->grants.maptrack_lock);
    if (step == RELEASE_TAKEN) {
        grant_unpin(was.granter, was.ref, was.write);
        domain_put(was.granter);
    }
    return step;
}

int maptrack_release(struct domain *d, bool (*preempt)(void))
{
    unsigned n = 0;

    spin_lock(&d->grants.maptrack_lock);
    d->grants.dying = true;
    spin_unlock(&d->grants.maptrack_lock);
    /* Spare pages are behind the others. */
    while (grant_trim(d))
        if (preempt())
            return -ERESTART;
    while (mapping_release_last(d) != RELEASE_DONE)
        if (++n % RELEASE_SLICE == 0 && preempt())
            return -ERESTART;
    return 0;
}

unsigned grant_maptrack_pages(struct domain *d)
{
    unsigned pages;

    spin_lock(&d->grants.maptrack_lock);
    pages = d->grants.maptrack_pages + d->grants.maptrack_spare;
    spin_unlock(&d->grants.maptrack_lock);
    return pages;
}

/* Without the lock: nobody knows of it any more. */
UNCHECKED_LOCKING void maptrack_free(struct domain *d)
{
    struct domain_grants *g = &d->grants;

    /* A mapping is a reference to another domain and a pin on its entry. */
    BUG_ON(g->maptrack_used);
    for (unsigned i = 0; i < g->maptrack_pages + g->maptrack_spare; i++)
        page_free(g->maptrack[i]);
    heap_free(g->maptrack, g->max_maptrack_pages * sizeof(*g->maptrack));
    g->maptrack = NULL;
    g->maptrack_pages = g->maptrack_spare = 0;
}
