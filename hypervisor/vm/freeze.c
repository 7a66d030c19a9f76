// SPDX-License-Identifier: Apache-2.0
/*
 * Domains through a host sleep. A frozen one does not run, its virtual counter does not advance and its watchdogs stand still, so
 * that it has nothing to notice; only its PV wall clock says that time went by. A domain that suspended itself keeps its own account of
 * time; it is held as well, for its interrupt may come while the host goes down: then the host must not sleep (domains_woken).
 */
#include "base/time.h"
#include "sleep/sleep.h"
#include "vm/domain.h"
#include "vm/vcpu.h"
#include "vm/arm64/vtimer.h"

static void freeze(struct domain *d)
{
    domain_pause(d);
    domain_watchdogs_halt(d);
    d->frozen_at = counter_now();
    d->was_suspended = domain_is_suspended(d);
    d->frozen = true;
}

static void shift_time(struct domain *d, uint64_t ticks)
{
    d->counter_offset += ticks;
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            vtimer_shift(d->vcpus[i], ticks);
    wallclock_update(d);
}

static void thaw(struct domain *d)
{
    if (!d->was_suspended)
        shift_time(d, counter_now() - d->frozen_at);
    d->frozen = false;
    domain_watchdogs_continue(d);
    domain_unpause(d);
}

static void for_each_domain(struct sleep *s, const char *what, void (*change)(struct domain *d), bool (*concerns)(const struct domain *d))
{
    struct domain *d;

    for (unsigned id = 0; id < DOMID_FIRST_RESERVED_ && (d = domain_get_from((domid_t)id)); domain_put(d)) {
        uint64_t start = s->now_ns();

        id = d->id + 1u;
        if (!concerns(d))
            continue;
        change(d);
        sleep_note(s, SLEEP_DOMAIN, what, d->id, 0, start, s->now_ns());
    }
}

static bool is_to_freeze(const struct domain *d) { return !d->privileged; }
static bool is_frozen(const struct domain *d) { return d->frozen; }

static int domains_enter(struct sleep *s)
{
    for_each_domain(s, "freeze", freeze, is_to_freeze);
    return 0;
}

static void domains_leave(struct sleep *s)
{
    for_each_domain(s, "thaw", thaw, is_frozen);
}

const struct sleep_stage domains_stage = { .name = "domains", .enter = domains_enter, .leave = domains_leave };

bool domains_woken(void)
{
    bool woken = false;
    struct domain *d;

    for (unsigned id = 0; !woken && id < DOMID_FIRST_RESERVED_ && (d = domain_get_from((domid_t)id)); domain_put(d)) {
        id = d->id + 1u;
        woken = d->frozen && d->was_suspended && !domain_is_suspended(d);
    }
    return woken;
}
