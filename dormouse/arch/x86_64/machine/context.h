// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that does not run: its stack, with the registers that a function has to keep on top of it. Kernel code uses
 * no vector registers, so there are none to switch.
 */
#pragma once
#include "lib/base.h"

/*
 * Keeps the caller in *from and goes on with `to`, which was kept so or made by context_new(). With interrupts masked.
 */
void context_switch(void **from, void *to);

/* assembly: where a new thread begins; it calls thread_begin(argument) of core/thread.c, which does not return */
extern char context_begin[];

/* A thread that has not run yet, on the stack that ends at `top`. */
static inline void *context_new(void *top, void *argument)
{
    uint64_t *sp = top;

    *--sp = 0;                              /* keeps the stack aligned as at a function's first instruction */
    *--sp = (uintptr_t)context_begin;
    *--sp = 0;                              /* rbp */
    *--sp = (uintptr_t)argument;            /* rbx */
    for (unsigned i = 0; i < 4; i++)
        *--sp = 0;                          /* r12 to r15 */
    return sp;
}
