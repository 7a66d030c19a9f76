// SPDX-License-Identifier: Apache-2.0
/* The hypervisor's side of lib/handover.h. Used at boot, and on the one CPU that goes through the jump. */
#pragma once

#include "lib/base.h"

/* Boot: the program's version, and where the boot loader's device tree stays. */
void handover_init(const char *version, paddr_t tree, uint64_t tree_size);
/* Physical address of the struct handover. */
paddr_t handover_address(void);

/* The host is about to leave the machine to another kernel, for good if it has crashed. */
void handover_leave(bool crashed);
/* It is back. True: restored from an image, and its counter goes on. Before anybody asks what time it is. */
bool handover_return(void);

/* Notes of s, between the times given (system time, ns): what other kernels did while the host was away. */
struct sleep;
void handover_note_deeds(struct sleep *s, uint64_t down_ns, uint64_t up_ns);
