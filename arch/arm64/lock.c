// SPDX-License-Identifier: Apache-2.0
/*
 * The way into a spinlock that is held or waited for (arch/lock.h). While the count of waiting CPUs is not 0 newcomers
 * cannot take the short way, so a CPU gets the lock by this rule alone: its turn is now or was before, or it saw the
 * lock free LOCK_PATIENCE times on another's turn.
 */
#include "arch/lock.h"

/*
 * Long enough for a running CPU to take the lock on its turn; short beside the time for which a preempted thread is
 * away.
 */
#ifndef LOCK_PATIENCE
#define LOCK_PATIENCE 128
#endif

/*
 * Tickets wrap: a CPU that was passed over so long ago that its ticket looks like a late one only needs patience again.
 */
static bool is_due(const struct spinlock *l, uint8_t ticket)
{
    return (int8_t)(__atomic_load_n(&l->owner, __ATOMIC_RELAXED) - ticket) >= 0;
}

UNCHECKED_LOCKING void spin_lock_contended(struct spinlock *l)
{
    unsigned seen_free = 0;
    uint8_t ticket;
    uint16_t word;

    __atomic_fetch_add(&l->word, SPIN_WAITER, __ATOMIC_RELAXED);
    ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    for (;;) {
        word = __atomic_load_n(&l->word, __ATOMIC_RELAXED);
        if (!(word & SPIN_HELD) && (is_due(l, ticket) || seen_free++ >= LOCK_PATIENCE) &&
            __atomic_compare_exchange_n(&l->word, &word, (uint16_t)((word - SPIN_WAITER) | SPIN_HELD), false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            break;
        cpu_relax();
    }
    /* `owner` is written by the lock's holder only. */
    if ((int8_t)(l->owner - ticket) <= 0)
        __atomic_store_n(&l->owner, (uint8_t)(ticket + 1), __ATOMIC_RELAXED);
}
