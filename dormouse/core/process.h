// SPDX-License-Identifier: Apache-2.0
/*
 * User programs: a thread each, in an address space of their own (core/space.h), preempted and frozen like all threads.
 * Their code is part of the image: functions that are USER_CODE, which call nothing else and have no constants in
 * memory. Each program gets a copy of all of it, read-only, and a stack of a page.
 */
#pragma once
#include "lib/base.h"
#include "machine/frame.h"

#define USER_CODE __attribute__((section(".user"), no_stack_protector))

/* For user_call(). Results are 0, or as said; negative errno values. */
enum process_call {
    CALL_EXIT,                      /* status: it ends */
    CALL_REPORT,                    /* that it is alive; the CPU that it runs on */
    CALL_SLEEP,                     /* nanoseconds */
    CALL_MAP,                       /* address: a zeroed page is there from now on. -EEXIST, -EINVAL, -ENOMEM */
    CALL_UNMAP,                     /* address: it is not any more. -ENOENT */
    CALL_THREAD_POINTER,            /* its thread pointer: FS's base, or TPIDR_EL0. -EINVAL */
};

struct process;

/* Ready to begin with entry(argument), a USER_CODE function. NULL: no memory. */
struct process *process_new(void (*entry)(uint64_t), uint64_t argument);
/* Once. -ENOMEM: it has not begun, and is gone. */
int process_begin(struct process *p);
/* Until it has ended, which frees it. Its status; -EFAULT: it touched memory not its own. */
int64_t process_wait(struct process *p);

/* Of all programs: how often they reported, and bit n is set where one did on CPU n. */
uint64_t process_reports(void);
uint64_t process_cpus(void);
