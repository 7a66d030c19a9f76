// SPDX-License-Identifier: Apache-2.0
/* Who a physical interrupt is for: the hypervisor's handlers, or the domain that it is routed to. */
#pragma once

#include "lib/base.h"

struct domain;

/* -EBUSY if somebody has it. Enabled by the caller's gic_enable_irq(). */
int irq_request(unsigned irq, void (*handler)(unsigned irq, void *data), void *data, const char *name);
/*
 * The same for a private interrupt whose handler hands it to the current vCPU (vgic_inject_physical): it stays active
 * for the guest to end. A handler that does not pass it on says gic_set_active(irq, false).
 */
int irq_request_forwarded(unsigned irq, void (*handler)(unsigned irq, void *data), void *data, const char *name);

/* Physical SPI irq goes to d as intid from now on; -EBUSY, -EINVAL. For vgic.c. */
int irq_route(unsigned irq, struct domain *d, unsigned intid);
/* No longer; when it returns no vgic_inject_physical for it is under way. */
void irq_unroute(unsigned irq);
/* True if nobody has irq. */
bool irq_is_free(unsigned irq);

/* Acknowledges and handles until none is left; on every IRQ trap, and in the idle loop. */
void irq_handle_all(void);

/* Which device it is of, for people: the device tree's node name, cut at IRQ_DEVICE_NAME. Boot; the first one stays. "-": not known. */
#define IRQ_DEVICE_NAME 32
void irq_set_device(unsigned irq, const char *name);
const char *irq_device(unsigned irq);

#define DOMID_HYPERVISOR 0x7ff2u   /* DOMID_XEN of xen/include/public/xen.h */

/* One of the hypervisor's own wakes the host from now on. */
void irq_wakes_host(unsigned irq);
/*
 * During a host sleep: whether irq, if it is enabled, wakes the host: those of dom0, of domains that suspended themselves, and of
 * irq_wakes_host(). *d: whose it is; the hypervisor's own are DOMID_HYPERVISOR's.
 */
bool irq_is_wake_source(unsigned irq, domid_t *d);

/* One console line per interrupt that somebody has (debug key 'i'). */
void irq_dump(void);
