// SPDX-License-Identifier: Apache-2.0
/* Domctls about a domain's memory: its limit, its paging pool, and its caches. */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "cpu/cpu.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/domain.h"

/* A limit below the domain's present size is legal: it only cannot get more. */
int domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
    frames_set_limit(&d->frames, op->u.max_mem.max_memkb / (PAGE_SIZE / KIB));
    return 0;
}

/* The most frames that one call flushes, as on stock Xen: a caller is not to be kept for ever by a range of nothing. */
#define FLUSH_MAX_FRAMES BIT(18)

/* A call that stops half-way has its range moved past the part that is done. */
int domctl_cache_flush(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cacheflush *range = &op->u.cacheflush;
    uint64_t end;
    gfn_t start = GFN(range->start_pfn);
    int error;

    if (range->nr_pfns > FLUSH_MAX_FRAMES || __builtin_add_overflow(range->start_pfn, range->nr_pfns, &end))
        return -EINVAL;
    error = p2m_cache_flush(&d->p2m, &start, GFN(end), preempt_pending);
    range->start_pfn = start.gfn;
    range->nr_pfns = end - start.gfn;
    return error;
}

int domctl_set_pool(struct domain *d, struct xen_domctl *op)
{
    uint64_t size = op->u.paging_mempool.size;

    return size % PAGE_SIZE ? -EINVAL : p2m_set_pool(&d->p2m, size / PAGE_SIZE);
}

int domctl_get_pool(struct domain *d, struct xen_domctl *op)
{
    op->u.paging_mempool.size = p2m_get_pool(&d->p2m) * PAGE_SIZE;
    return 0;
}
