// SPDX-License-Identifier: Apache-2.0
/* As much of libxenctrl as the helper's files that are tested here use; the tests are the hypervisor behind it. */
#pragma once

#include <stdint.h>

#include <xen/domctl.h>

typedef struct xc_interface_core xc_interface;

typedef struct {
    uint32_t domid;
    uint8_t handle[16];
} xc_dominfo_t;

xc_interface *xc_interface_open(void *logger, void *dombuild_logger, unsigned open_flags);
int xc_interface_close(xc_interface *xc);
int xc_domain_getinfo(xc_interface *xc, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t *info);
int xc_sched_credit2_domain_get(xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit2 *sched);
int xc_sched_credit2_domain_set(xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit2 *sched);
int xc_domain_maximum_gpfn(xc_interface *xc, uint32_t domid, xen_pfn_t *gpfns);
int xc_domain_populate_physmap(xc_interface *xc, uint32_t domid, unsigned long nr_extents, unsigned int extent_order,
                               unsigned int mem_flags, xen_pfn_t *extent_start);
int xc_domain_decrease_reservation_exact(xc_interface *xc, uint32_t domid, unsigned long nr_extents,
                                         unsigned int extent_order, xen_pfn_t *extent_start);
int xc_domain_cacheflush(xc_interface *xc, uint32_t domid, xen_pfn_t start_pfn, xen_pfn_t nr_pfns);
