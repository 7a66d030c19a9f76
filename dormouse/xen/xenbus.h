// SPDX-License-Identifier: Apache-2.0
/*
 * The client of xenstore (xen/include/public/io/xs_wire.h). Paths are absolute, or relative to this domain's own. From
 * any thread, not from interrupt handlers; a request waits for its answer. Errors are negative errno values:
 * xenstored's, or -EIO when it makes no sense any more.
 */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

enum { XENBUS_VALUE_MAX = 1024, XENBUS_WATCHES = 16 };

/* Finds the ring, and starts the thread that calls watches; threads work. */
void xenbus_init(void);

/* The value with a NUL behind it; returns its length. -E2BIG: it has no room. */
int xenbus_read(const char *path, char *value, size_t size);
int xenbus_write(const char *path, const char *value);

/*
 * Calls fn() on the watches' own thread, a service thread, whenever what is at or below `path` changes, and once at the
 * beginning of each life. For ever; the path outlives it. -ENOSPC: XENBUS_WATCHES are set.
 */
int xenbus_watch(const char *path, void (*fn)(void));

/* No request is under way, and the ring is empty; in a new domain all watches are set again. */
extern const struct sleep_stage xenbus_stage;
