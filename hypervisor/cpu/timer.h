// SPDX-License-Identifier: Apache-2.0
/*
 * Software timers on EL2's physical timer (CNTHP), one queue a CPU. A timer fires
 * once, on the CPU whose queue it is in, with no lock held. Times are ticks of
 * CNTPCT_EL0; ticks_to_ns and system_time_ns translate.
 */
#pragma once

#include "lib/base.h"

struct cpu;

struct timer {
    uint64_t expires;               /* ticks; meaningful while queued */
    void (*fire)(void *data);
    void *data;
    struct cpu *cpu;                /* whose queue it is in, or was last */
    struct timer *child, *next, **back;  /* the queue's heap */
    bool queued;
};

void timer_init(struct timer *t, void (*fire)(void *data), void *data);
/* (Re)arms t on this CPU. */
void timer_set(struct timer *t, uint64_t expires_ticks);
/* After it returns t will not fire until it is set again; waits while it is firing elsewhere. Not from t's own fire(). */
void timer_stop(struct timer *t);

uint64_t counter_now(void);         /* CNTPCT_EL0, ticks */
uint64_t counter_frequency(void);   /* Hz */
uint64_t counter_frequency_override(void);  /* what the device tree's clock-frequency says, for guests to be told; 0: CNTFRQ_EL0 is right */
uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ns_to_ticks(uint64_t ns);  /* saturates */
/* Nanoseconds since the hypervisor started: Xen's "system time". */
uint64_t system_time_ns(void);
uint64_t system_time_boot_counter(void);   /* the counter's value at system time 0 */
uint64_t system_time_to_ticks(uint64_t ns);  /* the counter's value at that system time; saturates */

/* The timer interrupt of this CPU came. */
void timer_interrupt(void);
void timer_cpu_init(void);

/* `from` is off: its timers are this CPU's. */
void timers_adopt(struct cpu *from);
/* A host sleep: no timer of ours wakes it, and those that are due by then fire after it. */
struct sleep_stage;
extern const struct sleep_stage timers_stage;
void time_init(uint64_t frequency_hz_or_0);
