// SPDX-License-Identifier: Apache-2.0
/* Memory of a guest, for unit tests of Dormouse: page tables of user programs have as many levels as on x86_64. */
#pragma once
#include <stdint.h>

enum { SPACE_LEVELS = 4 };

static inline uint64_t frame_of(const void *p) { return (uintptr_t)p >> 12; }
