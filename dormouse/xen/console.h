// SPDX-License-Identifier: Apache-2.0
/* Text to the domain's PV console (xen/include/public/io/console.h), which xenconsoled in dom0 logs. */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

/*
 * Finds the ring, which is another one in a new domain; text printed before goes to the hypervisor's console, if
 * anywhere.
 */
void console_init(void);
/*
 * Printed text is out, if anybody reads within a second: the ring is saved with the rest, and text in it would be
 * read twice.
 */
extern const struct sleep_stage console_stage;
/* Formats as lib/print.h does, at most 255 characters a call; from any vCPU, not from interrupt handlers. */
void print(const char *fmt, ...) PRINTF(1, 2);
/* Waits until the other end has taken everything. */
void console_flush(void);
