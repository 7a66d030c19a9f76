// SPDX-License-Identifier: Apache-2.0
/*
 * Watchdogs. Invariant, under the lock: the timer of one that is in use is set if and only if they are not halted or it
 * has fired.
 */
#include "vm/watchdog.h"

#include "lib/base.h"

#include <xen/sched.h>

#include "base/printk.h"
#include "base/time.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/records.h"

/* Without the lock, under which timer_stop() may wait for this. */
static void watchdog_fired(void *data)
{
    struct watchdog *w = data;
    uint64_t time = max_u64(__atomic_load_n(&w->time, __ATOMIC_RELAXED), counter_frequency());

    if (domain_shutdown(w->domain, SHUTDOWN_watchdog))
        printk("torpor: domain %u: its watchdog has run out\n", w->domain->id);
    else
        timer_set(&w->timer, counter_now() + time);
}

void watchdogs_init(struct domain *d)
{
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
        struct watchdog *w = &d->watchdogs.each[i];

        w->domain = d;
        timer_init(&w->timer, watchdog_fired, w);
    }
}

static void watchdog_arm(struct domain_watchdogs *all, struct watchdog *w, unsigned timeout_seconds) REQUIRES(all->lock)
{
    uint64_t ticks = (uint64_t)timeout_seconds * counter_frequency();

    w->in_use = timeout_seconds != 0;
    __atomic_store_n(&w->time, ticks, __ATOMIC_RELAXED);
    w->left = ticks;
    if (w->in_use && !all->halted)
        timer_set(&w->timer, counter_now() + ticks);
    else
        timer_stop(&w->timer);
}

void watchdogs_end(struct domain *d)
{
    spin_lock(&d->watchdogs.lock);
    d->watchdogs.ended = true;
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++)
        watchdog_arm(&d->watchdogs, &d->watchdogs.each[i], 0);
    spin_unlock(&d->watchdogs.lock);
}

/* sched.h: id 0 and a time: a free one, whose id comes back; id and time: set; id and 0: disarmed. */
static int watchdog_set(struct domain_watchdogs *all, unsigned id, unsigned timeout_seconds) REQUIRES(all->lock)
{
    if (all->ended)
        return -ESRCH;
    if (id == 0) {
        if (!timeout_seconds)
            return -EINVAL;
        while (id < DOMAIN_WATCHDOGS && all->each[id].in_use)
            id++;
        if (id == DOMAIN_WATCHDOGS)
            return -ENOSPC;
        watchdog_arm(all, &all->each[id], timeout_seconds);
        return (int)id + 1;
    }
    if (id > DOMAIN_WATCHDOGS)
        return -EINVAL;
    id = (unsigned)index_nospec(id - 1, DOMAIN_WATCHDOGS);
    if (!all->each[id].in_use)
        return -EINVAL;
    watchdog_arm(all, &all->each[id], timeout_seconds);
    return 0;
}

int domain_watchdog(struct domain *d, unsigned id, unsigned timeout_seconds)
{
    int result;

    spin_lock(&d->watchdogs.lock);
    result = watchdog_set(&d->watchdogs, id, timeout_seconds);
    spin_unlock(&d->watchdogs.lock);
    return result;
}

void domain_watchdogs_halt(struct domain *d)
{
    struct domain_watchdogs *all = &d->watchdogs;
    uint64_t now = counter_now();

    spin_lock(&all->lock);
    for (unsigned i = 0; all->halted == 0 && i < DOMAIN_WATCHDOGS; i++) {
        struct watchdog *w = &all->each[i];

        if (!w->in_use)
            continue;
        timer_stop(&w->timer);
        w->left = timer_expires(&w->timer) - min_u64(now, timer_expires(&w->timer));
    }
    all->halted++;
    spin_unlock(&all->lock);
}

void domain_watchdogs_continue(struct domain *d)
{
    struct domain_watchdogs *all = &d->watchdogs;

    spin_lock(&all->lock);
    all->halted--;
    for (unsigned i = 0; all->halted == 0 && i < DOMAIN_WATCHDOGS; i++)
        if (all->each[i].in_use)
            timer_set(&all->each[i].timer, counter_now() + all->each[i].left);
    spin_unlock(&all->lock);
}

/* --- Their record --- */

struct watchdog_record {
    uint64_t left;               /* ticks */
    uint32_t in_use, zero;
};

#define MOST_TICKS (UINT64_C(0xffffffff) * counter_frequency())   /* a time-out is 32 bits of seconds */

static int watchdogs_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;

    (void)instance;
    domain_watchdogs_halt(d);
    spin_lock(&d->watchdogs.lock);
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
        const struct watchdog *dog = &d->watchdogs.each[i];
        struct watchdog_record r = { dog->in_use ? dog->left : 0, dog->in_use, 0 };

        record_write(w, &r, sizeof(r));
    }
    spin_unlock(&d->watchdogs.lock);
    domain_watchdogs_continue(d);
    return 0;
}

static int watchdogs_check(void *object, unsigned instance, struct record_reader *in)
{
    (void)object;
    (void)instance;
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
        struct watchdog_record r;

        if (!record_read(in, &r, sizeof(r)))
            return -EBADMSG;
        if (r.in_use > 1 || r.zero || r.left > MOST_TICKS)
            return record_refuse(in, -EBADMSG, "has a time-out that there cannot be");
    }
    return 0;
}

static int watchdogs_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;

    (void)instance;
    spin_lock(&d->watchdogs.lock);
    BUG_ON(!d->watchdogs.halted);
    for (unsigned i = 0; i < DOMAIN_WATCHDOGS; i++) {
        struct watchdog_record r;

        BUG_ON(!record_read(in, &r, sizeof(r)));
        d->watchdogs.each[i].in_use = r.in_use;
        d->watchdogs.each[i].left = r.left;
        d->watchdogs.each[i].time = r.left;
    }
    spin_unlock(&d->watchdogs.lock);
    return 0;
}

const struct record_kind watchdogs_record = {
    .name = "WATCHDOGS", .id = RECORD_WATCHDOGS, .version = 1, .count = record_count_one,
    .save = watchdogs_save, .check = watchdogs_check, .restore = watchdogs_restore,
};
