// SPDX-License-Identifier: Apache-2.0
/*
 * The other CPUs: found by asking the machine, started and taken away while the guest runs, called by event channels,
 * and stopped for a suspend. dormouse/xen/cpus.c decides which of them run.
 */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

/* The calling CPU becomes the first that is online, and can be called. */
void smp_init(void);

/*
 * Start another CPU, and take one away that is not CPU 0: nothing is done where it is so already. They return when it
 * is online, or stands still and its threads are others'. From service threads, one at a time. 0 or -errno: -ENODEV:
 * the machine has no such CPU; -ENOMEM; the machine's own.
 */
int smp_cpu_up(unsigned cpu);
int smp_cpu_down(unsigned cpu);

unsigned smp_online(void);
bool smp_is_online(unsigned cpu);

/* The CPU looks for a thread that it should run rather. From anywhere. */
void smp_kick(unsigned cpu);

/*
 * Calls fn(arg) in interrupt context on each online CPU of `mask` (bit n: CPU n), on the caller's own one too if its
 * bit is set. Returns when all have begun, or, with `wait`, have returned from it, how many these are. From threads,
 * with interrupts enabled.
 */
unsigned smp_call(uint64_t mask, void (*fn)(void *), void *arg, bool wait);

/* All CPUs but the caller's, 0, stand still with interrupts masked. */
extern const struct sleep_stage smp_stage;

/* A CPU's first function in C, each time that it is started, with interrupts masked, events and its stack ready. */
NORETURN void smp_begin(void);
/* The last: for the idle thread of a CPU that is not online any more. */
NORETURN void smp_end(void);
