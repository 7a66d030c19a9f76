// SPDX-License-Identifier: Apache-2.0
#include "vm/shared_info.h"

#include "lib/base.h"

#include <xen/xen.h>

#include "arch/barrier.h"
#include "lib/errno.h"
#include "mm/p2m.h"
#include "vm/domain.h"

int shared_info_create(struct domain *d)
{
    d->shared_info.gfn = INVALID_GFN;
    d->shared_info.page = frame_alloc_shared(&d->frames);
    return d->shared_info.page ? 0 : -ENOMEM;
}

void shared_info_destroy(struct domain *d)
{
    frame_free_shared(d->shared_info.page);
    d->shared_info.page = NULL;
}

/* The page has one place: a guest that moves it (a kernel started by kexec, say) does not find it at the old one. */
int shared_info_map(struct domain *d, gfn_t gfn)
{
    void *page = __atomic_load_n(&d->shared_info.page, __ATOMIC_RELAXED);
    gfn_t old;
    mfn_t mfn;
    int error;

    /* Gone, or about to go, with a dying domain. */
    if (!page)
        return -EINVAL;
    mfn = virt_to_mfn(page);
    if (!frame_get(mfn, &d->frames))
        return -EINVAL;
    error = p2m_map(&d->p2m, gfn, mfn, 1, P2M_XENHEAP);
    frame_put(mfn);
    if (error)
        return error;
    old = GFN(__atomic_exchange_n(&d->shared_info.gfn.gfn, gfn.gfn, __ATOMIC_RELAXED));
    /* The guest may long have put something else there. What is mapped page by page needs no split to go. */
    if (old.gfn != gfn.gfn)
        BUG_ON(p2m_unmap_exact(&d->p2m, old, mfn, 1) == -ENOMEM);
    return 0;
}

/* A guest reads them between two equal, even values of wc_version. */
void shared_info_set_clock(struct domain *d, uint64_t seconds, uint32_t ns)
{
    struct shared_info *s = d->shared_info.page;

    if (!s)
        return;
    __atomic_store_n(&s->wc_version, s->wc_version | 1, __ATOMIC_RELAXED);
    smp_wmb();
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = ns;
    smp_wmb();
    __atomic_store_n(&s->wc_version, s->wc_version + 1, __ATOMIC_RELAXED);
}
