// SPDX-License-Identifier: Apache-2.0
/*
 * struct xenctl_bitmap (xen/include/public/xen.h): a bitmap in the caller's memory, of CPUs or nodes; 64 of them are
 * enough for us.
 */
#pragma once

#include "lib/base.h"

struct xenctl_bitmap;

/* The first 64 bits; those that the caller's bitmap lacks are 0. -EFAULT. */
int ctl_bitmap_read(const struct xenctl_bitmap *bitmap, uint64_t *bits);
/* Fills all of the caller's bitmap; bits that do not fit are lost. -EFAULT; -EINVAL for one larger than a page. */
int ctl_bitmap_write(const struct xenctl_bitmap *bitmap, uint64_t bits);
