// SPDX-License-Identifier: Apache-2.0
/*
 * A user program's registers, and how the kernel goes into it and is back when it calls or faults. Between the two it
 * is interrupted, preempted, frozen and moved to other CPUs like any thread. machine/frame.h has struct frame, and the
 * calling convention of user_call() as the kernel sees it: call_number(), call_argument(), call_result().
 */
#pragma once
#include "machine/frame.h"

/* image.ld: user programs' code, in whole pages from the beginning of one */
extern char image_user[], image_user_end[];

enum { USER_VECTORS_SIZE = 544 };   /* of all vector registers, their control words, and a thread pointer */

struct user {
    struct frame frame;
    uint64_t kernel_sp;             /* where user_run() left the thread's stack */
    char vectors[USER_VECTORS_SIZE] __attribute__((aligned(16)));
};

enum user_event { USER_CALL, USER_FAULT };

/* Zeroed but for the named registers. */
void user_init(struct user *u, uint64_t pc, uint64_t sp, uint64_t argument);

/* assembly: runs it until it needs the kernel. In a thread in its space, with interrupts masked before and after. */
enum user_event user_run(struct user *u);
/* assembly: for a trap's handler: user_run() returns `event`; the registers are in u->frame. With interrupts masked. */
NORETURN void user_leave(struct user *u, enum user_event event);

/* The running program's thread pointer, also on other CPUs. With interrupts masked. -EINVAL: it cannot be one. */
int user_set_thread_pointer(struct user *u, uint64_t value);

/* The registers that a switch of threads does not keep by itself. With interrupts masked. */
void user_switch_out(struct user *u);
void user_switch_in(struct user *u);
