// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include "arch/barrier.h"
#include "arch/sysreg.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t frequency;
static uint64_t boot_counter;
static int64_t bias;

uint64_t counter_now(void)
{
    isb();   /* not read before earlier instructions are done */
    return read_sysreg(cntpct_el0) + (uint64_t)bias;
}

int64_t counter_bias(void) { return bias; }
void counter_set_bias(int64_t ticks) { bias = ticks; }

uint64_t counter_to_machine(uint64_t at)
{
    uint64_t machine;

    if (bias >= 0)
        return at > (uint64_t)bias ? at - (uint64_t)bias : 0;
    return __builtin_add_overflow(at, -(uint64_t)bias, &machine) ? UINT64_MAX : machine;
}

uint64_t counter_frequency(void) { return frequency; }
uint64_t counter_frequency_override(void) { return frequency == read_sysreg(cntfrq_el0) ? 0 : frequency; }

/* Exact at any frequency and any uptime: whole seconds, and the rest, each of which fits. */
uint64_t ticks_to_ns(uint64_t ticks)
{
    return ticks / frequency * NS_PER_S + ticks % frequency * NS_PER_S / frequency;
}

/* Rounded up: a wait of that length does not end early. */
uint64_t ns_to_ticks(uint64_t ns)
{
    uint64_t rest = (ns % NS_PER_S * frequency + NS_PER_S - 1) / NS_PER_S, ticks;

    if (__builtin_mul_overflow(ns / NS_PER_S, frequency, &ticks) || __builtin_add_overflow(ticks, rest, &ticks))
        return UINT64_MAX;
    return ticks;
}

uint64_t system_time_at_ns(uint64_t ticks) { return ticks_to_ns(ticks - boot_counter); }
uint64_t system_time_ns(void) { return system_time_at_ns(counter_now()); }
uint64_t system_time_boot_counter(void) { return boot_counter; }

uint64_t system_time_to_ticks(uint64_t ns)
{
    uint64_t ticks = ns_to_ticks(ns), at;

    return __builtin_add_overflow(ticks, boot_counter, &at) ? UINT64_MAX : at;
}

void time_init(uint64_t frequency_hz_or_0)
{
    frequency = frequency_hz_or_0 ? frequency_hz_or_0 : read_sysreg(cntfrq_el0);
    BUG_ON(frequency == 0 || frequency >> 32);
    boot_counter = counter_now();
}
