// SPDX-License-Identifier: Apache-2.0
#include "vm/shared_info.h"

#include "lib/base.h"

#include <xen/xen.h>

#include "arch/barrier.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/p2m.h"
#include "vm/domain.h"
#include "vm/records.h"

int shared_info_create(struct domain *d)
{
    struct shared_info *page = frame_alloc_shared(&d->frames);

    spin_lock(&d->shared_info.lock);
    d->shared_info.gfn = INVALID_GFN;
    d->shared_info.page = page;
    spin_unlock(&d->shared_info.lock);
    return page ? 0 : -ENOMEM;
}

void shared_info_destroy(struct domain *d)
{
    struct shared_info *page;

    spin_lock(&d->shared_info.lock);
    page = d->shared_info.page;
    d->shared_info.page = NULL;
    spin_unlock(&d->shared_info.lock);
    frame_free_shared(page);
}

/* The page has one place: a guest that moves it (a kernel started by kexec, say) does not find it at the old one. */
static int map_at(struct domain *d, gfn_t gfn) REQUIRES(d->shared_info.lock)
{
    mfn_t mfn = virt_to_mfn(d->shared_info.page);
    gfn_t old = d->shared_info.gfn;
    int error = p2m_map(&d->p2m, gfn, mfn, 1, P2M_XENHEAP);

    if (error)
        return error;
    d->shared_info.gfn = gfn;
    /* The guest may long have put something else there. A page that was mapped by itself needs no split to go. */
    if (old.gfn != gfn.gfn)
        BUG_ON(p2m_unmap_exact(&d->p2m, old, mfn, 1) == -ENOMEM);
    return 0;
}

int shared_info_map(struct domain *d, gfn_t gfn)
{
    int error = -EINVAL;

    spin_lock(&d->shared_info.lock);
    if (d->shared_info.page)
        error = map_at(d, gfn);
    spin_unlock(&d->shared_info.lock);
    return error;
}

/* A guest reads them between two equal, even values of wc_version. */
static void write_clock(struct shared_info *s, uint64_t seconds, uint32_t ns)
{
    __atomic_store_n(&s->wc_version, s->wc_version | 1, __ATOMIC_RELAXED);
    smp_wmb();
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = ns;
    smp_wmb();
    __atomic_store_n(&s->wc_version, s->wc_version + 1, __ATOMIC_RELAXED);
}

void shared_info_set_clock(struct domain *d, uint64_t seconds, uint32_t ns)
{
    spin_lock(&d->shared_info.lock);
    if (d->shared_info.page)
        write_clock(d->shared_info.page, seconds, ns);
    spin_unlock(&d->shared_info.lock);
}

/* --- Its record: where the guest has it, and its content --- */

struct shared_info_saved {
    uint64_t gfn;                /* or that of INVALID_GFN */
    uint32_t bytes, zero;        /* of the page, which follow: all; or none, where ports were given up */
};

static int info_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;
    struct shared_info_saved r = { .gfn = d->shared_info.gfn.gfn, .bytes = domain_awaits_resume(d) ? 0 : PAGE_SIZE };

    (void)instance;
    record_write(w, &r, sizeof(r));
    record_write(w, d->shared_info.page, r.bytes);
    return 0;
}

static int info_check(void *object, unsigned instance, struct record_reader *in)
{
    struct shared_info_saved r;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (r.zero || (r.bytes && r.bytes != PAGE_SIZE))
        return record_refuse(in, -EBADMSG, "has another size than a page");
    if (r.gfn != INVALID_GFN.gfn && !record_place_is_free(object, GFN(r.gfn)))
        return record_refuse(in, -EBADMSG, "puts the page where the domain has no memory");
    return record_skip(in, r.bytes) ? 0 : -EBADMSG;
}

static int info_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct shared_info_saved r;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    spin_lock(&d->shared_info.lock);
    BUG_ON(!record_read(in, d->shared_info.page, r.bytes));
    spin_unlock(&d->shared_info.lock);
    return r.gfn == INVALID_GFN.gfn ? 0 : shared_info_map(d, GFN(r.gfn));
}

const struct record_kind shared_info_record = {
    .name = "SHARED_INFO", .id = RECORD_SHARED_INFO, .version = 1, .count = record_count_one,
    .save = info_save, .check = info_check, .restore = info_restore,
};
