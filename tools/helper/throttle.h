// SPDX-License-Identifier: Apache-2.0
/*
 * Slowing a guest down by the cap that its scheduler has for it, and giving it its own back, whatever happens: a
 * guardian, a process of its own, waits for this one to end it or to die, and does it then. A cap that somebody else
 * has set meanwhile is left.
 *
 * One domain at a time. Functions return 0 or -errno.
 */
#pragma once

#include <stdint.h>

struct xc_interface_core;

/* Percent of one CPU that the domain may use, by its cap or by its vCPUs. */
int throttle_full(struct xc_interface_core *xc, uint32_t domid, uint32_t vcpus, unsigned *cap);

/* From now on the domain gets that much; percent of one CPU. */
int throttle_set(struct xc_interface_core *xc, uint32_t domid, unsigned cap);
/* It gets its own cap back. Harmless when it was not slowed down. */
int throttle_end(void);
