// SPDX-License-Identifier: Apache-2.0
/*
 * How a hypercall is made (xen/include/public/arch-x86/xen-x86_64.h): a call into the page that Xen filled in,
 * arguments in rdi, rsi, rdx, r10 and r8, the result in rax. rcx and r11 are lost, and of the arguments nothing is
 * promised.
 */
#pragma once
#include <stdint.h>

extern char hypercall_page[];

static inline long hypercall5(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r8 __asm__("r8") = a5;
    long result;

    __asm__ volatile("call *%[page]"
                     : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : [page] "a"(hypercall_page + number * 32)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long hypercall3(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return hypercall5(number, a1, a2, a3, 0, 0);
}

static inline long hypercall2(unsigned long number, uint64_t a1, uint64_t a2)
{
    return hypercall5(number, a1, a2, 0, 0, 0);
}
