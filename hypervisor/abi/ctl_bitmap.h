// SPDX-License-Identifier: Apache-2.0
/*
 * struct xenctl_bitmap (xen/include/public/xen.h): a bitmap in the caller's memory, of CPUs or nodes. A node's number
 * stands in a mask of CPUs as well: there is one.
 */
#pragma once

#include "base/cpu_mask.h"

struct xenctl_bitmap;

/* The first CPU_MASK_BITS; those that the caller's bitmap lacks are 0. -EFAULT. */
int ctl_bitmap_read(const struct xenctl_bitmap *bitmap, cpu_mask *bits);
/* Fills all of the caller's bitmap; bits that do not fit are lost. -EFAULT; -EINVAL for one larger than a page. */
int ctl_bitmap_write(const struct xenctl_bitmap *bitmap, cpu_mask bits);
