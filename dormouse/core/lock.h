// SPDX-License-Identifier: Apache-2.0
/*
 * Spinlocks that interrupt handlers take too, or whose holder must not be preempted: interrupts of this CPU are masked
 * while one is held. Locking returns whether they were enabled, which unlocking is told.
 */
#pragma once
#include "arch/lock.h"
#include "machine/cpu.h"

static inline bool spin_lock_irq(struct spinlock *l) ACQUIRES(l)
{
    bool enabled = irq_save();

    spin_lock(l);
    return enabled;
}

static inline void spin_unlock_irq(struct spinlock *l, bool enabled) RELEASES(l)
{
    spin_unlock(l);
    irq_restore(enabled);
}
