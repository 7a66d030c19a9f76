// SPDX-License-Identifier: Apache-2.0
/*
 * The operations on a p2m. Each change is one transaction (mm/p2m_table.h): made under the lock as a whole, or not
 * begun, so that no vCPU sees or takes a part of a change that is then undone.
 */
#include "mm/p2m_table.h"

#include "arch/stage2.h"
#include "lib/errno.h"
#include "mm/el2.h"
#include "mm/frames.h"
#include "mm/vmid.h"

#define RELEASE_SLICE 256   /* entries and holes, between two looks at the clock */

static bool range_valid(const struct p2m *p2m, gfn_t gfn, uint64_t nr)
{
    uint64_t limit = UINT64_C(1) << (p2m->address_bits - PAGE_SHIFT);

    return gfn.gfn < limit && nr <= limit - gfn.gfn;
}

static int map_locked(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type) REQUIRES(p2m->lock)
{
    uint64_t end = gfn.gfn + nr;
    struct p2m_change c;
    int err = change_begin(p2m, &c, gfn.gfn, end);

    if (!err)
        err = change_take_tables(p2m, &c, gfn, mfn, nr, type);
    if (err)
        return err;
    /* Tables that become empty stay: the new entries go into them. */
    (void)change_mark(p2m, &c, gfn.gfn, end, UINT64_MAX);
    change_flush(p2m, &c);
    change_finish(p2m, &c, gfn.gfn, end);
    change_fill(p2m, &c, gfn, mfn, nr, type);
    p2m->max_mapped_gfn = max_u64(p2m->max_mapped_gfn, end - 1);
    return 0;
}

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    int err;

    if (nr == 0 || !range_valid(p2m, gfn, nr))
        return -EINVAL;
    spin_lock(&p2m->lock);
    err = p2m->dying ? -EINVAL : map_locked(p2m, gfn, mfn, nr, type);
    spin_unlock(&p2m->lock);
    return err;
}

bool p2m_lookup_locked(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    unsigned level;
    uint64_t pte;

    *entry = (struct p2m_entry){ .mfn = INVALID_MFN, .type = P2M_INVALID };
    if (!p2m->root || !range_valid(p2m, gfn, 1))
        return false;
    pte = *entry_find(p2m, gfn, &level);
    if (!(pte & S2_VALID))
        return false;
    entry->type = pte_type(pte);
    entry->order = level_order(level);
    entry->mfn = mfn_add(pte_mfn(pte), gfn.gfn & ((UINT64_C(1) << entry->order) - 1));
    return true;
}

bool p2m_lookup(struct p2m *p2m, gfn_t gfn, struct p2m_entry *entry)
{
    bool found;

    spin_lock(&p2m->lock);
    found = p2m_lookup_locked(p2m, gfn, entry);
    spin_unlock(&p2m->lock);
    return found;
}

/* How many of the frames from gfn on map to those from mfn on. */
static uint64_t run_count(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr) REQUIRES(p2m->lock)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < nr; i++) {
        struct p2m_entry e;

        n += p2m_lookup_locked(p2m, gfn_add(gfn, i), &e) && e.mfn.mfn == mfn.mfn + i;
    }
    return n;
}

int p2m_unmap_exact(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr)
{
    struct p2m_change c;
    int err = -ENOENT;
    uint64_t count;

    if (!range_valid(p2m, gfn, nr))
        return -ENOENT;
    spin_lock(&p2m->lock);
    count = run_count(p2m, gfn, mfn, nr);
    if (count)
        err = change_begin(p2m, &c, gfn.gfn, gfn.gfn + nr);
    if (!err) {
        c.exact = true;
        c.mfn = mfn;
        change_remove(p2m, &c, gfn.gfn, gfn.gfn + nr);
        err = count == nr ? 0 : -ENOENT;
    }
    spin_unlock(&p2m->lock);
    return err;
}

static bool range_is_ram(struct p2m *p2m, gfn_t gfn, uint64_t nr) REQUIRES(p2m->lock)
{
    for (uint64_t i = 0; i < nr; i++) {
        struct p2m_entry e;

        if (!p2m_lookup_locked(p2m, gfn_add(gfn, i), &e) || (e.type != P2M_RAM_RW && e.type != P2M_RAM_RO))
            return false;
    }
    return true;
}

int p2m_remove_ram(struct p2m *p2m, gfn_t gfn, uint64_t nr, bool give_back)
{
    struct p2m_change c;
    int err;

    if (!range_valid(p2m, gfn, nr))
        return -EINVAL;
    spin_lock(&p2m->lock);
    err = range_is_ram(p2m, gfn, nr) ? change_begin(p2m, &c, gfn.gfn, gfn.gfn + nr) : -EINVAL;
    if (!err) {
        c.give_back = give_back;
        change_remove(p2m, &c, gfn.gfn, gfn.gfn + nr);
    }
    spin_unlock(&p2m->lock);
    return err;
}

bool p2m_get_frame(struct p2m *p2m, gfn_t gfn, bool write, bool any, mfn_t *mfn)
{
    struct p2m_entry e;
    bool got = false;

    spin_lock(&p2m->lock);
    if (p2m_lookup_locked(p2m, gfn, &e)) {
        bool readable = e.type == P2M_RAM_RO || (any && (e.type == P2M_FOREIGN_RO || e.type == P2M_GRANT_RO));
        bool writable = e.type == P2M_RAM_RW || (any && (e.type == P2M_FOREIGN_RW || e.type == P2M_FOREIGN_CLEAN ||
                                                         e.type == P2M_GRANT_RW || e.type == P2M_XENHEAP));
        struct frame_owner *owner = type_holds_reference(e.type) ? frame_owner(e.mfn) : p2m->owner;

        got = (writable || (readable && !write)) && owner && frame_get(e.mfn, owner);
        *mfn = e.mfn;
    }
    spin_unlock(&p2m->lock);
    return got;
}

bool p2m_get_frame_to_write(struct p2m *p2m, gfn_t gfn, bool any, mfn_t *mfn)
{
    bool got = p2m_get_frame(p2m, gfn, true, any, mfn);

    if (got)
        frame_writer_begin(*mfn);
    return got;
}

uint64_t p2m_max_gfn(struct p2m *p2m)
{
    uint64_t max;

    spin_lock(&p2m->lock);
    max = p2m->max_mapped_gfn;
    spin_unlock(&p2m->lock);
    return max;
}

/* The toolstack writes a guest's code, and the guest executes it. */
static int cache_flush_end(void)
{
    icache_invalidate_all();
    return 0;
}

int p2m_cache_flush(struct p2m *p2m, gfn_t *start, gfn_t end, bool (*preempt)(void))
{
    for (unsigned n = 1; start->gfn < end.gfn; n++) {
        struct p2m_entry e;
        uint64_t span;

        spin_lock(&p2m->lock);
        if (!p2m->root || !range_valid(p2m, *start, 1)) {
            spin_unlock(&p2m->lock);
            return cache_flush_end();
        }
        if (p2m_lookup_locked(p2m, *start, &e)) {
            span = 1;
            if (frame_is_ram(e.mfn))
                cache_clean_invalidate(mfn_to_virt(e.mfn), PAGE_SIZE);
        } else {
            unsigned level;

            (void)entry_find(p2m, *start, &level);
            span = level_span(level) - (start->gfn & (level_span(level) - 1));
        }
        spin_unlock(&p2m->lock);
        *start = gfn_add(*start, span);
        if (n % 16 == 0 && start->gfn < end.gfn && preempt())
            return -ERESTART;
    }
    return cache_flush_end();
}

int p2m_set_pool(struct p2m *p2m, uint64_t pages)
{
    int err = 0;

    spin_lock(&p2m->lock);
    if (pages < p2m->table_pages)
        err = -EBUSY;
    else
        p2m->pool_pages = pages;
    spin_unlock(&p2m->lock);
    return err;
}

uint64_t p2m_get_pool(struct p2m *p2m)
{
    uint64_t pages;

    spin_lock(&p2m->lock);
    pages = p2m->pool_pages;
    spin_unlock(&p2m->lock);
    return pages;
}

int p2m_reserve(struct p2m *p2m, uint64_t pages)
{
    int err = 0;

    spin_lock(&p2m->lock);
    p2m->reserve = pages;
    while (!err && p2m->spare_pages < pages) {
        void *page = page_alloc();

        if (page)
            spare_put(p2m, page);
        else
            err = -ENOMEM;
    }
    spin_unlock(&p2m->lock);
    return err;
}

int p2m_init(struct p2m *p2m, struct frame_owner *owner)
{
    int err = 0;

    p2m->vmid = vmid_take();
    if (!p2m->vmid)
        return -ENOSPC;
    p2m->owner = owner;
    p2m->address_bits = stage2_address_bits();
    p2m->root_level = 1;
    p2m->root_order = p2m->address_bits > 39 ? p2m->address_bits - 39 : 0;
    spin_lock(&p2m->lock);
    p2m->root = pages_alloc(p2m->root_order);
    if (p2m->root)
        p2m->vttbr = (virt_to_mfn(p2m->root).mfn << PAGE_SHIFT) | (uint64_t)p2m->vmid << 48;
    else
        err = -ENOMEM;
    spin_unlock(&p2m->lock);
    if (err)
        vmid_put(p2m->vmid);
    return err;
}

void p2m_serve_devices(struct p2m *p2m, struct dma *dma)
{
    spin_lock(&p2m->lock);
    p2m->dma = dma;
    spin_unlock(&p2m->lock);
}

/* Nothing of it is left but the lock. */
static void p2m_end(struct p2m *p2m) REQUIRES(p2m->lock)
{
    if (!p2m->root)
        return;
    tables_free_all(p2m);   /* and no TLB has anything of the VMID */
    vmid_put(p2m->vmid);
    p2m->vttbr = 0;
}

static bool release_slice(struct p2m *p2m) REQUIRES(p2m->lock)
{
    uint64_t from = p2m->next_to_release, end = p2m->max_mapped_gfn + 1;
    struct p2m_change c = { .tables = NULL };

    p2m->dying = true;   /* a page mapped behind our back would keep its reference for ever */
    __atomic_store_n(&p2m->dirty.tracking, P2M_TRACKING_OFF, __ATOMIC_RELAXED);
    if (!p2m->root)
        return true;
    p2m->next_to_release = change_mark(p2m, &c, from, end, RELEASE_SLICE);
    change_mark_tables(p2m, &c, from, p2m->next_to_release);
    change_flush(p2m, &c);
    change_finish(p2m, &c, from, p2m->next_to_release);
    if (p2m->next_to_release < end)
        return false;
    p2m_end(p2m);
    return true;
}

int p2m_release_all(struct p2m *p2m, bool (*preempt)(void))
{
    for (bool done = false; !done;) {
        spin_lock(&p2m->lock);
        done = release_slice(p2m);
        spin_unlock(&p2m->lock);
        if (!done && preempt())
            return -ERESTART;
    }
    return 0;
}

void p2m_destroy(struct p2m *p2m)
{
    spin_lock(&p2m->lock);
    p2m_end(p2m);
    spin_unlock(&p2m->lock);
}
