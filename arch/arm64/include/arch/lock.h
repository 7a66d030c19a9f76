// SPDX-License-Identifier: Apache-2.0
/*
 * Spinlocks, annotated for clang's -Wthread-safety: a field marked GUARDED_BY(lock) is touched only with that lock
 * held, and the compiler checks it. EL2 runs with interrupts masked from entry to return, so a lock needs no
 * interrupt-safe variant.
 *
 * Waiting CPUs take tickets and are served in that order, as long as the CPU whose turn it is takes the lock when it is
 * free. Where a CPU is a host's thread (an emulator, a nested hypervisor), the next CPU is often not running, and a
 * plain ticket lock then stands still for a time slice at each hand-over. So a CPU that sees the lock free for some
 * time on another's turn takes it, and a CPU that was passed over may take it any time. bench/locks.c compares; on two
 * busy cores of an x86 machine, in thousands a second of all threads together:
 *
 *                              2 threads  8 threads
 *      test and set, no order        623        313
 *      tickets alone                  18         54
 *      tickets with patience         568        202
 *
 * A CPU that comes when none waits pays the price of test and set: one exclusive load and store.
 */
#pragma once

#include "arch/relax.h"
#include "lib/base.h"

#ifdef __clang__
#define CAPABILITY(x)    __attribute__((capability(x)))
/*
 * A member that names its sibling as guard is more than the compiler of the build knows. One that does goes over all of
 * it (make locks, -fexperimental-late-parse-attributes).
 */
#if __clang_major__ >= 22
#define GUARDED_BY(x)    __attribute__((guarded_by(&x)))
#define PT_GUARDED_BY(x) __attribute__((pt_guarded_by(&x)))
#else
#define GUARDED_BY(x)
#define PT_GUARDED_BY(x)
#endif
#define REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define EXCLUDES(...)    __attribute__((locks_excluded(__VA_ARGS__)))
#define TRY_ACQUIRES(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
/* For the few functions whose locking the analysis cannot follow (two locks in address order); each says why. */
#define UNCHECKED_LOCKING __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(x)
#define GUARDED_BY(x)
#define PT_GUARDED_BY(x)
#define REQUIRES(...)
#define ACQUIRES(...)
#define RELEASES(...)
#define EXCLUDES(...)
#define TRY_ACQUIRES(...)
#define UNCHECKED_LOCKING
#endif

struct CAPABILITY("spinlock") spinlock {
    union {
        uint16_t word;      /* SPIN_HELD, and SPIN_WAITER for each that waits; 0 lets the next one in at once */
        uint8_t held;       /* its low byte */
    };
    uint8_t next, owner;    /* the next ticket, and the one whose turn it is */
};

#define SPINLOCK_INIT { 0 }
#define SPIN_HELD     1u
#define SPIN_WAITER   0x100u

/* False where a CPU waits, even if the lock is free. */
static inline UNCHECKED_LOCKING bool spin_trylock(struct spinlock *l) TRY_ACQUIRES(true, l)
{
    uint16_t free = 0;

    return __atomic_compare_exchange_n(&l->word, &free, SPIN_HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* spin_lock()'s, when spin_trylock() failed. */
void spin_lock_contended(struct spinlock *l);

static inline UNCHECKED_LOCKING void spin_lock(struct spinlock *l) ACQUIRES(l)
{
    if (unlikely(!spin_trylock(l)))
        spin_lock_contended(l);
}

static inline UNCHECKED_LOCKING void spin_unlock(struct spinlock *l) RELEASES(l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
