// SPDX-License-Identifier: Apache-2.0
/*
 * Ticket spinlocks, annotated for clang's -Wthread-safety: a field marked
 * GUARDED_BY(lock) is touched only with that lock held, and the compiler
 * checks it. EL2 runs with interrupts masked from entry to return, so a lock
 * needs no interrupt-safe variant.
 */
#pragma once

#include "arch/relax.h"
#include "lib/base.h"

#ifdef __clang__
#define CAPABILITY(x)    __attribute__((capability(x)))
/*
 * A C member that names its sibling as guard needs a clang with -fexperimental-late-parse-attributes; in Debian 12's the
 * annotation of a member documents, and the compiler checks those of functions.
 */
#if __clang_major__ >= 20
#define GUARDED_BY(x)    __attribute__((guarded_by(x)))
#define PT_GUARDED_BY(x) __attribute__((pt_guarded_by(x)))
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
    uint16_t next;   /* the next ticket to hand out */
    uint16_t owner;  /* the ticket that holds the lock */
};

#define SPINLOCK_INIT { 0, 0 }

static inline UNCHECKED_LOCKING void spin_lock(struct spinlock *l) ACQUIRES(l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}

static inline UNCHECKED_LOCKING void spin_unlock(struct spinlock *l) RELEASES(l)
{
    __atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}

static inline UNCHECKED_LOCKING bool spin_trylock(struct spinlock *l) TRY_ACQUIRES(true, l)
{
    uint16_t owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
    uint16_t expect = owner;

    return __atomic_compare_exchange_n(&l->next, &expect, (uint16_t)(owner + 1), false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
