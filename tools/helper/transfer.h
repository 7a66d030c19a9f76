// SPDX-License-Identifier: Apache-2.0
/*
 * All of something through a blocking file descriptor, however many calls and interrupting signals that takes; and all
 * of a file.
 */
#pragma once

#include <stddef.h>

/* 0, or -errno; then some of it may have been written. */
int write_all(int fd, const void *data, size_t size);
/* 0, or -errno; -ENODATA: it ends before that. */
int read_all(int fd, void *data, size_t size);
/*
 * A regular file's content with a NUL behind it, which the caller frees. 0, or -errno: -EFBIG: it has more than `most`
 * bytes.
 */
int read_file(const char *path, size_t most, char **text, size_t *size);
