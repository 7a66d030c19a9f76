// SPDX-License-Identifier: Apache-2.0
/*
 * Counts, a line each tenth of a second, for ever: the guest that one saves and restores first. Neither the count nor
 * the time ever goes back or jumps.
 */
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"

#define STEP_NS UINT64_C(100000000)

int main(void)
{
    uint64_t at = time_now();

    for (unsigned count = 0;; count++) {
        print("counter: %u at %lu ms\n", count, time_now() / 1000000);
        at += STEP_NS;
        thread_sleep_until(at);
    }
}
