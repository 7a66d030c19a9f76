// SPDX-License-Identifier: Apache-2.0
/* A trap's registers. A user program calls by SVC, with the number in x8. */
#pragma once
#include "lib/base.h"

struct frame {                      /* vectors.S knows this layout */
    uint64_t x[31], sp, elr, spsr, esr, far;
};

static inline uint64_t frame_pc(const struct frame *f) { return f->elr; }

static inline uint64_t call_number(const struct frame *f) { return f->x[8]; }
static inline uint64_t call_argument(const struct frame *f, unsigned i) { return f->x[i]; }
static inline void call_result(struct frame *f, uint64_t value) { f->x[0] = value; }

/* A user program's call; nothing of the kernel's is in its reach. */
static inline uint64_t user_call(uint64_t number, uint64_t a, uint64_t b)
{
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x8 __asm__("x8") = number;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
    return x0;
}
