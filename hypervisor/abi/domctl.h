// SPDX-License-Identifier: Apache-2.0
/*
 * XEN_DOMCTL_* (xen/include/public/domctl.h): one function an operation, grouped by the part of a domain that they are
 * about. abi/domctl.c has the table, and has checked privilege, interface version and the domain. An operation reads
 * and fills its member of op->u. It returns 0 or -errno; -ERESTART with op changed so that the same call goes on.
 */
#pragma once

#include "lib/base.h"

struct domain;
struct xen_domctl;
struct xen_domctl_createdomain;
struct xen_domctl_getdomaininfo;
struct domain_config;

/*
 * The most that a domain can have, and the default for a creator that leaves it to us: Xen's gnttab_max_frames and
 * _maptrack_frames.
 */
#define DOMCTL_GRANT_FRAMES    64
#define DOMCTL_MAPTRACK_FRAMES 1024

typedef int domctl_op(struct domain *d, struct xen_domctl *op);

/*
 * One domctl runs at a time, so that a domain that is found alive stays so to the end of the operation (destruction is
 * one too), and its vCPUs stay. false: another domctl is under way; -ERESTART is the answer then.
 */
bool domctl_begin(void);
void domctl_end(void);

/* domctl_life.c: from creation to destruction. */
int domctl_create(struct xen_domctl *op);
domctl_op domctl_destroy, domctl_pause, domctl_unpause, domctl_resume, domctl_max_vcpus, domctl_set_handle,
    domctl_set_time_offset, domctl_subscribe, domctl_set_virq_handler;

/* domctl_info.c: information for the tools. Only between domctl_begin() and domctl_end(). */
domctl_op domctl_get_info;
void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_vcpu.c: registers, placement and shares. */
domctl_op domctl_set_context, domctl_get_context, domctl_get_vcpu_info, domctl_set_affinity, domctl_get_affinity,
    domctl_set_node_affinity, domctl_get_node_affinity, domctl_scheduler, domctl_set_address_size;

/* domctl_mem.c: how much memory, and its caches. */
domctl_op domctl_max_mem, domctl_cache_flush, domctl_set_pool, domctl_get_pool;

/* domctl_dirty.c: which pages are written to. */
domctl_op domctl_shadow;

domctl_op domctl_needs;   /* domctl_needs.h */

/* domctl_copy.c: the content of its pages (domctl_copy.h). */
domctl_op domctl_copy_pages;

/* domctl_device.c: devices passed through, and the emulated UART. */
domctl_op domctl_iomem_permission, domctl_irq_permission, domctl_memory_mapping, domctl_bind_irq, domctl_unbind_irq,
    domctl_vuart;

/* domctl_records.c: its state as records. */
domctl_op domctl_get_records, domctl_set_records, domctl_get_record;
