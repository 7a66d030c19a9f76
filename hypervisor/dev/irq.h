// SPDX-License-Identifier: Apache-2.0
/*
 * The handlers of physical interrupts: one each, called on the CPU that took it. Which domain an interrupt belongs
 * to is vm/irq.h's matter, which is one more handler here.
 */
#pragma once

#include "lib/base.h"

typedef void irq_handler(unsigned irq, void *data);

/* The hypervisor's own, for good. -EBUSY if it is taken, -EINVAL. Enabled by the caller's gic_enable_irq(). */
int irq_request(unsigned irq, irq_handler *handler, void *data, const char *name);
/*
 * A guest ends it: the handler hands it on (vgic_inject_physical) and it stays active until then. A handler of a
 * private one that does not pass it on says gic_set_active(irq, false).
 */
int irq_request_forwarded(unsigned irq, irq_handler *handler, void *data, const char *name);
/*
 * A shared interrupt that is given back one day. Its handler is called under a lock: when irq_release() returns none is
 * under way.
 */
int irq_claim(unsigned irq, irq_handler *handler, void *data, const char *name);
void irq_release(unsigned irq);

/* Acknowledges and handles until none is left; on every IRQ trap, and in the idle loop. */
void irq_handle_all(void);

/*
 * Which device it is of, for people: the device tree's node name, cut at IRQ_DEVICE_NAME. Boot; the first one stays.
 * "-": not known.
 */
#define IRQ_DEVICE_NAME 32
void irq_set_device(unsigned irq, const char *name);
const char *irq_device(unsigned irq);

/* One of the hypervisor's own wakes a sleeping host from now on; whether one does. */
void irq_set_wakes_host(unsigned irq);
bool irq_wakes_host(unsigned irq);

/* One console line per interrupt that is taken for good. */
void irq_dump(void);
