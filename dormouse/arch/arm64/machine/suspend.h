// SPDX-License-Identifier: Apache-2.0
/*
 * The architecture's part of a guest's suspend. No frame number of the machine is known here; in a new domain the
 * shared page is mapped again.
 */
#pragma once
#include "sleep/sleep.h"

extern const struct sleep_stage canonicalise_stage;

/* The third argument of the suspend call: Arm has none. */
static inline uint64_t suspend_record(void) { return 0; }
