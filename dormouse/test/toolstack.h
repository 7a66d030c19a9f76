// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0's means to make other domains and to end them (xen/include/public/domctl.h), in milliseconds and without a
 * userland. A domain gets its image at the start of RAM, a device tree as libxl writes one, and a console ring that
 * this side reads by looking: no event channel is needed for it. From one vCPU at a time. Errors are negative errno
 * values.
 */
#pragma once
#include "dormouse/xen/hypercall.h"

struct domain_plan {
    const void *image;              /* flat, entered at its first byte */
    size_t image_size;
    unsigned vcpus;
    uint64_t ram_pages;             /* a multiple of 512: given in blocks of 2 MiB */
    uint64_t spare_pages;           /* how many more it may ask for */
    uint64_t pool_pages;            /* for stage-2 tables, at least DOMAIN_POOL_LEAST */
    uint32_t max_port;              /* its highest event channel */
    bool vuart;                     /* a UART, whose other end is a port of this domain's */
    const char *arguments;          /* boot arguments */
};

/*
 * The steps one by one, for domains of another make. A new domain is paused and has vCPUs without a context; a step
 * that fails leaves nothing behind.
 */
struct domain_limits {
    unsigned vcpus;
    uint32_t max_port;              /* its highest event channel */
    uint64_t pages;
};
long domain_create(domid_t *id, const struct domain_limits *limits);
/* Gives it n extents of 2^order pages, one behind the other, from `gfn` on. -ENOMEM: not all of them. */
long domain_populate(domid_t id, gfn_t gfn, unsigned order, unsigned n);
/* The vCPU is on, and begins at `pc` with the MMU off. */
long domain_vcpu_set(domid_t id, unsigned vcpu, uint64_t pc, uint64_t x0);
long domain_start(domid_t id);
long domain_pause(domid_t id);
/* One that has suspended itself goes on where it was. */
long domain_resume(domid_t id);
/* Returns when the hypervisor says that all of it is gone; pages that others still map go with their mappings. */
long domain_remove(domid_t id);

/* Tables enough for a domain that has asked for nothing yet; its first frame. */
enum { DOMAIN_POOL_LEAST = 8, DOMAIN_RAM_GFN = 0x40000 };

struct domain {
    domid_t id;
    struct xencons_interface *console;  /* mapped here */
    unsigned window;                    /* which of the places for such mappings */
    evtchn_port_t vuart_port;           /* ours; 0: none */
};

enum { DOMAIN_WINDOWS = 8 };            /* how many domains there may be at a time */

/* Builds it, paused; `window` is below DOMAIN_WINDOWS and no other domain's. A failure leaves nothing behind. */
long domain_build(struct domain *d, const struct domain_plan *plan, unsigned window);
/* The same domain with memory and vCPUs, but nothing in them: for records and pages of another. */
long domain_build_empty(struct domain *d, const struct domain_plan *plan, unsigned window);
/* domain_remove(), and this side's ends too. */
long domain_destroy(struct domain *d);

bool domain_exists(domid_t id);
/* SHUTDOWN_* of a domain that has ended by itself; -1 of one that has not. */
int domain_end_reason(domid_t id);
/* Its toolstack has paused it, or it has suspended itself by PSCI. */
bool domain_shows_paused(domid_t id);
/* How many frames more it may ask for. */
uint64_t domain_room(domid_t id);
long domain_set_pool(domid_t id, uint64_t pages);
/* It may map this frame of a device, or may not any more. */
long domain_allow_device(domid_t id, mfn_t frame, bool allow);
/*
 * Where a port is connected to: 1, and domain and port; 0 if to nobody. -EINVAL: there is no such port, nor any above
 * it that was ever open.
 */
long domain_port_peer(domid_t id, evtchn_port_t port, domid_t *remote, evtchn_port_t *remote_port);
/*
 * Tracking of its writes, on or off; then the bits of its first `pages` frames that are dirty, and how many that are.
 */
long domain_track(domid_t id, bool on);
struct dirty_counts {
    uint64_t dirty, faults;         /* faults: that tracking made since it was last cleaned */
};
long domain_dirty(domid_t id, uint64_t *bitmap, uint64_t pages, bool clean, struct dirty_counts *counts);
/* Maps one frame of another domain at a frame of ours that holds nothing, or takes that mapping away. */
long foreign_map(domid_t id, gfn_t theirs, gfn_t ours);
long foreign_unmap(gfn_t ours);
/*
 * Frames of the machine that are free, but for those that Torpor takes and keeps when numbers of domains are used for
 * the first time (vm/registry.c); 0 if we are not told.
 */
uint64_t host_free_pages(void);

/* Copies at most n characters that it wrote to its console; returns how many. */
size_t domain_console_read(struct domain *d, char *text, size_t n);

/*
 * Its state as records (XEN_DOMCTL_gethvmcontext): *size is that of the buffer, then of the records in it, or needed
 * where there is none.
 */
long domain_records_get(domid_t id, void *buffer, uint32_t *size);
/* One record's data (XEN_DOMCTL_gethvmcontext_partial). */
long domain_record_get(domid_t id, unsigned type, unsigned instance, void *buffer, uint64_t *size);
long domain_records_set(domid_t id, const void *buffer, uint32_t size);
/*
 * Each page of RAM that is not all zero, of its console and of the first `pages` as in its plan; until one call returns
 * something else than 0, which is then the result.
 */
typedef long page_visitor(void *context, gfn_t gfn, const void *page);
long domain_each_page(const struct domain *d, uint64_t pages, page_visitor *visit, void *context);
long domain_write_page(const struct domain *d, gfn_t gfn, const void *page);
/* Copies the content of one's pages to the other's, which were zero; `pages` as in their plan. */
long domain_copy_memory(const struct domain *from, struct domain *to, uint64_t pages);
