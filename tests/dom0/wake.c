// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that puts the host to sleep around the very moment at which its real-time clock's alarm comes: before the call, while the
 * stages go down, in the last one, just after. Whenever it comes, it has to end the sleep, or there is none; a host that misses it
 * sleeps for ever. And once with an event waiting, which has to wait until then. Says `event: waited`, `wake: N of N`, and switches the
 * machine off.
 */
#include <libfdt.h>

#include "dormouse/arm64/gic.h"
#include "dormouse/arm64/psci.h"
#include "dormouse/arm64/suspend.h"
#include "dormouse/arm64/timer.h"
#include "dormouse/arm64/trap.h"
#include "dormouse/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/evtchn.h"
#include "dormouse/platform.h"

/* PL031, DDI 0224C 3.3: it counts seconds, and its alarm comes when the count becomes the match register's */
#define RTCDR   0x00
#define RTCMR   0x04
#define RTCIMSC 0x10
#define RTCRIS  0x14
#define RTCICR  0x1c

/* When the call is made, before the alarm. The way down takes some 100 us on an emulated machine of one CPU, several times that on more. */
#define EARLIEST_US 1600
#define LATEST_US   (-100)

static struct system_suspend slept;
static uint64_t rtc;
static unsigned rtc_intid;
static volatile unsigned alarms, events;

static void on_alarm(unsigned intid)
{
    (void)intid;
    mmio_write32(rtc + RTCICR, 1);
    alarms++;
}

static void on_event(evtchn_port_t port)
{
    (void)port;
    events++;
}

/* Two cells of address, three of interrupt: QEMU's machine. */
static bool find_clock(void)
{
    int node = fdt_node_offset_by_compatible(platform.fdt, -1, "arm,pl031"), n;
    const fdt32_t *reg = fdt_getprop(platform.fdt, node, "reg", &n), *irq;

    if (node < 0 || !reg || n < 16)
        return false;
    irq = fdt_getprop(platform.fdt, node, "interrupts", &n);
    if (!irq || n < 12)
        return false;
    rtc = (uint64_t)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1]);
    rtc_intid = 32 + fdt32_to_cpu(irq[1]);
    return true;
}

/* The beginning of a second, in ticks of the counter. */
static uint64_t second_begins(void)
{
    uint32_t second = mmio_read32(rtc + RTCDR);

    while (mmio_read32(rtc + RTCDR) == second)
        ;
    return timer_now();
}

static void set_alarm_for_next_second(void) { mmio_write32(rtc + RTCMR, mmio_read32(rtc + RTCDR) + 1); }

/* From a second's beginning to the next one's alarm, in ticks: a second, and how late the emulated clock is at least. */
static uint64_t measure_alarm(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 3; i++) {
        uint64_t begins = second_begins();

        set_alarm_for_next_second();
        while (!(mmio_read32(rtc + RTCRIS) & 1))
            ;
        mmio_write32(rtc + RTCICR, 1);
        least = min_u64(least, timer_now() - begins);
    }
    return least;
}

/* Interrupts are off before and after. */
static bool sleep_until_alarm(void)
{
    unsigned before = alarms;
    bool rang;

    if (system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64))
        return false;
    rang = mmio_read32(rtc + RTCRIS) & 1;   /* else something else woke the host */
    irq_enable();
    isb();
    while (alarms == before)
        ;
    irq_disable();
    return rang;
}

static bool sleep_once(uint64_t call_after)
{
    uint64_t call_at = second_begins() + call_after;
    unsigned before = alarms;

    set_alarm_for_next_second();
    while (timer_now() < call_at)
        ;
    return sleep_until_alarm() && alarms == before + 1;
}

/* Events come from whom the host has frozen: they are no reason to be awake. */
static bool sleep_with_an_event_waiting(void)
{
    evtchn_port_t port;

    if (evtchn_bind_ipi(0, &port))
        return false;
    evtchn_register(port, on_event);
    second_begins();
    set_alarm_for_next_second();
    return !evtchn_send(port) && !events && sleep_until_alarm() && events == 1;
}

void guest_main(void)
{
    unsigned rounds = (unsigned)platform_option("rounds", 40), good = 0;
    int64_t alarm_after, us;

    if (!find_clock()) {
        print("wake: there is no PL031\n");
        return;
    }
    irq_disable();
    alarm_after = (int64_t)measure_alarm();
    mmio_write32(rtc + RTCIMSC, 1);
    irq_register(rtc_intid, on_alarm);
    gic_enable(rtc_intid);
    print("event: %s\n", sleep_with_an_event_waiting() ? "waited" : "woke the host, or was lost");
    for (unsigned i = 0; i < rounds; i++) {
        us = LATEST_US + (int64_t)i * 677 % (EARLIEST_US - LATEST_US);
        good += sleep_once((uint64_t)(alarm_after - us * (int64_t)(timer_frequency() / 1000000)));
    }
    print("wake: %u of %u\n", good, rounds);
}
