// SPDX-License-Identifier: Apache-2.0
/* What the hypervisor says: to the ring that `xl dmesg` reads, and to the UART. */
#pragma once

#include "lib/base.h"

/*
 * One line to ring and UART, prefixed "(XEN) " as the tools' users know it. A newline at its end is not needed; one within begins
 * another line. Longer ones than CONSOLE_LINE are cut. Any context, any lock held.
 */
#define CONSOLE_LINE 384
void printk(const char *fmt, ...) PRINTF(1, 2);
