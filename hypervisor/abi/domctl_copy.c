// SPDX-License-Identifier: Apache-2.0
/* See domctl_copy.h. A page is held while it is copied, and which one the next call goes on with stands in the op. */
#include "abi/domctl_copy.h"

#include <xen/domctl.h>

#include "abi/domctl.h"
#include "arch/nospec.h"
#include "cpu/cpu.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/domain.h"
#include "vm/guest_access.h"

_Static_assert(sizeof(struct torpor_domctl_copy_pages) <= sizeof(((struct xen_domctl *)0)->u), "it fits into a domctl");

/* -ENOENT: d has no RAM of its own there. */
static int read_page(struct domain *d, gfn_t gfn, uint64_t buffer)
{
    mfn_t mfn;
    int error;

    if (!p2m_get_frame(&d->p2m, gfn, false, false, &mfn))
        return -ENOENT;
    error = copy_to_guest(buffer, mfn_to_virt(mfn), PAGE_SIZE);
    frame_put(mfn);
    return error;
}

static int write_page(struct domain *d, gfn_t gfn, uint64_t buffer)
{
    mfn_t mfn;
    int error;

    if (!p2m_get_frame_to_write(&d->p2m, gfn, false, &mfn))
        return -EINVAL;
    error = copy_from_guest(mfn_to_virt(mfn), buffer, PAGE_SIZE);
    frame_put_writer(mfn);
    return error;
}

static int copy_page(struct domain *d, struct torpor_domctl_copy_pages *c)
{
    gfn_t gfn = GFN(c->gfn + c->done);
    uint64_t buffer = c->buffer + (uint64_t)c->taken * PAGE_SIZE;
    int error = c->write ? write_page(d, gfn, buffer) : read_page(d, gfn, buffer);

    if (error != -ENOENT)
        return error;
    c->pages[index_nospec(c->done / 64, ARRAY_SIZE(c->pages))] &= ~BIT(c->done % 64);
    return 0;
}

static int check(const struct torpor_domctl_copy_pages *c)
{
    uint64_t end;

    return c->write > 1 || c->reserved || c->done > TORPOR_COPY_PAGES || c->taken > c->done ||
           __builtin_add_overflow(c->gfn, TORPOR_COPY_PAGES, &end) ? -EINVAL : 0;
}

int domctl_copy_pages(struct domain *d, struct xen_domctl *op)
{
    struct torpor_domctl_copy_pages *c = (void *)&op->u;
    int error = check(c);

    while (!error && c->done < TORPOR_COPY_PAGES) {
        bool wanted = c->pages[index_nospec(c->done / 64, ARRAY_SIZE(c->pages))] >> c->done % 64 & 1;

        if (wanted)
            error = copy_page(d, c);
        if (error)
            break;
        c->taken += wanted;
        c->done++;
        if (wanted && c->done < TORPOR_COPY_PAGES && preempt_pending())
            error = -ERESTART;
    }
    return error;
}
