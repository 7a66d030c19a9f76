// SPDX-License-Identifier: Apache-2.0
/*
 * The architecture's part of a guest's suspend. `canonicalise`: nothing in memory names a frame of the machine any more
 * but page tables and the p2m list, which the tools know how to translate; and back. In a new domain the shared page is
 * mapped again.
 */
#pragma once
#include "sleep/sleep.h"

extern const struct sleep_stage canonicalise_stage;

/* The third argument of the suspend call. */
uint64_t suspend_record(void);
