// SPDX-License-Identifier: Apache-2.0
/*
 * The value that -fstack-protector puts below return addresses: another one at each start, with a zero byte that no
 * text runs over.
 */
#include "base/panic.h"
#include "base/time.h"

uint64_t __stack_chk_guard = UINT64_C(0x5a1ab0f0e3d4c200);   /* until the device tree is read */

/* Every bit of the result depends on every bit of x: the finalizer of MurmurHash3, by its two constants. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

__attribute__((no_stack_protector)) void stack_guard_init(uint64_t seed)
{
    __stack_chk_guard = mix(seed ^ mix(counter_now())) & ~UINT64_C(0xff);
}
