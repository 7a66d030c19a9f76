// SPDX-License-Identifier: Apache-2.0
/*
 * PSCI SYSTEM_SUSPEND from inside (Arm DEN0022D 5.20): what wakes a suspended domain and what does not, in which state
 * it comes back (6.4), and that its interrupt controller, its timers and its watchdogs are as it left them.
 */
#include "dormouse/arch/arm64/system_suspend.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "tests/guests/tap.h"

#define PPI_ENABLED  21
#define PPI_DISABLED 22
#define PPI_KEPT     20
#define PRIORITY     0x50

static struct system_suspend slept;
static volatile unsigned virtual_taken, physical_taken, ppi_taken;

static void on_virtual(unsigned intid) { (void)intid; timer_virtual_stop(); virtual_taken++; }
static void on_physical(unsigned intid) { (void)intid; timer_physical_stop(); physical_taken++; }
static void on_ppi(unsigned intid) { (void)intid; ppi_taken++; }

static uint64_t in_ms(unsigned ms) { return timer_now() + (uint64_t)ms * timer_frequency() / 1000; }

static void entry_state(void)
{
    uint64_t at = in_ms(50);

    timer_virtual_set(at);
    expect_equal("it_comes_back", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    expect_true("not_before_its_timer", timer_now() >= at);
    expect_equal("context_in_x0", slept.context, (uintptr_t)&slept);
    expect_equal("at_el1", slept.current_el >> 2, 1);
    expect_equal("all_exceptions_masked", slept.daif >> 6, 0xf);
    expect_equal("mmu_and_caches_off", slept.sctlr & (1u << 0 | 1u << 2 | 1u << 12), 0);
    expect_true("the_interrupt_that_woke_it_is_pending", gic_is_pending(platform.timer_virtual));
    irq_take();
    expect_equal("and_is_taken_once", virtual_taken, 1);
}

static void the_32_bit_call(void)
{
    timer_virtual_set(in_ms(20));
    expect_equal("the_32_bit_call_comes_back", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_32), 0);
    expect_equal("with_its_context", slept.context, (uintptr_t)&slept);
    irq_take();
}

static void physical_timer(void)
{
    uint64_t at = timer_now_physical() + timer_frequency() / 50;

    timer_physical_set(at);
    expect_equal("the_physical_timer_wakes_it", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    expect_true("at_its_time", timer_now_physical() >= at);
    irq_take();
    expect_equal("and_its_interrupt_is_taken_once", physical_taken, 1);
}

static void what_is_disabled_does_not_wake(void)
{
    uint64_t late = in_ms(100);

    gic_disable(platform.timer_virtual);
    timer_virtual_set(in_ms(10));
    gic_pend(PPI_DISABLED);
    timer_physical_set(timer_now_physical() + timer_frequency() / 10);
    expect_equal("a_disabled_interrupt_lets_it_sleep", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    expect_true("until_one_that_is_enabled", timer_now() + timer_frequency() / 1000 >= late);
    expect_true("a_disabled_one_is_pending_still", gic_is_pending(PPI_DISABLED));
    gic_unpend(PPI_DISABLED);
    timer_virtual_stop();
    irq_take();
    gic_enable(platform.timer_virtual);
}

/* "If a wakeup event is pending, the call may return at once": it does, and through the entry point. */
static void what_is_pending_wakes_at_once(void)
{
    gic_pend(PPI_ENABLED);
    timer_virtual_set(in_ms(20000));
    expect_equal("a_pending_interrupt_wakes_it_at_once", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    irq_take();
    expect_equal("and_is_taken", ppi_taken, 1);
    expect_equal("before_the_timer", virtual_taken, 2);
    timer_virtual_stop();
}

/* The mask is the CPU interface's: an interrupt that passes the distributor wakes. */
static void the_priority_mask_does_not_matter(void)
{
    gic_set_mask(0);
    timer_virtual_set(in_ms(20));
    expect_equal("a_closed_priority_mask_does_not_keep_it_asleep", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    gic_set_mask(0xff);
    irq_take();
}

static void interrupt_controller_is_kept(void)
{
    uint64_t priority = gic_frame(PPI_KEPT) + GICD_IPRIORITYR + PPI_KEPT,
             config = gic_frame(PPI_KEPT) + GICD_ICFGR + PPI_KEPT / 16 * 4;

    gic_set_priority(PPI_KEPT, PRIORITY);
    gic_set_edge(PPI_KEPT, true);
    gic_pend(PPI_KEPT);
    timer_virtual_set(in_ms(20));
    expect_equal("it_comes_back_again", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    expect_equal("a_priority_is_kept", mmio_read8(priority), PRIORITY);
    expect_true("an_edge_is_kept", mmio_read32(config) & 2u << PPI_KEPT % 16 * 2);
    expect_true("what_was_pending_is_kept", gic_is_pending(PPI_KEPT));
    gic_unpend(PPI_KEPT);
    irq_take();
}

static void watchdog_stands_still(void)
{
    struct sched_watchdog w = { .id = 0, .timeout = 2 };

    w.id = (uint32_t)sched_op(SCHEDOP_watchdog, &w);
    timer_virtual_set(in_ms(5000));
    expect_equal("a_watchdog_stands_still_meanwhile", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    w.timeout = 0;
    expect_equal("and_is_there_after", sched_op(SCHEDOP_watchdog, &w), 0);
    irq_take();
}

static void many_times(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 200; i++) {
        /* 0 to 1.4 ms: some before the call is through */
        timer_virtual_set(timer_now() + timer_frequency() / 1000000 * (i * 7));
        n += !system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64);
        irq_take();
    }
    expect_equal("two_hundred_times_whenever_the_timer_comes", n, 200);
}

/* --- Two domains: one sleeps, and the other's event wakes it --- */

#define MEET_PORT 3   /* the first after the toolstack's two */

static evtchn_port_t meeting;
static volatile unsigned calls;
static void called(evtchn_port_t port) { (void)port; calls++; }

static void sleeper(void)
{
    expect_true("the_waker_is_there",
                wait_until(!evtchn_alloc_unbound((domid_t)(evtchn_own_domid() + 1), &meeting), 60000));
    expect_equal("meeting_port", meeting, MEET_PORT);
    evtchn_register(meeting, called);
    expect_equal("an_event_wakes_it", system_suspend(&slept, PSCI_SYSTEM_SUSPEND_64), 0);
    irq_take();
    expect_equal("and_is_delivered", calls, 1);
}

static void waker(void)
{
    domid_t from = (domid_t)(evtchn_own_domid() - 1);

    expect_true("the_sleeper_is_there", wait_until(!evtchn_bind_interdomain(from, MEET_PORT, &meeting), 60000));
    timer_delay_us(500000);   /* it has surely gone to sleep; if not, its event is pending and wakes it then */
    expect_equal("an_event_is_sent", evtchn_send(meeting), 0);
}

void guest_main(void)
{
    tap_begin("suspend");
    if (tap_on_stock_xen()) {
        skip("suspend", "stock Xen has no SYSTEM_SUSPEND");
        tap_end();
    }
    irq_disable();
    while (platform_flag("deaf"))   /* for tests/qemu/test_sleep.py: it answers nobody */
        irq_wait();
    if (platform_flag("peer")) {
        if (platform_flag("second"))
            waker();
        else
            sleeper();
        tap_end();
    }
    irq_register(platform.timer_virtual, on_virtual);
    irq_register(platform.timer_physical, on_physical);
    irq_register(PPI_ENABLED, on_ppi);
    gic_enable(platform.timer_virtual);
    gic_enable(platform.timer_physical);
    gic_enable(PPI_ENABLED);
    gic_disable(PPI_DISABLED);
    entry_state();
    the_32_bit_call();
    what_is_pending_wakes_at_once();
    physical_timer();
    what_is_disabled_does_not_wake();
    the_priority_mask_does_not_matter();
    interrupt_controller_is_kept();
    watchdog_stands_still();
    many_times();
    tap_end();
}
