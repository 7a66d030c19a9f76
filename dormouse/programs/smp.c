// SPDX-License-Identifier: Apache-2.0
/* All CPUs call each other: a thread for each, which go from CPU to CPU, and each round counts on all CPUs at once. */
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "machine/cpu.h"

#define REPORT_NS UINT64_C(200000000)
#define PAUSE_NS  UINT64_C(50000000)      /* so that on a machine of one CPU others are let in */

static unsigned calls[MAX_CPUS];    /* taken by each CPU; written by itself */
static unsigned made;               /* calls that were made, each to all CPUs; by all threads */

static void count_one(void *arg)
{
    (void)arg;
    calls[cpu_id()]++;
}

static void call_all(void *arg)
{
    (void)arg;
    for (;;) {
        smp_call(~UINT64_C(0), count_one, NULL, true);
        __atomic_fetch_add(&made, 1, __ATOMIC_RELEASE);
        thread_sleep_until(time_now() + PAUSE_NS);
    }
}

/* Every CPU has taken as many as were made and waited for, at the least. */
static bool all_counted(unsigned online)
{
    unsigned least = __atomic_load_n(&made, __ATOMIC_ACQUIRE);

    for (unsigned cpu = 0; cpu < online; cpu++)
        if (__atomic_load_n(&calls[cpu], __ATOMIC_RELAXED) < least)
            return false;
    return true;
}

int main(void)
{
    unsigned online = smp_online();

    print("smp: %u CPUs\n", online);
    for (unsigned i = 0; i < online; i++)
        if (thread_start("caller", call_all, NULL))
            return 1;
    for (unsigned round = 0;; round++) {
        if (!all_counted(online))
            print("smp: not ok: a call was lost\n");
        print("smp: %u at %lu ms: %u calls to %u CPUs\n", round, time_now() / 1000000, made, online);
        thread_sleep_until(time_now() + REPORT_NS);
    }
}
