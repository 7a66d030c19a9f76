// SPDX-License-Identifier: Apache-2.0
#include "tests/dom0/clock.h"

#include <libfdt.h>

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/system_suspend.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/arch/arm64/platform.h"

/* PL031, DDI 0224C 3.3: it counts seconds, and its alarm comes when the count becomes the match register's */
#define RTCDR   0x00
#define RTCMR   0x04
#define RTCIMSC 0x10
#define RTCRIS  0x14
#define RTCICR  0x1c

static struct system_suspend slept;
static uint64_t rtc;
static unsigned rtc_intid;
static volatile unsigned alarms;

static void on_alarm(unsigned intid)
{
    (void)intid;
    mmio_write32(rtc + RTCICR, 1);
    alarms++;
}

/* Two cells of address, three of interrupt: QEMU's machine. */
bool clock_find(void)
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

uint64_t clock_second_begins(void)
{
    uint32_t second = mmio_read32(rtc + RTCDR);

    while (mmio_read32(rtc + RTCDR) == second)
        ;
    return timer_now();
}

void clock_set_alarm_for_next_second(void) { mmio_write32(rtc + RTCMR, mmio_read32(rtc + RTCDR) + 1); }

uint64_t clock_measure_alarm(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 3; i++) {
        uint64_t begins = clock_second_begins();

        clock_set_alarm_for_next_second();
        while (!(mmio_read32(rtc + RTCRIS) & 1))
            ;
        mmio_write32(rtc + RTCICR, 1);
        least = min_u64(least, timer_now() - begins);
    }
    return least;
}

void clock_enable(void)
{
    mmio_write32(rtc + RTCIMSC, 1);
    irq_register(rtc_intid, on_alarm);
    gic_enable(rtc_intid);
}

unsigned clock_alarms(void) { return alarms; }

bool clock_sleep_until_woken(void) { return !system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64); }

bool clock_sleep_until_alarm(void)
{
    unsigned before = alarms;
    bool rang;

    if (!clock_sleep_until_woken())
        return false;
    rang = mmio_read32(rtc + RTCRIS) & 1;   /* else something else woke the host */
    irq_enable();
    isb();
    while (alarms == before)
        ;
    irq_disable();
    return rang;
}
