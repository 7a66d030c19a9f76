// SPDX-License-Identifier: Apache-2.0
/* What may wake the host, and what did. */
#pragma once

#include "lib/base.h"
#include "sleep/sleep.h"

/*
 * Only the interrupts that dom0 and suspended domains left enabled, and the hypervisor's own that wake, can come while
 * it is entered, to this CPU. Those of frozen domains wait.
 */
extern const struct sleep_stage wakeup_stage;

/* After it was left: what woke the host, and whose it is (the hypervisor's own: DOMID_XEN's number), or false. */
bool wakeup_source(unsigned *irq, domid_t *d);
