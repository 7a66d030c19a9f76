// SPDX-License-Identifier: Apache-2.0
/* The host's wake sources, and the one that woke it. */
#pragma once

#include "lib/base.h"
#include "sleep/sleep.h"

/*
 * Only the interrupts that dom0 and suspended domains left enabled, and the hypervisor's own that wake, can come while
 * it is entered, to this CPU. Those of frozen domains wait.
 */
extern const struct sleep_stage wakeup_stage;

/*
 * After it was left: the interrupt that woke the host, and its domain (the hypervisor's own: DOMID_XEN's number), or
 * false.
 */
bool wakeup_source(unsigned *irq, domid_t *d);
