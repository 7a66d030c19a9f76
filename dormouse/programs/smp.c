// SPDX-License-Identifier: Apache-2.0
/*
 * All CPUs call each other: threads that go from CPU to CPU, and each call counts on all CPUs at once. CPUs may come
 * and go meanwhile.
 */
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"

enum { CALLERS = 4 };
#define REPORT_NS UINT64_C(200000000)
#define PAUSE_NS  UINT64_C(50000000)      /* so that on a machine of one CPU others are let in */

static unsigned made;               /* calls that were made, each to all CPUs; by all threads */
static bool lost;                   /* one that a CPU did not take */

static void count_one(void *arg)
{
    unsigned *taken = arg;

    __atomic_fetch_add(taken, 1, __ATOMIC_RELEASE);
}

static void call_all(void *arg)
{
    (void)arg;
    for (;;) {
        unsigned taken = 0;

        if (smp_call(~UINT64_C(0), count_one, &taken, true) != __atomic_load_n(&taken, __ATOMIC_ACQUIRE))
            lost = true;
        __atomic_fetch_add(&made, 1, __ATOMIC_RELEASE);
        thread_sleep_until(time_now() + PAUSE_NS);
    }
}

int main(void)
{
    print("smp: %u CPUs\n", smp_online());
    for (unsigned i = 0; i < CALLERS; i++)
        if (thread_start("caller", call_all, NULL))
            return 1;
    for (unsigned round = 0;; round++) {
        if (lost)
            print("smp: not ok: a call was lost\n");
        print("smp: %u at %lu ms: %u calls to %u CPUs\n", round, time_now() / 1000000, made, smp_online());
        thread_sleep_until(time_now() + REPORT_NS);
    }
}
