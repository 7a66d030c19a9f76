// SPDX-License-Identifier: Apache-2.0
/* Physical interrupts that belong to domains, and which interrupts wake the host. */
#pragma once

#include "lib/base.h"

struct domain;

/* Physical SPI irq goes to d as intid from now on; -EBUSY, -EINVAL. For the vGIC. */
int irq_route(unsigned irq, struct domain *d, unsigned intid);
/* No longer; when it returns no vgic_inject_physical for it is under way. */
void irq_unroute(unsigned irq);

#define DOMID_HYPERVISOR 0x7ff2u   /* DOMID_XEN of xen/include/public/xen.h */

/*
 * PCI devices' messages first .. first + count - 1 become d's SPIs of those numbers, by the ITS; once, at boot. Errors
 * as its_start(), and -EBUSY.
 */
int irq_route_messages(struct domain *d, unsigned first, unsigned count);

/*
 * During a host sleep: whether irq, if it is enabled, wakes the host: those of dom0, of domains that suspended
 * themselves, and of irq_set_wakes_host(). *d: whose it is; the hypervisor's own are DOMID_HYPERVISOR's.
 */
bool irq_is_wake_source(unsigned irq, domid_t *d);

/* One console line per interrupt that a domain has. */
void irq_dump_routes(void);
