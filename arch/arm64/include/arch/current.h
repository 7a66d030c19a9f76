// SPDX-License-Identifier: Apache-2.0
/* The CPU that runs this. */
#pragma once

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__("mrs %0, tpidr_el2" : "=r"(c));
    return c;
}
