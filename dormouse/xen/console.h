// SPDX-License-Identifier: Apache-2.0
/* Text to the domain's PV console (xen/include/public/io/console.h), which xenconsoled in dom0 logs. */
#pragma once
#include "lib/base.h"

/* Finds the ring; text printed before is lost. */
void console_init(void);
/* Formats as lib/print.h does, at most 255 characters a call; from any vCPU, not from interrupt handlers. */
void print(const char *fmt, ...) PRINTF(1, 2);
/* Waits until the other end has taken everything. */
void console_flush(void);
