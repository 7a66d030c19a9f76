// SPDX-License-Identifier: Apache-2.0
/*
 * A domctl of Torpor's own: the content of a domain's pages to its toolstack and back, many with one call, where
 * mapping them one by one into dom0 takes two hypercalls and a flushed TLB entry for each. For savers of domains; any
 * dom0's libxenctrl may find it missing (-ENOSYS), as on stock Xen.
 *
 * This header is also the toolstack's.
 */
#pragma once

#include <stdint.h>

#define TORPOR_DOMCTL_COPY_PAGES 0x54500001u
#define TORPOR_COPY_PAGES        512u

/*
 * In xen_domctl's u. Each page in `pages`, from gfn on, has the next PAGE_SIZE bytes of the buffer, whether or not it
 * is there. Reading: pages in which the domain has no RAM of its own are taken out of `pages`, and their place in the
 * buffer is left. Writing: -EINVAL at such a page; those before it are written.
 */
struct torpor_domctl_copy_pages {
    uint64_t gfn;
    uint64_t buffer;                         /* the caller's virtual address */
    uint64_t pages[TORPOR_COPY_PAGES / 64];
    uint32_t write;                          /* 0: to the buffer; 1: to the domain; else -EINVAL */
    uint32_t done, taken;                    /* 0; how far a continued call has come: of all pages, of `pages` */
    uint32_t reserved;                       /* 0 */
};
