// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests. */
#pragma once

#include "lib/base.h"
#include "lib/string.h"

static inline void memory_zero(void *va, uint64_t size) { memset(va, 0, size); }
