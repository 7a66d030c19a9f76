// SPDX-License-Identifier: Apache-2.0
/* All of something through a blocking file descriptor, however many calls and interrupting signals that takes. */
#pragma once

#include <stddef.h>

/* 0, or -errno; then some of it may have been written. */
int write_all(int fd, const void *data, size_t size);
/* 0, or -errno; -ENODATA: it ends before that. */
int read_all(int fd, void *data, size_t size);
