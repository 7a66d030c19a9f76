// SPDX-License-Identifier: Apache-2.0
#include "abi/ctl_bitmap.h"

#include <xen/xen.h>

#include "lib/errno.h"
#include "vm/guest_access.h"

/* Bytes that nr_bits take, without wrapping. */
static uint64_t bitmap_bytes(const struct xenctl_bitmap *bitmap) { return ((uint64_t)bitmap->nr_bits + 7) / 8; }

/* Only the bits that the caller's last byte says are its own. */
static cpu_mask bitmap_mask(const struct xenctl_bitmap *bitmap)
{
    return bitmap->nr_bits == 0              ? 0
           : bitmap->nr_bits < CPU_MASK_BITS ? cpu_mask_below(bitmap->nr_bits)
                                             : CPU_MASK_ALL;
}

int ctl_bitmap_read(const struct xenctl_bitmap *bitmap, cpu_mask *bits)
{
    cpu_mask value = 0;

    if (copy_from_guest(&value, bitmap->bitmap.q, min_u64(bitmap_bytes(bitmap), sizeof(value))))
        return -EFAULT;
    *bits = value & bitmap_mask(bitmap);
    return 0;
}

int ctl_bitmap_write(const struct xenctl_bitmap *bitmap, cpu_mask bits)
{
    static const uint64_t zeros[8];
    uint64_t size = bitmap_bytes(bitmap);
    cpu_mask value = bits & bitmap_mask(bitmap);

    if (size > PAGE_SIZE)
        return -EINVAL;
    if (copy_to_guest(bitmap->bitmap.q, &value, min_u64(size, sizeof(value))))
        return -EFAULT;
    for (uint64_t at = sizeof(value); at < size; at += sizeof(zeros))
        if (copy_to_guest(bitmap->bitmap.q + at, zeros, min_u64(size - at, sizeof(zeros))))
            return -EFAULT;
    return 0;
}
