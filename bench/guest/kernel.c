// SPDX-License-Identifier: Apache-2.0
/*
 * Dormouse's half of `bench dormouse`; bench/linux.c does the same on Linux. On one CPU: switches between two threads.
 * On more: calls to another CPU that wait. With a disk: requests for 4 KiB of it, one at a time. Then it does nothing,
 * and is saved.
 */
#include "dormouse/core/arguments.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/block.h"
#include "dormouse/xen/console.h"

enum { ROUNDS = 4096, REQUESTS = 512, REQUEST_SECTORS = 8 };

static void yield_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        thread_yield();
}

static void nothing(void *arg)
{
    (void)arg;
}

/* A thread's round is two switches. */
static void switches(void)
{
    uint64_t begun;

    if (thread_start("other", yield_for_ever, NULL))
        return;
    thread_yield();
    begun = time_now();
    for (unsigned i = 0; i < ROUNDS; i++)
        thread_yield();
    print("bench: switch %lu ns\n", (time_now() - begun) / ROUNDS / 2);
}

static void calls(void)
{
    uint64_t begun = time_now();

    for (unsigned i = 0; i < ROUNDS; i++)
        smp_call(2, nothing, NULL, true);
    print("bench: call %lu ns\n", (time_now() - begun) / ROUNDS);
}

static void requests(void)
{
    static char page[4096];
    struct block *disk = block_open("xvda");
    uint64_t begun = time_now();

    for (unsigned i = 0; i < REQUESTS; i++) {
        if (!disk || block_read(disk, (uint64_t)i * REQUEST_SECTORS, page, REQUEST_SECTORS)) {
            print("bench: not ok: nothing is read from xvda\n");
            return;
        }
    }
    print("bench: request %lu ns\n", (time_now() - begun) / REQUESTS);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

int main(void)
{
    static struct waitqueue queue = WAITQUEUE_INIT(queue);

    print("bench: main\n");
    if (argument_number("measure", 0))
        (smp_online() > 1 ? calls : switches)();
    if (argument_number("disk", 0))
        requests();
    print("bench: end\n");
    wait_until(&queue, never, NULL, NEVER);
    return 0;
}
