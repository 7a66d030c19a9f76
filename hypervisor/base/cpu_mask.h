// SPDX-License-Identifier: Apache-2.0
/* A set of physical CPUs: bit n is CPU n. In memory it is Xen's bitmap of CPUs, which is little-endian as well. */
#pragma once

#include "lib/base.h"

typedef unsigned __int128 cpu_mask;

#define CPU_MASK_BITS 128
#define CPU_MASK_ALL  (~(cpu_mask)0)

static inline cpu_mask cpu_mask_of(unsigned cpu)
{
    return (cpu_mask)1 << cpu;
}

/* CPUs 0 .. count - 1, of which there is one at least. */
static inline cpu_mask cpu_mask_below(unsigned count)
{
    return CPU_MASK_ALL >> (CPU_MASK_BITS - count);
}

static inline bool cpu_mask_has(cpu_mask mask, unsigned cpu)
{
    return (uint64_t)(cpu < 64 ? mask : mask >> 64) >> (cpu & 63) & 1;
}

/* mask is not empty. */
static inline unsigned cpu_mask_first(cpu_mask mask)
{
    uint64_t low = (uint64_t)mask;

    return low ? (unsigned)__builtin_ctzll(low) : 64 + (unsigned)__builtin_ctzll((uint64_t)(mask >> 64));
}
