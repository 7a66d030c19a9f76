// SPDX-License-Identifier: Apache-2.0
/*
 * The board's real-time clock, a PL031, which ends a sleep of the host. Of one vCPU, with interrupts off but where
 * said.
 */
#pragma once
#include "lib/base.h"

/* Finds it in the device tree; false if there is none. */
bool clock_find(void);
/* Waits for the beginning of a second; ticks of the counter. */
uint64_t clock_second_begins(void);
void clock_set_alarm_for_next_second(void);
/*
 * From a second's beginning to the next one's alarm, in ticks: a second, and how late the emulated clock is at least.
 * Call before clock_enable.
 */
uint64_t clock_measure_alarm(void);
/* The alarm interrupts from now on. */
void clock_enable(void);
/* How many alarms have been taken. */
unsigned clock_alarms(void);
/* Calls SYSTEM_SUSPEND, and is back when anything woke the host. False: it did not sleep. */
bool clock_sleep_until_woken(void);
/*
 * Puts the host to sleep and takes the alarm, which has to come. True if that, and nothing else, ended the sleep.
 * Interrupts are off before and after.
 */
bool clock_sleep_until_alarm(void);
