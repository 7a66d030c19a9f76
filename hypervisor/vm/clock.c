// SPDX-License-Identifier: Apache-2.0
/*
 * Time of domains. The wall clock in a domain's shared info page is the time of day at its system time 0, which for a
 * guest on Arm is when its virtual counter was 0.
 */
#include "vm/clock.h"

#include "arch/lock.h"
#include "base/time.h"
#include "lib/errno.h"
#include "vm/arm64/vtimer.h"
#include "vm/domain.h"
#include "vm/records.h"
#include "vm/vcpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static struct spinlock lock = SPINLOCK_INIT;
static uint64_t epoch_ns GUARDED_BY(lock);

/*
 * Of ticks that may be before system time 0, as those when a restored domain's counter began are. Both wrap, for a
 * stream may say any number.
 */
static uint64_t signed_ns(uint64_t ticks)
{
    return (int64_t)ticks < 0 ? -ticks_to_ns(-ticks) : ticks_to_ns(ticks);
}

static void publish(struct domain *d) REQUIRES(lock)
{
    uint64_t began = d->clock.counter_offset;
    uint64_t at_boot = epoch_ns + (began ? signed_ns(began - system_time_boot_counter()) : 0);

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

/* ns since the epoch; 0: nobody has said. */
static uint64_t wall_ns_now(void) REQUIRES(lock) { return epoch_ns ? epoch_ns + system_time_ns() : 0; }

/* The time since the domain was saved, if it is to see that time went by. 0 if the clock was set back meanwhile. */
static uint64_t ticks_away(const struct clock_saved *s) REQUIRES(lock)
{
    uint64_t now = wall_ns_now();

    return s->wall_ns && now > s->wall_ns ? ns_to_ticks(now - s->wall_ns) : 0;
}

void clock_begin(struct domain *d)
{
    spin_lock(&lock);
    d->clock.counter_offset = counter_now() - d->clock.saved.counter - ticks_away(&d->clock.saved);
    publish(d);
    spin_unlock(&lock);
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            vtimer_begin(d->vcpus[i]);
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

uint64_t wallclock_of(const struct domain *d, uint64_t *counter)
{
    uint64_t now, ns = 0;

    spin_lock(&lock);
    now = counter_now();
    *counter = now - d->clock.counter_offset;
    if (epoch_ns)
        ns = epoch_ns + ticks_to_ns(now - system_time_boot_counter()) +
             (uint64_t)d->clock.time_offset_seconds * NS_PER_SECOND;
    spin_unlock(&lock);
    return ns;
}

void wallclock_set(uint64_t epoch_ns_at_boot)
{
    spin_lock(&lock);
    epoch_ns = epoch_ns_at_boot;
    spin_unlock(&lock);
    domain_for_each(d)
        wallclock_update(d);
}

/* --- Its record --- */

struct clock_record_v1 {
    uint64_t frequency;          /* of the counter, Hz */
    uint64_t counter, wall_ns;   /* as struct clock_saved */
    int64_t time_offset_seconds;
};

/* A domain that suspended itself keeps its own account of time; one that was only held has nothing to notice. */
static bool sees_time_away(struct domain *d) { return domain_awaits_resume(d) || domain_is_suspended(d); }

static int clock_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain *d = object;
    struct clock_saved now = d->clock.saved;   /* of one that does not run yet */
    struct clock_record_v1 r = { .frequency = counter_frequency() };

    (void)instance;
    spin_lock(&lock);
    if (d->pause.started) {
        now.counter = counter_now() - d->clock.counter_offset;
        now.wall_ns = sees_time_away(d) ? wall_ns_now() : 0;
    }
    r.counter = now.counter;
    r.wall_ns = now.wall_ns;
    r.time_offset_seconds = d->clock.time_offset_seconds;
    spin_unlock(&lock);
    record_write(w, &r, sizeof(r));
    return 0;
}

static int clock_check(void *object, unsigned instance, struct record_reader *in)
{
    struct clock_record_v1 r;

    (void)object;
    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    return r.frequency == counter_frequency()
               ? 0
               : record_refuse(in, -EOPNOTSUPP, "is of a host whose counter has another frequency");
}

static int clock_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct clock_record_v1 r;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    spin_lock(&lock);
    d->clock.saved = (struct clock_saved){ r.counter, r.wall_ns };
    d->clock.time_offset_seconds = r.time_offset_seconds;
    spin_unlock(&lock);
    return 0;
}

const struct record_kind clock_record = {
    .name = "CLOCK", .id = RECORD_CLOCK, .version = 1, .count = record_count_one,
    .save = clock_save, .check = clock_check, .restore = clock_restore,
};
