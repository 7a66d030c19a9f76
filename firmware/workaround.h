// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware's workarounds against speculation (Arm DEN0070), and its answers about them (DEN0028,
 * SMCCC_ARCH_FEATURES).
 */
#pragma once

#include "lib/base.h"

/*
 * FIRMWARE_WORKAROUND, see build.mk: nothing speculates under an emulator; a variant says otherwise, to test its
 * callers.
 */
enum workaround_variant {
    WORKAROUND_NOT_NEEDED,
    WORKAROUND_NEEDED,   /* each call loses all that it may: x0 to x3 */
};

int64_t workaround_features(uint64_t function, uint64_t b, uint64_t c);
/* True if it was one of the three: the caller's x0 to x3 are as they should be then. */
bool workaround_call(uint32_t function, uint64_t *x);
