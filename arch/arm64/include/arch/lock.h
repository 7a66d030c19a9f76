// SPDX-License-Identifier: Apache-2.0
/*
 * Spinlocks, annotated for clang's -Wthread-safety: a field marked GUARDED_BY(lock) is touched only with that lock held, and
 * the compiler checks it. EL2 runs with interrupts masked from entry to return, so a lock needs no interrupt-safe variant.
 *
 * Whoever comes when the lock is free gets it; there is no queue. Where a CPU is somebody's thread (an emulator, a nested
 * hypervisor), the next of a queue is often not running, and everybody waits a time slice for each hand-over: four CPUs on two
 * host cores stood still for half a minute in ticket locks. What a queue would be for, fairness among many, our few
 * CPUs and short sections do not need.
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
    uint32_t held;
};

#define SPINLOCK_INIT { 0 }

static inline UNCHECKED_LOCKING bool spin_trylock(struct spinlock *l) TRY_ACQUIRES(true, l)
{
    uint32_t free = 0;

    return __atomic_compare_exchange_n(&l->held, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline UNCHECKED_LOCKING void spin_lock(struct spinlock *l) ACQUIRES(l)
{
    while (unlikely(!spin_trylock(l)))
        while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
            cpu_relax();
}

static inline UNCHECKED_LOCKING void spin_unlock(struct spinlock *l) RELEASES(l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
