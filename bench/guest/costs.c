// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's costs, seen from a guest: `cost NAME N`, N in nanoseconds of the virtual counter, which QEMU's
 * -icount shift=0 makes instructions. Each figure is the median over ROUNDS of the mean over a round's operations, so
 * that events between two operations (dom0's timer, the console) do not count.
 *
 * The same binary runs on Torpor, on Xen, on KVM and on the floor (bench/floor.S). An operation that needs Xen's ABI is
 * left out where there is none.
 */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"

#define ROUNDS      65
#define OPERATIONS  64
#define NO_CALL     60     /* a hypercall number that nobody has taken */
#define SGI         5
#define LATE_US     100

static uint64_t to_ns(uint64_t ticks)
{
    return ticks * 1000000000u / timer_frequency();
}

static void sort(uint64_t *v, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        for (unsigned j = i; j && v[j - 1] > v[j]; j--) {
            uint64_t t = v[j];

            v[j] = v[j - 1];
            v[j - 1] = t;
        }
}

/* `each` does one operation, OPERATIONS times a round; its result is the time to count, or 0 for all of it. */
static void measure(const char *name, uint64_t (*each)(void))
{
    uint64_t samples[ROUNDS];

    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t begun = timer_now(), counted = 0;

        for (unsigned i = 0; i < OPERATIONS; i++)
            counted += each();
        samples[r] = counted ? counted : timer_now() - begun;
    }
    sort(samples, ROUNDS);
    print("cost %s %lu\n", name, to_ns(samples[ROUNDS / 2]) / OPERATIONS);
}

/* --- Calls and traps --- */

static uint64_t version(void) { xen_version(XENVER_version, NULL); return 0; }
static uint64_t unknown(void) { hypercall2(NO_CALL, 0, 0); return 0; }
static uint64_t psci_version(void) { psci_call(PSCI_VERSION, 0, 0, 0); return 0; }
static uint64_t gicd_typer(void) { (void)mmio_read32(platform.gicd + GICD_TYPER); return 0; }
static uint64_t yield(void) { sched_op(SCHEDOP_yield, NULL); return 0; }

/* --- Interrupts to oneself --- */

static evtchn_port_t own_port;
static volatile unsigned taken;

static void on_event(evtchn_port_t port) { (void)port; taken++; }
static void on_sgi(unsigned intid) { (void)intid; taken++; }

static uint64_t event_to_self(void)
{
    unsigned before = taken;

    evtchn_send(own_port);
    while (taken == before)
        ;
    return 0;
}

static uint64_t sgi_to_self(void)
{
    unsigned before = taken;

    gic_send_sgi(SGI, 0);
    while (taken == before)
        ;
    return 0;
}

/* --- To another vCPU and back. Both wait in WFI in between, which on one physical CPU is a switch each way. --- */

static evtchn_port_t there, back;
static volatile unsigned pings, pongs;
static volatile bool finish;
static void (*answer)(void);

static void on_ping_event(evtchn_port_t port) { (void)port; pings++; }
static void on_pong_event(evtchn_port_t port) { (void)port; pongs++; }
static void answer_by_event(void) { evtchn_send(back); }
static void answer_by_sgi(void) { gic_send_sgi(SGI + 1, 0); }
static void on_ping_sgi(unsigned intid) { (void)intid; pings++; }
static void on_pong_sgi(unsigned intid) { (void)intid; pongs++; }

static void wait_for(volatile unsigned *count, unsigned beyond)
{
    irq_disable();
    while (*count == beyond && !finish)
        irq_wait();
    irq_enable();
}

static void partner(void *arg)
{
    unsigned seen = 0;

    (void)arg;
    if (platform.xen) {
        evtchn_bind_ipi(1, &there);
        evtchn_register(there, on_ping_event);
    }
    gic_enable(SGI);
    __atomic_store_n(&pongs, 1, __ATOMIC_RELEASE);
    irq_enable();
    for (;;) {
        wait_for(&pings, seen);
        if (finish)
            break;
        seen = pings;
        answer();
    }
    irq_disable();
}

static uint64_t round_by_event(void)
{
    unsigned before = pongs;

    evtchn_send(there);
    wait_for(&pongs, before);
    return 0;
}

static uint64_t round_by_sgi(void)
{
    unsigned before = pongs;

    gic_send_sgi(SGI, 1);
    wait_for(&pongs, before);
    return 0;
}

static void measure_rounds(void)
{
    if (platform.xen) {
        evtchn_bind_ipi(0, &back);
        evtchn_register(back, on_pong_event);
    }
    irq_register(SGI, on_ping_sgi);
    irq_register(SGI + 1, on_pong_sgi);
    gic_enable(SGI + 1);
    answer = answer_by_event;
    if (cpu_start(1, partner, NULL))
        return;
    while (!__atomic_load_n(&pongs, __ATOMIC_ACQUIRE))
        sched_op(SCHEDOP_yield, NULL);
    if (platform.xen)
        measure("event_round_other_vcpu", round_by_event);
    answer = answer_by_sgi;
    measure("sgi_round_other_vcpu", round_by_sgi);
    finish = true;
    gic_send_sgi(SGI, 1);
    while (psci_call(PSCI_AFFINITY_INFO_64, 1, 0, 0) == 0)
        sched_op(SCHEDOP_yield, NULL);
    finish = false;
}

/* --- Two vCPUs that give way to each other: each yield is a switch --- */

static volatile unsigned turn;

static void yielder(void *arg)
{
    (void)arg;
    while (!finish) {
        turn = 0;
        sched_op(SCHEDOP_yield, NULL);
    }
}

/* From the yield to the next instruction here: the other one's turn lies in between, so two switches. */
static uint64_t two_switches(void)
{
    turn = 1;
    while (turn)
        sched_op(SCHEDOP_yield, NULL);
    return 0;
}

static void measure_switches(void)
{
    if (cpu_start(1, yielder, NULL))
        return;
    measure("two_vcpu_switches", two_switches);
    finish = true;
    while (psci_call(PSCI_AFFINITY_INFO_64, 1, 0, 0) == 0)
        sched_op(SCHEDOP_yield, NULL);
    finish = false;
}

/* --- How late a timer's interrupt is --- */

static volatile uint64_t deadline, late;

static void on_timer(unsigned intid)
{
    uint64_t now = timer_now();

    (void)intid;
    timer_virtual_stop();
    late = now > deadline ? now - deadline : 1;
}

static void arm(void)
{
    late = 0;
    deadline = timer_now() + timer_frequency() / 1000000 * LATE_US;
    timer_virtual_set(deadline);
}

static uint64_t late_after_wfi(void)
{
    irq_disable();
    arm();
    while (!late)
        irq_wait();
    irq_enable();
    return late;
}

static uint64_t late_spinning(void)
{
    arm();
    while (!late)
        ;
    return late;
}

static void measure_xen(void)
{
    measure("hypercall_xen_version", version);
    measure("yield", yield);
    evtchn_bind_ipi(0, &own_port);
    evtchn_register(own_port, on_event);
    measure("event_to_self", event_to_self);
}

void guest_main(void)
{
    measure("hypercall_unknown", unknown);
    measure("psci_version", psci_version);
    measure("gicd_typer_read", gicd_typer);
    if (platform.xen)
        measure_xen();
    irq_register(SGI, on_sgi);
    gic_enable(SGI);
    measure("sgi_to_self", sgi_to_self);
    irq_register(platform.timer_virtual, on_timer);
    gic_enable(platform.timer_virtual);
    measure("timer_late_after_wfi", late_after_wfi);
    measure("timer_late_spinning", late_spinning);
    measure_rounds();
    if (platform.xen)
        measure_switches();
    print("costs: done\n");
}
