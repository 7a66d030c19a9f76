// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's grant table: its frames, and the pins on its entries.
 *
 * The guest writes an entry's type, domain and frame; we take it by setting GTF_reading and GTF_writing in one
 * compare-and-exchange of flags and domain together (xen/include/public/grant_table.h: the guest gives an entry up only
 * by the same on flags without these). The frame is read after that, once, and kept in the active entry: from then on
 * it does not matter what the guest writes. An active entry's pins are 0 iff it holds no reference.
 */
#include "vm/grant/internal.h"

#include "base/printk.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* Far above a toolstack's requests; they bound the arrays that are sized by them. */
#define MAX_GRANT_FRAMES    4096
#define MAX_MAPTRACK_FRAMES 65536

/* How often a guest may change an entry under our hands. */
#define CLAIM_TRIES 8

/* Two pages of mappings have as many handles as one of Xen's maptrack frames. */
#define MAPTRACK_PAGES_PER_FRAME 2

/* Its locks are not needed: no other CPU knows of the table yet. */
UNCHECKED_LOCKING int grant_domain_init(struct domain *d, unsigned max_frames, unsigned max_maptrack_frames)
{
    struct domain_grants *g = &d->grants;

    if (max_frames == 0 || max_frames > MAX_GRANT_FRAMES || max_maptrack_frames > MAX_MAPTRACK_FRAMES)
        return -EINVAL;
    g->max_frames = max_frames;
    g->max_maptrack_pages = max_maptrack_frames * MAPTRACK_PAGES_PER_FRAME;
    g->maptrack_free = UINT32_MAX;
    g->frames = heap_alloc_array(max_frames, sizeof(*g->frames));
    g->active = heap_alloc_array(max_frames, sizeof(*g->active));
    g->frame_gfns = heap_alloc_array(max_frames, sizeof(*g->frame_gfns));
    if (!g->frames || !g->active || !g->frame_gfns) {
        grant_domain_free(d);
        return -ENOMEM;
    }
    return 0;
}

/*
 * The table's frames hold the domain, so they have to go before it; a domain that mapped one keeps it a while longer.
 */
static void table_close(struct domain *d)
{
    struct domain_grants *g = &d->grants;
    unsigned count;
    void **frames;

    spin_lock(&g->lock);
    frames = g->frames;
    count = g->closed ? 0 : g->nr_frames;
    g->closed = true;
    spin_unlock(&g->lock);
    for (unsigned i = 0; i < count; i++)
        frame_free_shared(frames[i]);
}

int grant_domain_destroy(struct domain *d, bool (*preempt)(void))
{
    table_close(d);
    return maptrack_release(d, preempt);
}

/* ... nor here: no other CPU knows of it any more. */
UNCHECKED_LOCKING void grant_domain_free(struct domain *d)
{
    struct domain_grants *g = &d->grants;

    /* A domain that pins an entry has a reference to d. */
    BUG_ON(g->pinned);
    for (unsigned i = 0; g->active && i < g->nr_frames; i++)
        pages_free(g->active[i], ACTIVE_ORDER);
    maptrack_free(d);
    heap_free(g->frames, g->max_frames * sizeof(*g->frames));
    heap_free(g->active, g->max_frames * sizeof(*g->active));
    heap_free(g->frame_gfns, g->max_frames * sizeof(*g->frame_gfns));
    g->frames = NULL;
    g->active = NULL;
    g->frame_gfns = NULL;
    g->nr_frames = 0;
}

/*
 * Appends a frame, unless another vCPU did it meanwhile, or the domain dies. The pages are prepared without the lock.
 */
static int table_append(struct domain *d, unsigned expected)
{
    struct domain_grants *g = &d->grants;
    void *frame = frame_alloc_shared(&d->frames);
    struct grant_active *active = pages_alloc(ACTIVE_ORDER);
    int err = frame && active ? 0 : -ENOMEM;
    bool used = false;

    spin_lock(&g->lock);
    if (g->closed)
        err = -EINVAL;
    if (!err && g->nr_frames == expected) {
        g->frames[expected] = frame;
        g->active[expected] = active;
        g->frame_gfns[expected] = INVALID_GFN.gfn;
        g->nr_frames++;
        used = true;
    }
    spin_unlock(&g->lock);
    if (used)
        return 0;
    frame_free_shared(frame);
    if (active)
        pages_free(active, ACTIVE_ORDER);
    return err;
}

void grant_size(struct domain *d, unsigned *nr_frames, unsigned *max_frames)
{
    spin_lock(&d->grants.lock);
    *nr_frames = d->grants.closed ? 0 : d->grants.nr_frames;
    *max_frames = d->grants.max_frames;
    spin_unlock(&d->grants.lock);
}

int grant_grow(struct domain *d, unsigned nr_frames)
{
    unsigned now, max;

    for (grant_size(d, &now, &max); now < nr_frames; now++) {
        int err = nr_frames > max ? -EINVAL : table_append(d, now);

        if (err)
            return err;
    }
    return 0;
}

int grant_get_frame(struct domain *d, unsigned idx, mfn_t *mfn)
{
    struct domain_grants *g = &d->grants;
    int err = idx < g->max_frames ? grant_grow(d, idx + 1) : -EINVAL;

    if (err)
        return err;
    spin_lock(&g->lock);
    if (g->closed)
        err = -EINVAL;
    else
        *mfn = virt_to_mfn(g->frames[index_nospec(idx, g->nr_frames)]);
    spin_unlock(&g->lock);
    return err;
}

static int frame_move(struct domain *d, unsigned idx, gfn_t gfn) REQUIRES(d->grants.lock)
{
    struct domain_grants *g = &d->grants;
    gfn_t old;
    mfn_t mfn;
    int err;

    if (g->closed)
        return -EINVAL;
    idx = (unsigned)index_nospec(idx, g->nr_frames);
    old = GFN(g->frame_gfns[idx]);
    mfn = virt_to_mfn(g->frames[idx]);
    err = p2m_map(&d->p2m, gfn, mfn, 1, P2M_XENHEAP);
    if (err)
        return err;
    g->frame_gfns[idx] = gfn.gfn;
    /* The guest may long have put something else there. */
    if (old.gfn != INVALID_GFN.gfn && old.gfn != gfn.gfn)
        BUG_ON(p2m_unmap_exact(&d->p2m, old, mfn, 1) == -ENOMEM);   /* an entry of its own: no split */
    return 0;
}

int grant_map_frame(struct domain *d, unsigned idx, gfn_t gfn)
{
    mfn_t mfn;
    int err = grant_get_frame(d, idx, &mfn);

    if (err)
        return err;
    spin_lock(&d->grants.lock);
    err = frame_move(d, idx, gfn);
    spin_unlock(&d->grants.lock);
    return err;
}

gfn_t grant_frame_gfn(struct domain *d, unsigned idx)
{
    gfn_t gfn = INVALID_GFN;

    spin_lock(&d->grants.lock);
    if (idx < d->grants.nr_frames)
        gfn = GFN(d->grants.frame_gfns[idx]);
    spin_unlock(&d->grants.lock);
    return gfn;
}

static struct grant_entry_v1 *entry_at(struct domain_grants *g, uint32_t ref) REQUIRES(g->lock)
{
    struct grant_entry_v1 *entries = g->frames[index_nospec(ref / ENTRIES_PER_FRAME, g->nr_frames)];

    return &entries[ref % ENTRIES_PER_FRAME];
}

static struct grant_active *active_at(struct domain_grants *g, uint32_t ref) REQUIRES(g->lock)
{
    return &g->active[index_nospec(ref / ENTRIES_PER_FRAME, g->nr_frames)][ref % ENTRIES_PER_FRAME];
}

static bool ref_exists(struct domain_grants *g, uint32_t ref) REQUIRES(g->lock)
{
    return !g->closed && ref / ENTRIES_PER_FRAME < g->nr_frames;
}

/* Flags and domain of an entry are one word, so that they are judged and taken together. */
static uint32_t *entry_word(struct grant_entry_v1 *e) { return (uint32_t *)(void *)e; }
static uint16_t word_flags(uint32_t word) { return (uint16_t)word; }
static domid_t word_domain(uint32_t word) { return (domid_t)(word >> 16); }
_Static_assert(sizeof(struct grant_entry_v1) == sizeof(uint64_t), "an entry is read and written in one");
_Static_assert(offsetof(struct grant_entry_v1, flags) == 0 && offsetof(struct grant_entry_v1, domid) == 2,
               "flags and domain are one little-endian word");

static int entry_claim(struct grant_entry_v1 *e, domid_t user, bool write)
{
    uint16_t claim = write ? GTF_reading | GTF_writing : GTF_reading;
    uint32_t word = __atomic_load_n(entry_word(e), __ATOMIC_RELAXED);

    for (unsigned tries = 0; tries < CLAIM_TRIES; tries++) {
        if ((word_flags(word) & GTF_type_mask) != GTF_permit_access || word_domain(word) != user)
            return GNTST_general_error;
        if (write && (word_flags(word) & GTF_readonly))
            return GNTST_general_error;
        if (__atomic_compare_exchange_n(entry_word(e), &word, word | claim, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

/* Takes the flags of uses that have ended out of the guest's entry. */
static void entry_update(struct domain_grants *g, uint32_t ref) REQUIRES(g->lock)
{
    struct grant_active *a = active_at(g, ref);
    uint16_t in_use = (a->readers || a->writers ? GTF_reading : 0) | (a->writers ? GTF_writing : 0);
    uint16_t unused = (uint16_t)(~in_use & (GTF_reading | GTF_writing));

    if (!g->closed && unused)
        __atomic_fetch_and(&entry_at(g, ref)->flags, (uint16_t)~unused, __ATOMIC_SEQ_CST);
}

/* The first pin: the entry's frame, now and from now on. */
static int active_start(struct domain *granter, uint32_t ref, const struct domain *user, bool write)
    REQUIRES(granter->grants.lock)
{
    struct grant_active *a = active_at(&granter->grants, ref);
    gfn_t gfn = GFN(__atomic_load_n(&entry_at(&granter->grants, ref)->frame, __ATOMIC_RELAXED));
    bool writable;
    mfn_t mfn;

    writable = p2m_get_frame(&granter->p2m, gfn, true, false, &mfn);
    if (!writable && (write || !p2m_get_frame(&granter->p2m, gfn, false, false, &mfn)))
        return GNTST_bad_page;
    a->mfn = mfn.mfn;
    a->read_only = !writable;
    a->user = user->id;
    granter->grants.pinned++;
    return GNTST_okay;
}

static int entry_pin(struct domain *granter, uint32_t ref, const struct domain *user, bool write)
    REQUIRES(granter->grants.lock)
{
    struct grant_active *a = active_at(&granter->grants, ref);
    bool pinned = a->readers || a->writers;
    int status;

    if (pinned && (a->user != user->id || (write && a->read_only)))
        return GNTST_bad_gntref;
    /* Every pin is one reader or writer. Only a guest that means to overflow the counts gets this far. */
    if (a->readers == UINT32_MAX || a->writers == UINT32_MAX)
        return GNTST_no_space;
    status = entry_claim(entry_at(&granter->grants, ref), user->id, write);
    if (status != GNTST_okay)
        return status;
    if (!pinned)
        status = active_start(granter, ref, user, write);
    if (status != GNTST_okay)
        entry_update(&granter->grants, ref);
    else if (write && !a->writers++)
        frame_writer_begin(MFN(a->mfn));
    else if (!write)
        a->readers++;
    return status;
}

int grant_pin(struct domain *granter, uint32_t ref, const struct domain *user, bool write, mfn_t *mfn)
{
    int status = GNTST_bad_gntref;

    spin_lock(&granter->grants.lock);
    if (ref_exists(&granter->grants, ref))
        status = entry_pin(granter, ref, user, write);
    if (status == GNTST_okay)
        *mfn = MFN(active_at(&granter->grants, ref)->mfn);
    spin_unlock(&granter->grants.lock);
    return status;
}

void grant_unpin(struct domain *granter, uint32_t ref, bool write)
{
    struct domain_grants *g = &granter->grants;
    struct grant_active *a;
    mfn_t mfn;
    bool last;

    spin_lock(&g->lock);
    a = active_at(g, ref);
    BUG_ON(!(write ? a->writers : a->readers));
    if (write && !--a->writers)
        frame_writer_end(MFN(a->mfn));
    else if (!write)
        a->readers--;
    last = !a->readers && !a->writers;
    g->pinned -= last;
    mfn = MFN(a->mfn);
    entry_update(g, ref);
    spin_unlock(&g->lock);
    if (last)
        frame_put(mfn);
}

/* The guest may write to them meanwhile: each is read and written in one. */
static void entries_swap(struct grant_entry_v1 *a, struct grant_entry_v1 *b)
{
    uint64_t *word_a = (void *)a, *word_b = (void *)b;
    uint64_t was_a = __atomic_load_n(word_a, __ATOMIC_RELAXED);

    __atomic_store_n(word_a, __atomic_load_n(word_b, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    __atomic_store_n(word_b, was_a, __ATOMIC_RELAXED);
}

int grant_swap(struct domain *d, uint32_t a, uint32_t b)
{
    struct domain_grants *g = &d->grants;
    struct grant_active *active_a, *active_b;
    int status = GNTST_okay;

    spin_lock(&g->lock);
    if (!ref_exists(g, a) || !ref_exists(g, b)) {
        spin_unlock(&g->lock);
        return GNTST_bad_gntref;
    }
    active_a = active_at(g, a);
    active_b = active_at(g, b);
    if (active_a->readers || active_a->writers || active_b->readers || active_b->writers) {
        status = GNTST_eagain;
    } else {
        entries_swap(entry_at(g, a), entry_at(g, b));
    }
    spin_unlock(&g->lock);
    return status;
}

/* One frame of the table, while it has that many; the lock is not held for longer. */
static bool frame_is_pinned(struct domain_grants *g, unsigned frame, const struct domain *user, mfn_t mfn, bool *more)
{
    bool found = false;

    spin_lock(&g->lock);
    *more = frame < g->nr_frames;
    for (unsigned i = 0; *more && i < ENTRIES_PER_FRAME && !found; i++) {
        const struct grant_active *a = &g->active[index_nospec(frame, g->nr_frames)][i];

        found = (a->readers || a->writers) && a->mfn == mfn.mfn && a->user == user->id;
    }
    spin_unlock(&g->lock);
    return found;
}

int grant_is_pinned(struct domain *granter, const struct domain *user, mfn_t mfn, unsigned *next,
                    bool (*preempt)(void))
{
    bool more = true;

    while (more) {
        if (frame_is_pinned(&granter->grants, *next, user, mfn, &more))
            return 1;
        ++*next;
        if (more && preempt())
            return -ERESTART;
    }
    return 0;
}

void grant_dump(struct domain *d)
{
    struct domain_grants *g = &d->grants;

    for (uint32_t ref = 0; ref < g->max_frames * ENTRIES_PER_FRAME; ref++) {
        struct grant_active a = { 0 };

        spin_lock(&g->lock);
        if (ref_exists(g, ref))
            a = *active_at(g, ref);
        spin_unlock(&g->lock);
        if (a.readers || a.writers)
            printk("d%u grant %u: frame 0x%llx to d%u, %u readers, %u writers\n", d->id, ref, (unsigned long long)a.mfn,
                   (unsigned)a.user, a.readers, a.writers);
    }
}
