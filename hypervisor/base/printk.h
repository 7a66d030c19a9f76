// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's messages: whole lines, to the ring that `xl dmesg` reads and to the output that dev/console.c
 * connects.
 */
#pragma once

#include "lib/base.h"

/*
 * One line, prefixed "(XEN) " as the tools' users know it. A newline at its end is not needed; one within begins
 * another line. Longer ones than CONSOLE_LINE are cut. Any context, any lock held but the output's own.
 */
#define CONSOLE_LINE 384
void printk(const char *fmt, ...) PRINTF(1, 2);

/*
 * Where lines go beside the ring from now on; NULL: nowhere. Called with a whole line or more, its end included, one
 * call at a time, under the lines' lock: it calls nothing that prints.
 */
typedef void printk_output(const char *text, size_t n);
void printk_set_output(printk_output *output);
/* False: all that was said is only in the ring. */
bool printk_has_output(void);
/*
 * There is more in the ring: called wherever printk is, so it must not wait for a lock that anybody prints under. Not
 * in a panic.
 */
void printk_set_listener(void (*written)(void));

/*
 * Copies ring content from *index on: incremental: from *index, otherwise from the oldest. Returns characters stored in
 * buf; *index moves behind them. clear: forget all that was before *index then.
 */
size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear);
