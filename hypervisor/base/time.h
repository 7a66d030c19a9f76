// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's counter, CNTPCT_EL0, and the hypervisor's own time, which begins when it starts. Read-only once
 * time_init() has run; any CPU, any context.
 */
#pragma once

#include "lib/base.h"

/* Boot CPU, once: the counter's frequency as the device tree has it, or 0 where CNTFRQ_EL0 is right. */
void time_init(uint64_t frequency_hz_or_0);

uint64_t counter_now(void);         /* CNTPCT_EL0, ticks */
uint64_t counter_frequency(void);   /* Hz */
/* the device tree's clock-frequency, for guests to be told; 0: CNTFRQ_EL0 is right */
uint64_t counter_frequency_override(void);
uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ns_to_ticks(uint64_t ns);  /* saturates */

/* Nanoseconds since the hypervisor started: Xen's "system time". */
uint64_t system_time_ns(void);
uint64_t system_time_boot_counter(void);   /* the counter's value at system time 0 */
uint64_t system_time_to_ticks(uint64_t ns);  /* the counter's value at that system time; saturates */
