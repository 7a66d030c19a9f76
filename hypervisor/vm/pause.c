// SPDX-License-Identifier: Apache-2.0
#include "vm/pause.h"

#include "cpu/sched.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define PAUSE_MAX 255u

void domain_pause_init(struct domain *d)
{
    d->pause = (struct domain_pause){ .count = 1, .by_controller = 1 };
}

bool domain_is_paused(const struct domain *d) { return __atomic_load_n(&d->pause.count, __ATOMIC_RELAXED); }

bool domain_is_paused_by_controller(const struct domain *d)
{
    return __atomic_load_n(&d->pause.by_controller, __ATOMIC_RELAXED);
}

void domain_start(struct domain *d)
{
    if (!d->pause.started && !d->privileged) {
        clock_begin(d);
        records_begin(d);
    }
    d->pause.started = true;
}

static void vcpus_sleep(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_sleep(&d->vcpus[i]->sched);
}

static void vcpus_wake(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_wake(&d->vcpus[i]->sched);
}

void domain_pause_nosync(struct domain *d)
{
    __atomic_fetch_add(&d->pause.count, 1, __ATOMIC_SEQ_CST);
    vcpus_sleep(d);
}

void domain_pause(struct domain *d)
{
    domain_pause_nosync(d);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            sched_sleep_sync(&d->vcpus[i]->sched);
}

void domain_unpause(struct domain *d)
{
    if (__atomic_sub_fetch(&d->pause.count, 1, __ATOMIC_SEQ_CST) == 0)
        vcpus_wake(d);
}

int domain_pause_by_controller(struct domain *d)
{
    uint32_t n = __atomic_load_n(&d->pause.by_controller, __ATOMIC_RELAXED);

    do {
        if (n >= PAUSE_MAX)
            return -EOVERFLOW;
    } while (
        !__atomic_compare_exchange_n(&d->pause.by_controller, &n, n + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    uint32_t n = __atomic_load_n(&d->pause.by_controller, __ATOMIC_RELAXED);

    do {
        if (n == 0)
            return -EINVAL;
    } while (
        !__atomic_compare_exchange_n(&d->pause.by_controller, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    domain_unpause(d);
    return 0;
}
