// SPDX-License-Identifier: Apache-2.0
/*
 * Time of domains. The wall clock in a domain's shared info page is the time of day at its system time 0, which for a
 * guest on Arm is when its virtual counter was 0.
 */
#include "vm/clock.h"

#include "arch/lock.h"
#include "base/time.h"
#include "vm/arm64/vtimer.h"
#include "vm/domain.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static struct spinlock lock = SPINLOCK_INIT;
static uint64_t epoch_ns GUARDED_BY(lock);

static void publish(struct domain *d) REQUIRES(lock)
{
    uint64_t began = d->clock.counter_offset;
    uint64_t at_boot = epoch_ns + (began ? ticks_to_ns(began - system_time_boot_counter()) : 0);

    shared_info_set_clock(d, at_boot / NS_PER_SECOND + (uint64_t)d->clock.time_offset_seconds,
                          (uint32_t)(at_boot % NS_PER_SECOND));
}

void wallclock_update(struct domain *d)
{
    spin_lock(&lock);
    publish(d);
    spin_unlock(&lock);
}

void clock_init(struct domain *d)
{
    d->clock.counter_offset = d->privileged ? 0 : counter_now();
}

void clock_begin(struct domain *d)
{
    spin_lock(&lock);
    d->clock.counter_offset = counter_now();
    publish(d);
    spin_unlock(&lock);
}

void clock_stop(struct domain *d)
{
    d->clock.stopped_at = counter_now();
}

static void shift(struct domain *d, uint64_t ticks)
{
    spin_lock(&lock);
    d->clock.counter_offset += ticks;
    publish(d);
    spin_unlock(&lock);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            vtimer_shift(d->vcpus[i], ticks);
}

void clock_continue(struct domain *d, bool hide)
{
    if (hide)
        shift(d, counter_now() - d->clock.stopped_at);
}

void clock_set_time_offset(struct domain *d, int64_t seconds)
{
    spin_lock(&lock);
    d->clock.time_offset_seconds = seconds;
    publish(d);
    spin_unlock(&lock);
}

uint64_t wallclock_at(uint64_t system_time_ns)
{
    uint64_t epoch;

    spin_lock(&lock);
    epoch = epoch_ns;
    spin_unlock(&lock);
    return epoch ? (epoch + system_time_ns) / NS_PER_SECOND : 0;
}

void wallclock_set(uint64_t epoch_ns_at_boot)
{
    spin_lock(&lock);
    epoch_ns = epoch_ns_at_boot;
    spin_unlock(&lock);
    domain_for_each(d)
        wallclock_update(d);
}
