// SPDX-License-Identifier: Apache-2.0
/*
 * How a hypercall is made (xen/include/public/arch-arm.h): `hvc #0xEA1`, the number in x16, arguments in x0 to x4, the
 * result in x0. Only x0 to x4 and x16 may change. Pointers have to lie in normal write-back memory, as all of Dormouse
 * does.
 */
#pragma once
#include <stdint.h>

static inline long hypercall5(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t x0 __asm__("x0") = a1;
    register uint64_t x1 __asm__("x1") = a2;
    register uint64_t x2 __asm__("x2") = a3;
    register uint64_t x3 __asm__("x3") = a4;
    register uint64_t x4 __asm__("x4") = a5;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
                     : : "memory");
    return (long)x0;
}

static inline long hypercall2(unsigned long number, uint64_t a1, uint64_t a2)
{
    register uint64_t x0 __asm__("x0") = a1;
    register uint64_t x1 __asm__("x1") = a2;
    register uint64_t x16 __asm__("x16") = number;

    __asm__ volatile("hvc #0xea1" : "+r"(x0), "+r"(x1), "+r"(x16) : : "x2", "x3", "x4", "memory");
    return (long)x0;
}

static inline long hypercall3(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return hypercall5(number, a1, a2, a3, 0, 0);
}
