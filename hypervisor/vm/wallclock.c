// SPDX-License-Identifier: Apache-2.0
/*
 * The wall clock that domains read in their shared info page (xen/include/public/xen.h): the time of day at system time 0, which
 * for a guest on Arm is when its virtual counter was 0. A guest reads it between two equal, even values of wc_version.
 */
#include "lib/base.h"

#include <xen/xen.h>

#include "arch/barrier.h"
#include "base/time.h"
#include "arch/lock.h"
#include "vm/domain.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static struct spinlock lock = SPINLOCK_INIT;
static uint64_t epoch_ns GUARDED_BY(lock);

static void publish(struct domain *d) REQUIRES(lock)
{
    struct shared_info *s = d->shared_info;
    uint64_t at_boot = epoch_ns + (d->counter_offset ? ticks_to_ns(d->counter_offset - system_time_boot_counter()) : 0);
    uint64_t seconds = at_boot / NS_PER_SECOND + (uint64_t)d->time_offset_seconds;

    if (!s)
        return;
    __atomic_store_n(&s->wc_version, s->wc_version | 1, __ATOMIC_RELAXED);
    smp_wmb();
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = (uint32_t)(at_boot % NS_PER_SECOND);
    smp_wmb();
    __atomic_store_n(&s->wc_version, s->wc_version + 1, __ATOMIC_RELAXED);
}

void wallclock_update(struct domain *d)
{
    spin_lock(&lock);
    publish(d);
    spin_unlock(&lock);
}

void domain_start_clock(struct domain *d)
{
    d->counter_offset = counter_now();
    wallclock_update(d);
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
    struct domain *d;
    domid_t from = 0;

    spin_lock(&lock);
    epoch_ns = epoch_ns_at_boot;
    spin_unlock(&lock);
    for (; (d = domain_get_from(from)); domain_put(d)) {
        wallclock_update(d);
        from = (domid_t)(d->id + 1);
    }
}
