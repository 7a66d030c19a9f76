// SPDX-License-Identifier: Apache-2.0
/*
 * Time, in nanoseconds: since this guest's first start, without a jump where it was saved and restored, wherever it
 * goes on. Time that it was away for is not in it.
 */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

uint64_t time_now(void);

/* One alarm for each CPU. fn runs in interrupt context when it is due, and perhaps at other times. NEVER (~0): none. */
void time_alarm_init_cpu(void (*fn)(void));
void time_alarm_set(uint64_t at);

/* While this stage is entered the clock stands, and there is no alarm. */
extern const struct sleep_stage time_stage;
