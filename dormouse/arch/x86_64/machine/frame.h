// SPDX-License-Identifier: Apache-2.0
/* A trap's registers. A user program calls by SYSCALL, which destroys rcx and r11. */
#pragma once
#include "lib/base.h"

struct frame {                      /* entry.S knows the layout */
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
enum { RFLAGS_IF = 1 << 9 };

/* The kernel's are of ring 0, as Xen tells it, whatever they are. */
static inline bool frame_is_user(const struct frame *f) { return f->cs & 3; }
static inline uint64_t frame_pc(const struct frame *f) { return f->rip; }

static inline uint64_t call_number(const struct frame *f) { return f->rax; }
static inline uint64_t call_argument(const struct frame *f, unsigned i) { return i ? f->rsi : f->rdi; }
static inline void call_result(struct frame *f, uint64_t value) { f->rax = value; }

/* A user program's call; nothing of the kernel's is in its reach. */
static inline uint64_t user_call(uint64_t number, uint64_t a, uint64_t b)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b) : "rcx", "r11", "memory");
    return number;
}
