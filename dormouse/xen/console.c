// SPDX-License-Identifier: Apache-2.0
/*
 * The PV console's output half; dom0, which has none, prints by console_io, and a guest of something else than Xen on
 * its PL011. Invariant: out_prod - out_cons never exceeds the ring's size; only the holder of `lock` moves out_prod,
 * only xenconsoled moves out_cons.
 */
#include "dormouse/xen/console.h"
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "arch/lock.h"
#include "lib/print.h"
#include "lib/stack_protector.h"
#include "dormouse/xen/xen.h"
#include <xen/io/console.h>

static struct spinlock lock = SPINLOCK_INIT;
static struct xencons_interface *ring;
static evtchn_port_t port;

static void put_by_hypercall(const char *s, size_t n)
{
    hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, (uintptr_t)s);
}

/* DDI 0183 3.3.1, 3.3.3. */
static void put_by_uart(const char *s, size_t n)
{
    enum { UARTDR = 0x00, UARTFR = 0x18, UARTFR_TXFF = 1 << 5 };

    for (size_t i = 0; i < n; i++) {
        while (mmio_read32(platform.uart + UARTFR) & UARTFR_TXFF)
            ;
        mmio_write32(platform.uart + UARTDR, (unsigned char)s[i]);
    }
}

void console_init(void)
{
    port = (evtchn_port_t)hvm_param(HVM_PARAM_CONSOLE_EVTCHN);
    ring = (struct xencons_interface *)(hvm_param(HVM_PARAM_CONSOLE_PFN) << PAGE_SHIFT);
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

/* Gives the CPU to whoever has to move out_cons. */
static void wait(void)
{
    notify();
    sched_op(SCHEDOP_yield, NULL);
}

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
    spin_lock(&lock);
    if (ring) {
        put(line, (size_t)n);
        notify();
    } else if (platform.uart && !platform.xen) {
        put_by_uart(line, (size_t)n);
    } else {
        put_by_hypercall(line, (size_t)n);
    }
    spin_unlock(&lock);
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
    print("panic: %s\n", line);
    shutdown(SHUTDOWN_crash);
}

/* A constant canary is enough against accidents, and nobody attacks a test's guest. */
uint64_t __stack_chk_guard = 0x5bd1e995a9f3d84d;
void __stack_chk_fail(void)
{
    panic("a function wrote beyond its stack frame");
}
