// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests. */
#pragma once

#include "lib/base.h"

static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    return index < size ? index : 0;
}
