// SPDX-License-Identifier: Apache-2.0
/*
 * Domains through a host sleep. A frozen one does not run, its virtual counter does not advance and its watchdogs stand
 * still, so that it has nothing to notice; only its PV wall clock says that time went by. A domain that suspended
 * itself keeps its own account of time; it is held as well, for its interrupt may come while the host goes down: then
 * the host must not sleep (domains_woken).
 */
#include "vm/freeze.h"

#include "sleep/sleep.h"
#include "vm/domain.h"

static void freeze(struct domain *d)
{
    domain_pause(d);
    domain_watchdogs_halt(d);
    clock_stop(d);
    d->freeze.was_suspended = domain_is_suspended(d);
    d->freeze.frozen = true;
}

static void thaw(struct domain *d)
{
    clock_continue(d, !d->freeze.was_suspended);
    d->freeze.frozen = false;
    domain_watchdogs_continue(d);
    domain_unpause(d);
}

static void noted(struct sleep *s, const char *what, void (*change)(struct domain *d), struct domain *d)
{
    uint64_t start = s->now_ns();

    change(d);
    sleep_note(s, SLEEP_DOMAIN, what, d->id, 0, start, s->now_ns());
}

static int domains_enter(struct sleep *s)
{
    domain_for_each(d)
        if (!d->privileged)
            noted(s, "freeze", freeze, d);
    return 0;
}

static void domains_leave(struct sleep *s)
{
    domain_for_each(d)
        if (d->freeze.frozen)
            noted(s, "thaw", thaw, d);
}

const struct sleep_stage domains_stage = { .name = "domains", .enter = domains_enter, .leave = domains_leave };

bool domains_woken(void)
{
    bool woken = false;

    domain_for_each(d)
        woken |= d->freeze.frozen && d->freeze.was_suspended && !domain_is_suspended(d);
    return woken;
}
