// SPDX-License-Identifier: Apache-2.0
/*
 * Time as a domain sees it: its counter, which stands still while it is frozen, and the wall clock. The wall clock is
 * dom0's to set (XENPF_settime) and is told to every domain in its own time.
 */
#pragma once

#include "lib/base.h"

struct domain;

/*
 * clock.c's, under its lock; the counter's offset is read without it, by a vCPU that runs or with all of them stopped
 */
struct domain_clock {
    /* CNTVOFF_EL2, ticks: its counter, and with it its system time, began then, and stood still while frozen */
    uint64_t counter_offset;
    uint64_t stopped_at;         /* ticks */
    int64_t time_offset_seconds; /* XEN_DOMCTL_settimeoffset */
    struct clock_saved {         /* of a restored domain, until it runs */
        uint64_t counter;        /* its counter's value, ticks; 0 of one that is new */
        /* the time of day then, ns since the epoch, if it is to see that time went by; 0: it is not */
        uint64_t wall_ns;
    } saved;
};

void clock_init(struct domain *d);
/*
 * Its counter begins at 0 now; a restored domain's where it was, and further on by the time that went by since if it
 * had suspended itself. Before it runs.
 */
void clock_begin(struct domain *d);
/*
 * The domain does not run, from the one to the other. hide: it does not see in its counter and timers that time went
 * by.
 */
void clock_stop(struct domain *d);
void clock_continue(struct domain *d, bool hide);

/* Its wall clock is so many seconds ahead of the machine's. */
void clock_set_time_offset(struct domain *d, int64_t seconds);

/* d, which setters of the clock find from now on, is told the time. */
void wallclock_update(struct domain *d);
/* It was epoch_ns_at_boot, nanoseconds since the epoch, at system time 0. */
void wallclock_set(uint64_t epoch_ns_at_boot);
/* Seconds since the epoch at this system time; 0: dom0 has not set the clock yet. */
uint64_t wallclock_at(uint64_t system_time_ns);
/* d's time of day now, ns since the epoch, and the value of its counter then; 0: dom0 has not set the clock yet. */
uint64_t wallclock_of(const struct domain *d, uint64_t *counter);

struct record_kind;
extern const struct record_kind clock_record;
