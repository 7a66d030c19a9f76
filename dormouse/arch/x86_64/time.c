// SPDX-License-Identifier: Apache-2.0
/*
 * See machine/time.h. The version is odd while Xen writes the rest, and is another one when it has written meanwhile.
 */
#include "machine/time.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "machine/cpu.h"

static void (*timer_fn)(void);

/*
 * What a tick was worth at boot. Xen measures it again each second: for all ticks since the machine began the
 * difference is milliseconds.
 */
static int tick_shift;
static uint32_t tick_mul;

static uint64_t tsc_read(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t ticks_to_ns(uint64_t ticks, int shift, uint32_t mul)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (uint64_t)(((unsigned __int128)ticks * mul) >> 32);
}

uint64_t machine_now(void)
{
    bool enabled = irq_save();      /* the rates are this vCPU's */
    const struct vcpu_time_info *t = &vcpu_info_of(cpu_id())->time;
    uint32_t version;
    uint64_t now;

    do {
        version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
        now = *(volatile const uint64_t *)&t->system_time +
              ticks_to_ns(tsc_read() - *(volatile const uint64_t *)&t->tsc_timestamp, t->tsc_shift,
                          t->tsc_to_system_mul);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (version & 1 || version != __atomic_load_n(&t->version, __ATOMIC_RELAXED));
    irq_restore(enabled);
    return now;
}

uint64_t machine_ticks_ns(void)
{
    return ticks_to_ns(tsc_read(), tick_shift, tick_mul);
}

static void timer_event(evtchn_port_t port)
{
    (void)port;
    timer_fn();
}

void machine_timer_resume_cpu(void)
{
    vcpu_op(VCPUOP_stop_periodic_timer, cpu_id(), NULL);    /* Xen starts vCPUs with one of 100 Hz */
}

void machine_timer_init_cpu(void (*fn)(void))
{
    const struct vcpu_time_info *t = &vcpu_info_of(cpu_id())->time;

    if (!timer_fn) {
        tick_shift = t->tsc_shift;
        tick_mul = t->tsc_to_system_mul;
    }
    timer_fn = fn;
    machine_timer_resume_cpu();
    evtchn_keep_virq(VIRQ_TIMER, cpu_id(), timer_event);
}

void machine_timer_set(uint64_t at)
{
    hypercall2(__HYPERVISOR_set_timer_op, at == ~UINT64_C(0) ? 0 : at, 0);      /* 0: none */
}
