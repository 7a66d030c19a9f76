// SPDX-License-Identifier: Apache-2.0
/* The head of an arm64 Image (Linux Documentation/arm64/booting.rst), which dom0's kernel has to have. */
#pragma once

#include "lib/base.h"

struct kernel_image {
    uint64_t text_offset;   /* bytes from a 2 MiB boundary to where it is put */
    uint64_t image_size;    /* memory it needs from there on, bss included */
};

/* data: the module, `size` bytes. -ENOEXEC with one line if it is not a little-endian Image, or cut off. */
int kernel_image_check(const void *data, uint64_t size, struct kernel_image *image);
