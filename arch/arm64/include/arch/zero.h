// SPDX-License-Identifier: Apache-2.0
/* Clearing memory by cache line (DC ZVA), which takes an instruction a line. */
#pragma once

#include "arch/sysreg.h"
#include "lib/base.h"
#include "lib/string.h"

/* va and size: whole pages of normal memory. */
static inline void memory_zero(void *va, uint64_t size)
{
    uint64_t dczid = read_sysreg(dczid_el0);
    uint64_t block = UINT64_C(4) << (dczid & 0xf);

    if (dczid & 0x10 || block > 1024) {   /* DZP: prohibited; or a page is less than four */
        memset(va, 0, size);
        return;
    }
    for (char *p = va, *end = p + size; p < end; p += 4 * block)
        __asm__ volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3"
                         : : "r"(p), "r"(p + block), "r"(p + 2 * block), "r"(p + 3 * block) : "memory");
}
