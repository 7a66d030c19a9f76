// SPDX-License-Identifier: Apache-2.0
/*
 * The real locks; and after each unlock that leaves none held, if a test says so, something else happens, as if another
 * CPU did it.
 */
#pragma once

#define spin_trylock spin_trylock_alone
#define spin_lock spin_lock_alone
#define spin_unlock spin_unlock_alone
#include_next "arch/lock.h"
#undef spin_trylock
#undef spin_lock
#undef spin_unlock

__attribute__((weak)) void (*host_after_unlock)(void);
__attribute__((weak)) _Thread_local unsigned host_locks_held;

static inline bool spin_trylock(struct spinlock *l)
{
    bool got = spin_trylock_alone(l);

    host_locks_held += got;
    return got;
}

static inline void spin_lock(struct spinlock *l)
{
    spin_lock_alone(l);
    host_locks_held++;
}

static inline void spin_unlock(struct spinlock *l)
{
    spin_unlock_alone(l);
    if (--host_locks_held == 0 && host_after_unlock)
        host_after_unlock();
}
