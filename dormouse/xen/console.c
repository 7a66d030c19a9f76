// SPDX-License-Identifier: Apache-2.0
/*
 * The PV console's output half; a guest without one prints by the architecture's means. Invariant: out_prod - out_cons
 * never exceeds the ring's size; only the holder of `lock` moves out_prod, only xenconsoled moves out_cons.
 */
#include "dormouse/xen/console.h"
#include "dormouse/core/lock.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/xen/suspend.h"
#include "machine/start.h"
#include "lib/print.h"
#include "lib/stack_protector.h"
#include "dormouse/xen/xen.h"
#include <xen/io/console.h>

static struct spinlock lock = SPINLOCK_INIT;
static struct xencons_interface *ring;
static evtchn_port_t port;

void console_init(void)
{
    struct start_pages pages;

    start_pages_get(&pages);
    port = pages.console_port;
    ring = pages.console;
}

static uint32_t ring_used(void)
{
    return ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
}

static void notify(void)
{
    struct evtchn_send s = { .port = port };

    event_channel_op(EVTCHNOP_send, &s);
}

/* Gives the CPU to xenconsoled, which has to move out_cons. */
static void wait(void)
{
    notify();
    sched_op(SCHEDOP_yield, NULL);
}

static int console_enter(struct sleep *s)
{
    uint64_t limit = s->now_ns() + UINT64_C(1000000000);

    while (ring && ring_used() && s->now_ns() < limit)
        wait();
    return 0;
}

static void console_leave(struct sleep *s)
{
    if (suspend_is_new_domain(s))
        console_init();
}

const struct sleep_stage console_stage = { .name = "console", .enter = console_enter, .leave = console_leave };

static void put(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        while (ring_used() >= sizeof(ring->out))
            wait();
        ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = s[i];
        __atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
    }
}

void print(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    n = (int)min_u64((uint64_t)n, sizeof(line) - 1);
    bool enabled = spin_lock_irq(&lock);
    if (ring) {
        put(line, (size_t)n);
        notify();
    } else {
        machine_put(line, (size_t)n);
    }
    spin_unlock_irq(&lock, enabled);
}

void console_flush(void)
{
    while (ring && ring_used())
        wait();
}

void panic(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    irq_disable();
    print("panic: %s\n", line);
    shutdown(SHUTDOWN_crash);
}

/* A constant canary is enough against accidents, and nobody attacks a test's guest. */
uint64_t __stack_chk_guard = 0x5bd1e995a9f3d84d;
void __stack_chk_fail(void)
{
    panic("a function wrote beyond its stack frame");
}
