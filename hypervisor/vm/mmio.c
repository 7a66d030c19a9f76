// SPDX-License-Identifier: Apache-2.0
#include "vm/mmio.h"

#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

int mmio_add_region(struct domain *d, uint64_t start, uint64_t size, mmio_handler *handler, void *context)
{
    if (d->mmio.count == MMIO_REGIONS)
        return -ENOSPC;
    d->mmio.region[d->mmio.count++] = (struct mmio_region){ start, size, handler, context };
    return 0;
}

enum mmio_result mmio_emulate(struct vcpu *v, uint64_t gpa, struct mmio_access *a)
{
    struct domain *d = v->domain;

    for (unsigned i = 0; i < d->mmio.count; i++) {
        struct mmio_region *r = &d->mmio.region[i];

        if (gpa - r->start >= r->size)
            continue;
        a->offset = gpa - r->start;
        if ((gpa & (a->size - 1)) || a->size > r->size - a->offset)
            return MMIO_REFUSED;
        return (enum mmio_result)r->handler(v, a, r->context);
    }
    return MMIO_NOBODY;
}
