// SPDX-License-Identifier: Apache-2.0
/*
 * The other CPUs: found by asking the machine, started at boot, called by event channels, and stopped for a suspend.
 */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

/* The calling CPU becomes the first that is online, and can be called. */
void smp_init(void);
/* Starts all other CPUs that there are, at most `most` in all; returns when they are online. */
void smp_start_others(unsigned most);

unsigned smp_online(void);
bool smp_is_online(unsigned cpu);

/* The CPU looks for a thread that it should run rather. From anywhere. */
void smp_kick(unsigned cpu);

/*
 * Calls fn(arg) in interrupt context on each online CPU of `mask` (bit n: CPU n), on the caller's own one too if its
 * bit is set. Returns when all have begun, or, with `wait`, have returned from it. From threads, with interrupts
 * enabled.
 */
void smp_call(uint64_t mask, void (*fn)(void *), void *arg, bool wait);

/* All CPUs but the caller's, 0, stand still with interrupts masked. */
extern const struct sleep_stage smp_stage;

/* A CPU's first function in C, with interrupts masked, events and its stack ready. */
NORETURN void smp_begin(void);
