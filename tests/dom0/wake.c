// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that puts the host to sleep around the very moment at which its real-time clock's alarm comes: before the
 * call, while the stages go down, in the last one, just after. Whenever it comes, it has to end the sleep, or there is
 * none; a host that misses it sleeps for ever. And once with an event waiting, which has to wait until then. Says
 * `event: waited`, `wake: N of N`, and switches the machine off.
 */
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "tests/dom0/clock.h"

/*
 * When the call is made, before the alarm. The way down takes some 100 us on an emulated machine of one CPU, several
 * times that on more.
 */
#define EARLIEST_US 1600
#define LATEST_US   (-100)

static volatile unsigned events;

static void on_event(evtchn_port_t port)
{
    (void)port;
    events++;
}

static bool sleep_once(uint64_t call_after)
{
    uint64_t call_at = clock_second_begins() + call_after;
    unsigned before = clock_alarms();

    clock_set_alarm_for_next_second();
    while (timer_now() < call_at)
        ;
    return clock_sleep_until_alarm() && clock_alarms() == before + 1;
}

/* Events come from domains that the host has frozen: they are no reason to be awake. */
static bool sleep_with_an_event_waiting(void)
{
    evtchn_port_t port;

    if (evtchn_bind_ipi(0, &port))
        return false;
    evtchn_register(port, on_event);
    clock_second_begins();
    clock_set_alarm_for_next_second();
    return !evtchn_send(port) && !events && clock_sleep_until_alarm() && events == 1;
}

void guest_main(void)
{
    unsigned rounds = (unsigned)platform_option("rounds", 40), good = 0;
    int64_t alarm_after, us;

    if (!clock_find()) {
        print("wake: there is no PL031\n");
        return;
    }
    irq_disable();
    alarm_after = (int64_t)clock_measure_alarm();
    clock_enable();
    print("event: %s\n", sleep_with_an_event_waiting() ? "waited" : "woke the host, or was lost");
    for (unsigned i = 0; i < rounds; i++) {
        us = LATEST_US + (int64_t)i * 677 % (EARLIEST_US - LATEST_US);
        good += sleep_once((uint64_t)(alarm_after - us * (int64_t)(timer_frequency() / 1000000)));
    }
    print("wake: %u of %u\n", good, rounds);
}
