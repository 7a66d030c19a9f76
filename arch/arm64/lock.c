// SPDX-License-Identifier: Apache-2.0
/*
 * The way into a spinlock that is held or waited for (arch/lock.h). The count of those who wait closes the short way to
 * newcomers, so that nobody overtakes but by the rule here: it is one's turn or was before, or the lock was seen free
 * LOCK_PATIENCE times in another's turn.
 */
#include "arch/lock.h"

/* Long enough for a CPU that runs to take what is its, short beside what a thread that does not run is away for. */
#ifndef LOCK_PATIENCE
#define LOCK_PATIENCE 128
#endif

/*
 * Tickets wrap. One who was passed over so long ago that its ticket looks like a late one again needs patience again,
 * no more.
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
    /* Only who holds the lock writes it. */
    if ((int8_t)(l->owner - ticket) <= 0)
        __atomic_store_n(&l->owner, (uint8_t)(ticket + 1), __ATOMIC_RELAXED);
}
