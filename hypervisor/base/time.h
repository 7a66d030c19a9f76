// SPDX-License-Identifier: Apache-2.0
/*
 * The counter, and the hypervisor's own time, which begins when it starts. Read-only once time_init() has run, but for
 * counter_set_bias(); any CPU, any context.
 *
 * The machine's counter, CNTPCT_EL0, begins again when power comes back. A host that was restored from its image goes
 * on with the one that it knows: the counter here is the machine's and a bias. Only who programs timers and virtual
 * counters deals in the machine's.
 */
#pragma once

#include "lib/base.h"

/* Boot CPU, once: the counter's frequency as the device tree has it, or 0 where CNTFRQ_EL0 is right. */
void time_init(uint64_t frequency_hz_or_0);

uint64_t counter_now(void);         /* ticks */
/* The machine's counter when ours is `at`; the end of time, if it is not reached before, and 0 if that was before its
 * beginning. */
uint64_t counter_to_machine(uint64_t at);
/* What our counter is ahead of the machine's; below zero: behind it. */
int64_t counter_bias(void);
/* On the only CPU that is on, while no timer is set. */
void counter_set_bias(int64_t ticks);
uint64_t counter_frequency(void);   /* Hz */
/* the device tree's clock-frequency, for guests to be told; 0: CNTFRQ_EL0 is right */
uint64_t counter_frequency_override(void);
uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ns_to_ticks(uint64_t ns);  /* saturates */

/* Nanoseconds since the hypervisor started: Xen's "system time". */
uint64_t system_time_ns(void);
uint64_t system_time_at_ns(uint64_t ticks);   /* when the counter is or was that */
uint64_t system_time_boot_counter(void);   /* the counter's value at system time 0 */
uint64_t system_time_to_ticks(uint64_t ns);  /* the counter's value at that system time; saturates */
