// SPDX-License-Identifier: Apache-2.0
/*
 * All vCPUs but the first, each in a state of its own whenever the domain is saved:
 *
 *   vCPU 1  spins with a value of its own in each general and vector register, over and over: it is saved at any
 *           instruction
 *   vCPU 2  waits (WFI) for a tick of its virtual timer, over and over
 *   vCPU 3  polls an event channel that nobody sends to, with a time-out
 *   vCPU 4  was on, and is off
 *   vCPU 5  is in PSCI CPU_SUSPEND until a tick of its physical timer
 *   vCPU 6  waits (WFI) for an SGI, and no timer wakes it
 *   vCPU 7  polls, without a time-out, a channel that vCPU 0 sends to
 *
 * vCPUs 2 and 3 have run state areas, the latter's across two pages.
 */
#include "tests/guests/record/record.h"
#include "tests/guests/record/words.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"

enum { WAS_ON = 4, SGI_WAKE = 5, POWER_DOWN = 1 << 16 };

static volatile uint64_t rounds[RECORD_VCPUS];    /* how often each came by */
static volatile bool stop, off_for_good;

/* --- Run states --- */

static char area_pages[2][PAGE_SIZE] __attribute__((aligned(4096)));

struct runstates { struct vcpu_runstate_info *area; uint64_t total; };

static void runstate_begin(unsigned vcpu, struct runstates *r, void *where)
{
    struct vcpu_register_runstate_memory_area a = { .addr.p = (uint64_t)(uintptr_t)where };

    *r = (struct runstates){ .area = where };
    if (vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, &a))
        panic("record: vCPU %u has no run states", vcpu);
}

/* Of its own: it runs, and nobody says less time than before. What stands there is old where nobody writes it. */
static void runstate_look(unsigned vcpu, struct runstates *r)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < 4; i++)
        total += r->area->time[i];
    if (r->area->state != RUNSTATE_running)
        wrong("run state of vCPU", vcpu, RUNSTATE_running, (uint64_t)r->area->state);
    if (total < r->total)
        wrong("run states' time of vCPU", vcpu, r->total, total);
    r->total = total;
}

/* --- vCPU 1: all general and vector registers --- */

struct registers {
    uint64_t x[32];            /* x0 counts down; [31] is of no meaning */
    uint64_t q[64];
} __attribute__((aligned(16)));

static struct registers given, found;

/* x0: given; x1: found. Loads all, counts x0 down, stores all. Where `found` is stands on the stack meanwhile. */
void registers_spin(const struct registers *from, struct registers *to);
__asm__("    .arch_extension fp\n"
        "    .arch_extension simd\n"
        "    .text\n"
        "    .globl registers_spin\n"
        "registers_spin:\n"
        "    stp x29, x30, [sp, #-112]!\n"
        "    stp x19, x20, [sp, #16]\n    stp x21, x22, [sp, #32]\n    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n    stp x27, x28, [sp, #80]\n    str x1, [sp, #96]\n"
        "    add x1, x0, #256\n"
#define Q(op, base, a, b, at) "    " op " q" #a ", q" #b ", [" base ", #" #at "]\n"
#define ALL_Q(op, base) \
        Q(op, base, 0, 1, 0) Q(op, base, 2, 3, 32) Q(op, base, 4, 5, 64) Q(op, base, 6, 7, 96) \
        Q(op, base, 8, 9, 128) Q(op, base, 10, 11, 160) Q(op, base, 12, 13, 192) Q(op, base, 14, 15, 224) \
        Q(op, base, 16, 17, 256) Q(op, base, 18, 19, 288) Q(op, base, 20, 21, 320) Q(op, base, 22, 23, 352) \
        Q(op, base, 24, 25, 384) Q(op, base, 26, 27, 416) Q(op, base, 28, 29, 448) Q(op, base, 30, 31, 480)
        ALL_Q("ldp", "x1")
#define X(op, base, a, b, at) "    " op " x" #a ", x" #b ", [" base ", #" #at "]\n"
#define MOST_X(op, base) \
    X(op, base, 2, 3, 16) X(op, base, 4, 5, 32) X(op, base, 6, 7, 48) X(op, base, 8, 9, 64) X(op, base, 10, 11, 80) \
    X(op, base, 12, 13, 96) X(op, base, 14, 15, 112) X(op, base, 16, 17, 128) X(op, base, 18, 19, 144) \
    X(op, base, 20, 21, 160) X(op, base, 22, 23, 176) X(op, base, 24, 25, 192) X(op, base, 26, 27, 208) \
    X(op, base, 28, 29, 224)
        MOST_X("ldp", "x0")
        "    ldr x30, [x0, #240]\n"
        "    ldp x0, x1, [x0]\n"
        "1:  subs x0, x0, #1\n"
        "    b.ne 1b\n"
        "    ldr x0, [sp, #96]\n"
        "    str x1, [x0, #8]\n"
        MOST_X("stp", "x0")
        "    str x30, [x0, #240]\n"
        "    add x1, x0, #256\n"
        ALL_Q("stp", "x1")
        "    ldp x19, x20, [sp, #16]\n    ldp x21, x22, [sp, #32]\n    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n    ldp x27, x28, [sp, #80]\n"
        "    ldp x29, x30, [sp], #112\n"
        "    ret\n");

static void registers_give(void)
{
    for (unsigned i = 0; i < 32; i++)
        given.x[i] = 0xa5a50000c0de0000 + i * 0x10001;
    for (unsigned i = 0; i < 64; i++)
        given.q[i] = 0x5a5a1111beef0000 + i * 0x20003;
    given.x[0] = 2000;
}

static void spin(void *arg)
{
    (void)arg;
    registers_give();
    sysreg_write(fpcr, 0x02c00000);
    for (; !stop; rounds[1]++) {
        sysreg_write(fpsr, 0x0800001f);
        registers_spin(&given, &found);
        for (unsigned i = 1; i < 31; i++)
            if (found.x[i] != given.x[i])
                wrong("x", i, given.x[i], found.x[i]);
        for (unsigned i = 0; i < 64; i++)
            if (found.q[i] != given.q[i])
                wrong("half of q", i, given.q[i], found.q[i]);
        if (sysreg_read(fpcr) != 0x02c00000 || sysreg_read(fpsr) != 0x0800001f)
            wrong("FPCR, FPSR", 0, 0x0800001f, sysreg_read(fpsr));
    }
}

/* --- vCPU 2: a timer that goes on --- */

static volatile uint64_t ticks;

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
    ticks++;
}

static void wait_for_ticks(void *arg)
{
    uint64_t last = timer_now();
    struct runstates states;

    (void)arg;
    runstate_begin(2, &states, area_pages[0]);
    gic_enable(platform.timer_virtual);
    for (; !stop; rounds[2]++) {
        uint64_t want = ticks + 1, now;

        timer_virtual_set(timer_now() + timer_frequency() / 500);
        while (ticks != want)
            irq_wait();
        now = timer_now();
        if (now < last)
            wrong("the counter", 0, last, now);
        last = now;
        runstate_look(2, &states);
    }
}

/* --- vCPU 3: a poll that times out --- */

static void poll(void *arg)
{
    evtchn_port_t port = port_polled();
    struct sched_poll p = { .nr_ports = 1 };
    struct runstates states;

    (void)arg;
    runstate_begin(3, &states, area_pages[1] - 16);
    set_xen_guest_handle(p.ports, &port);
    for (; !stop; rounds[3]++) {
        p.timeout = timer_now() * 1000000000 / timer_frequency() + 2000000;
        sched_op(SCHEDOP_poll, &p);
        runstate_look(3, &states);
    }
}

/* --- vCPU 4 --- */

static void go_off(void *arg)
{
    (void)arg;
    off_for_good = true;
}

/* --- vCPU 5: suspended, standby and power-down in turn --- */

static volatile uint64_t physical_ticks;

static void physical_tick(unsigned intid)
{
    (void)intid;
    timer_physical_stop();
    physical_ticks++;
}

static void power_down(void *arg)
{
    (void)arg;
    gic_enable(platform.timer_physical);
    for (; !stop; rounds[5]++) {
        uint64_t want = physical_ticks + 1;
        uint32_t state = rounds[5] % 2 ? POWER_DOWN : 0;
        long r;

        timer_physical_set(timer_now_physical() + timer_frequency() / 400);
        while (physical_ticks != want) {
            r = psci_call(PSCI_CPU_SUSPEND_64, state, platform.ram_base, 0x5105);
            if (r)
                wrong("CPU_SUSPEND's answer", state, 0, (uint64_t)r);
            irq_take();
        }
    }
}

/* --- vCPU 6: until it is sent for --- */

static volatile uint64_t calls;

static void called(unsigned intid)
{
    (void)intid;
    calls++;
}

static void wait_for_call(void *arg)
{
    (void)arg;
    gic_enable(SGI_WAKE);
    for (; !stop; rounds[6]++)
        for (uint64_t from = calls; calls == from && !stop;)
            irq_wait();
}

/* --- vCPU 7: until there is an event --- */

static void wait_for_event(void *arg)
{
    evtchn_port_t port = port_waited();
    struct sched_poll p = { .nr_ports = 1 };

    (void)arg;
    set_xen_guest_handle(p.ports, &port);
    for (; !stop; rounds[7]++) {
        sched_op(SCHEDOP_poll, &p);
        port_waited_clear();
    }
}

/* --- All of them --- */

static void (*const loops[RECORD_VCPUS])(void *) = {
    NULL, spin, wait_for_ticks, poll, go_off, power_down, wait_for_call, wait_for_event,
};

static bool is_off(unsigned vcpu) { return psci_call(PSCI_AFFINITY_INFO_64, vcpu, 0, 0) == PSCI_AFFINITY_OFF; }

static void send_for(void)
{
    port_waited_send();
    gic_send_sgi(SGI_WAKE, 6);
    sched_op(SCHEDOP_yield, NULL);
}

void vcpus_start(void)
{
    irq_register(platform.timer_virtual, tick);
    irq_register(platform.timer_physical, physical_tick);
    irq_register(SGI_WAKE, called);
    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag);
    for (unsigned i = 1; i < RECORD_VCPUS; i++)
        if (cpu_start(i, loops[i], NULL))
            panic("record: vCPU %u cannot be started", i);
    while (!off_for_good || !is_off(WAS_ON))
        sched_op(SCHEDOP_yield, NULL);
}

void vcpus_wait_for_all(void)
{
    uint64_t from[RECORD_VCPUS];

    for (unsigned i = 1; i < RECORD_VCPUS; i++)
        from[i] = rounds[i];
    for (unsigned i = 1; i < RECORD_VCPUS; i++)
        while (i != WAS_ON && rounds[i] < from[i] + 2)
            send_for();
}

void vcpus_see(void) { see("vCPU is off", WAS_ON, is_off(WAS_ON)); }

void vcpus_stop(void)
{
    stop = true;
    for (unsigned i = 1; i < RECORD_VCPUS; i++)
        while (!is_off(i))
            send_for();
    port_waited_clear();
    stop = false;
}

void vcpus_start_again(void)
{
    for (unsigned i = 1; i < RECORD_VCPUS; i++)
        if (i != WAS_ON && cpu_start_again(i))
            panic("record: vCPU %u cannot be started again", i);
}
