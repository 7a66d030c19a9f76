// SPDX-License-Identifier: Apache-2.0
/*
 * The clock is the hypervisor's plus `offset`, which takes up differences between one host's clock and the next one's.
 */
#include "dormouse/core/time.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/suspend.h"
#include "machine/time.h"

static uint64_t offset;             /* modulo 2^64. Written at boot, and while no other CPU runs */
static uint64_t stopped_at;
static bool stopped;

/* CPUs' readings differ by a little; nobody shall see that. */
uint64_t time_now(void)
{
    static uint64_t last;
    uint64_t now = stopped ? stopped_at : machine_now() + offset, seen = __atomic_load_n(&last, __ATOMIC_RELAXED);

    do {
        if (now <= seen)
            return seen;
    } while (!__atomic_compare_exchange_n(&last, &seen, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return now;
}

void time_alarm_init_cpu(void (*fn)(void))
{
    if (!offset)
        offset = -machine_now();
    machine_timer_init_cpu(fn);
}

void time_alarm_set(uint64_t at)
{
    if (!stopped)
        machine_timer_set(at == NEVER ? NEVER : at - offset);
}

static int time_enter(struct sleep *s)
{
    (void)s;
    machine_timer_set(NEVER);
    stopped_at = time_now();
    stopped = true;
    return 0;
}

static void time_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s)) {
        offset = stopped_at - machine_now();
        machine_timer_resume_cpu();
    }
    stopped = false;
    threads_timer_set();
}

const struct sleep_stage time_stage = { .name = "time", .enter = time_enter, .leave = time_leave };
