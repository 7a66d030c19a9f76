// SPDX-License-Identifier: Apache-2.0
/*
 * The client of xenstore (xen/include/public/io/xs_wire.h). Paths are absolute, or relative to this domain's own. From
 * any thread, not from interrupt handlers; a request waits for its answer. Errors are negative errno values:
 * xenstored's, or -EIO when it makes no sense any more.
 */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

enum { XENBUS_WATCHES = 16, XENBUS_PATH_MAX = 128 };

/* Finds the ring, and starts the thread that calls watches; threads work. */
void xenbus_init(void);

/* The value with a NUL behind it; returns its length. -E2BIG: it has no room. */
int xenbus_read(const char *path, char *value, size_t size);
int xenbus_write(const char *path, const char *value);

/* The same of a node in a folder, whose path together has less than XENBUS_PATH_MAX characters. */
int xenbus_read_in(const char *folder, const char *name, char *value, size_t size);
int xenbus_write_in(const char *folder, const char *name, const char *value);
int xenbus_write_number(const char *folder, const char *name, uint64_t value);
/* A decimal number of at most `most` (value.h); -ENOENT: there is no such node; -EINVAL: it is no such number. */
int xenbus_read_number(const char *folder, const char *name, uint64_t most, uint64_t *value);

/*
 * Calls fn(arg) on the watches' own thread, a service thread, whenever anything at or below `path` changes, and once at
 * the beginning of each life, until xenbus_unwatch(); the path lives as long. The watch's number, or -ENOSPC:
 * XENBUS_WATCHES are set.
 */
int xenbus_watch(const char *path, void (*fn)(void *), void *arg);
/* From the watches' thread: fn() is not called any more. */
void xenbus_unwatch(int watch);

/* No request is under way, and the ring is empty; in a new domain all watches are set again. */
extern const struct sleep_stage xenbus_stage;
