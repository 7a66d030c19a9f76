// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's end by a defect: every CPU stands still, one line says why and another where, and the machine is reset,
 * or halted with `noreboot`. lib/base.h declares panic() itself.
 */
#pragma once

#include "arch/lock.h"
#include "lib/base.h"
#include "lib/stack_protector.h"

/*
 * From the first line of a panic on: the locks of output are not waited for, since their holders may never run again.
 */
bool panic_under_way(void);

/* For the locks that output needs. */
static inline UNCHECKED_LOCKING void panic_proof_lock(struct spinlock *l) ACQUIRES(l)
{
    if (likely(!panic_under_way()))
        spin_lock(l);
}

static inline UNCHECKED_LOCKING void panic_proof_unlock(struct spinlock *l) RELEASES(l)
{
    if (likely(!panic_under_way()))
        spin_unlock(l);
}

/*
 * Nothing more can be done, and the line that says why has been printed: makes sure that it reached somebody, and
 * halts.
 */
NORETURN void machine_halt(void);
/* This CPU was told to stand still. */
NORETURN void cpu_stop_here(void);

/*
 * Defined by the rooms above (cpu/stop.c). machine_stop_others() waits a bounded time for the other CPUs that
 * are on; machine_print_raw() is for a machine without a known output; machine_reset() does not come back either way.
 * machine_enter_crash_kernel() (power/jump.c) comes back if there is no such kernel, or if that kernel does; the others
 * stand still when it is called.
 */
void machine_stop_others(void);
void machine_enter_crash_kernel(void);
void machine_print_raw(const char *text);
void machine_reset(void);

/*
 * Boot, once, from a function that does not return: the guard is made of `seed` and of the counter. Where the firmware
 * gives no seed the counter is all there is, which says no more than how long the firmware took.
 */
void stack_guard_init(uint64_t seed);
