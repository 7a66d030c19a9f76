// SPDX-License-Identifier: Apache-2.0
/*
 * Frames and p2m among threads: extents come and go, in a pool of tables that is mostly too small, pages of others are
 * mapped, limits, claims and pools change, and a page's content is only ever its owner's. Each toolstack call goes to
 * any domain, also one that dies.
 */
#include "threads_part.h"

#include <string.h>

#include "lib/errno.h"
#include "mm/frames.h"
#include "vm/memory.h"

/* RAM here, on both sides of where a table ends; others' pages as much higher. */
#define FIRST 480u
#define GFNS  64u
#define LIMIT (THREADS_FRAMES / 3)

/* The mark that a domain writes into its pages, and has as its handle: no other has ever written the same. */
static uint64_t next_mark = 1;

static uint64_t mark_of(const struct domain *d)
{
    uint64_t mark;

    memcpy(&mark, d->handle, sizeof(mark));
    return mark;
}

static int create(struct domain *d)
{
    uint64_t own = __atomic_fetch_add(&next_mark, 1, __ATOMIC_RELAXED);
    int err = p2m_init(&d->p2m, &d->frames);

    memcpy(d->handle, &own, sizeof(own));
    frames_owner_init(&d->frames, d->id, LIMIT);
    if (!err && p2m_set_pool(&d->p2m, 3))
        threads_fail(__FILE__, __LINE__, "a pool of three pages holds none");
    return err;
}

static gfn_t random_gfn(void) { return GFN(FIRST + threads_random(GFNS)); }

static unsigned random_order(void)
{
    static const unsigned orders[] = { 0, 0, 0, 1, 2, 4, 4, 9 };

    return orders[threads_random(threads_random(10) ? 7 : 8)];
}

/* A page mapped as a domain's RAM is its own as long as it is mapped: a reference to it, or false if there is none. */
static bool page_get(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    struct p2m_entry e;
    bool is_ram;

    spin_lock(&d->p2m.lock);
    is_ram = p2m_lookup_locked(&d->p2m, gfn, &e) && e.type == P2M_RAM_RW;
    if (is_ram)
        threads_expect(frame_get(e.mfn, &d->frames));
    spin_unlock(&d->p2m.lock);
    *mfn = e.mfn;
    return is_ram;
}

/* A page of d's: zero when it got it, or its own writes. */
static void use_page(struct domain *d)
{
    uint64_t *word, mark;
    mfn_t mfn;

    if (!page_get(d, random_gfn(), &mfn))
        return;
    frame_writer_begin(mfn);
    word = mfn_to_virt(mfn);
    mark = __atomic_load_n(word, __ATOMIC_RELAXED);
    threads_expect(mark == 0 || mark == mark_of(d));
    __atomic_store_n(word, mark_of(d), __ATOMIC_RELAXED);
    frame_put_writer(mfn);
}

static void share_page(struct domain *d)
{
    void *page = frame_alloc_shared(&d->frames);

    if (!page)
        return;
    threads_expect(frame_get_any(virt_to_mfn(page)) == &d->frames);
    frame_put(virt_to_mfn(page));
    frame_free_shared(page);
}

static void change(struct domain *d)
{
    switch (threads_random(8)) {
    case 0:
    case 1:
    case 2:
        (void)!memory_populate(d, random_gfn(), random_order(), threads_random(4) ? 0 : 31, threads_preempt);
        break;
    case 3:
    case 4:
        (void)!memory_decrease(d, random_gfn(), random_order());
        break;
    case 5:
        (void)p2m_set_pool(&d->p2m, 2 + threads_random(6));
        break;
    case 6:
        frames_set_limit(&d->frames, LIMIT / 2 + threads_random(LIMIT / 2));
        break;
    default:
        (void)frames_claim(&d->frames, threads_random(2) ? 0 : threads_random(LIMIT));
        break;
    }
}

static void act(struct domain *self, struct domain *other)
{
    struct p2m_entry entry;

    switch (threads_random(8)) {
    case 0:
    case 1:
        (void)!memory_map_foreign(self, gfn_add(random_gfn(), GFNS), other, random_gfn());
        break;
    case 2:
        (void)!memory_unmap(self, gfn_add(random_gfn(), threads_random(4) ? GFNS : 0));
        break;
    case 3:
        use_page(threads_random(2) ? self : other);
        break;
    case 4:
        share_page(threads_random(2) ? self : other);
        break;
    case 5:
        (void)p2m_lookup(&other->p2m, random_gfn(), &entry);
        threads_expect(frames_owned(&other->frames) <= THREADS_FRAMES);
        break;
    default:
        change(threads_random(2) ? self : other);
        break;
    }
}

static int destroy(struct domain *d)
{
    int err = p2m_release_all(&d->p2m, threads_preempt);

    return err ? err : frames_release_all(&d->frames, threads_preempt);
}

static void end(struct domain *d)
{
    threads_expect(frames_owned(&d->frames) == 0);
    p2m_destroy(&d->p2m);
    threads_expect(d->p2m.table_pages == 0);
}

const struct threads_part threads_memory = {
    .name = "memory", .create = create, .act = act, .destroy = destroy, .free = end
};
