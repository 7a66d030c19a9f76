// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that knows what it is: it gives everything that it has a known value, and when tests/dom0/record.c has saved
 * it and restored it into another domain it says what is not as before.
 *
 *   vCPU 0  is in the middle of an interrupt, interrupts masked: the controller, timers, ports, grants, parameters and
 *           EL1's registers
 *   vCPU 1  spins with a value of its own in each general and vector register, over and over: it is saved at any
 *           instruction
 *   vCPU 2  waits for a tick of its timer, over and over
 *   vCPU 3  polls an event channel that nobody sends to, with a time-out
 *   vCPU 4  was on, and is off
 *
 * At last it suspends itself when told to, twice: to be resumed, and to be restored, when it has lost its ports and its
 * grants, and nothing else.
 */
#include "tests/guests/record.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/grant.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/string.h"

static struct record_words *words;
static volatile uint64_t rounds[RECORD_CPUS];    /* how often each came by */
static volatile bool off_for_good;

/* --- What is looked at: the first time noted, then compared --- */

enum { MOST_SEEN = 256 };
static struct { const char *name; unsigned index; uint64_t value; } seen[MOST_SEEN];
static unsigned seen_count;
static bool noted, lost;    /* ... and what it had of other domains is lost */

static void wrong(const char *name, unsigned index, uint64_t before, uint64_t now)
{
    print("not ok record: generation %u: %s %u was 0x%lx and is 0x%lx\n", words->generation, name, index, before, now);
    words->wrong = 1;
}

static void see(const char *name, unsigned index, uint64_t value)
{
    unsigned n = seen_count++;

    if (n >= MOST_SEEN)
        panic("record: there is more to look at than there is room");
    if (!noted) {
        seen[n].name = name;
        seen[n].index = index;
        seen[n].value = value;
    } else if (seen[n].value != value) {
        wrong(name, index, seen[n].value, value);
    }
}

/* --- The interrupt controller --- */

/* An SPI that vCPU 0 has acknowledged and not ended, ones that are pending and wait, and ones in every other state. */
enum { SPI_TAKEN = 40, SPI_FIRST = 41, SPI_COUNT = 8, PPI_FIRST = 20, PPI_COUNT = 5, SGI_PENDING = 9 };

static void gic_fill_one(unsigned intid, unsigned state)
{
    gic_set_priority(intid, (uint8_t)(0x48 + 8 * state));
    if (intid >= 32)
        gic_set_edge(intid, state & 1);
    if (state & 2)
        mmio_write32(gic_frame(intid) + GICD_ISACTIVER + intid / 32 * 4, 1u << intid % 32);
    if (state & 4)
        gic_pend(intid);
    if (!(state & 8) && !(state & 4))
        gic_enable(intid);
}

static void route(unsigned intid, unsigned vcpu)
{
    if (platform.gic_version == 3)
        mmio_write64(platform.gicd + GICD_IROUTER + intid * 8, vcpu);
    else
        mmio_write8(platform.gicd + GICD_ITARGETSR + intid, (uint8_t)(1u << vcpu));
}

static uint64_t route_of(unsigned intid)
{
    return platform.gic_version == 3 ? mmio_read64(platform.gicd + GICD_IROUTER + intid * 8)
                                     : mmio_read8(platform.gicd + GICD_ITARGETSR + intid);
}

static void gic_fill(void)
{
    for (unsigned i = 0; i < SPI_COUNT; i++) {
        gic_fill_one(SPI_FIRST + i, i);
        route(SPI_FIRST + i, i % 4);
    }
    for (unsigned i = 0; i < PPI_COUNT; i++)
        gic_fill_one(PPI_FIRST + i, i + 3);
    /* pending, above what this vCPU is in the middle of, so that it stays so */
    gic_set_priority(SGI_PENDING, 0xe0);
    gic_send_sgi(SGI_PENDING, 0);
    gic_set_priority(SPI_TAKEN, 0x30);
    gic_set_edge(SPI_TAKEN, true);
    gic_enable(SPI_TAKEN);
    gic_pend(SPI_TAKEN);
    isb();
    unsigned taken = gic_ack();
    if ((taken & 0x3ff) != SPI_TAKEN)
        panic("record: took %u instead of its own interrupt", taken);
    gic_set_mask(0xe8);
}

static void gic_see(void)
{
    static const uint16_t banks[] = { GICD_IGROUPR, GICD_ISENABLER, GICD_ISPENDR, GICD_ISACTIVER };

    see("GICD_CTLR", 0, mmio_read32(platform.gicd + GICD_CTLR));
    for (unsigned b = 0; b < ARRAY_SIZE(banks); b++)
        for (unsigned i = 0; i < 64; i += 32)
            see("GICD", banks[b] + i / 8, mmio_read32(gic_frame(i) + banks[b] + i / 8));
    for (unsigned i = 0; i < 64; i += 4)
        see("GICD_IPRIORITYR", i, mmio_read32(gic_frame(i) + GICD_IPRIORITYR + i));
    for (unsigned i = 0; i < 64; i += 16)
        see("GICD_ICFGR", i, mmio_read32(gic_frame(i) + GICD_ICFGR + i / 4));
    for (unsigned i = SPI_TAKEN; i < 64; i++)
        see("route", i, route_of(i));
    see("running priority", 0, gic_running_priority());
    see("highest pending", 0, gic_highest_pending());
    if (platform.gic_version == 3) {
        see("ICC_PMR", 0, sysreg_read(icc_pmr_el1));
        see("ICC_BPR1", 0, sysreg_read(icc_bpr1_el1));
        see("ICC_CTLR", 0, sysreg_read(icc_ctlr_el1));
        see("ICC_IGRPEN1", 0, sysreg_read(icc_igrpen1_el1));
    } else {
        see("GICC_PMR", 0, mmio_read32(platform.gicc + GICC_PMR));
        see("GICC_BPR", 0, mmio_read32(platform.gicc + GICC_BPR));
        see("GICC_CTLR", 0, mmio_read32(platform.gicc + GICC_CTLR));
        for (unsigned i = 0; i < 16; i += 4)
            see("GICD_CPENDSGIR", i, mmio_read32(platform.gicd + GICD_CPENDSGIR + i));
    }
}

/* --- Registers of EL1 --- */

#define EL1_REGISTERS(X) \
    X(sp_el0) X(elr_el1) X(spsr_el1) X(esr_el1) X(far_el1) X(afsr0_el1) X(afsr1_el1) X(contextidr_el1) X(tpidr_el0) \
    X(tpidrro_el0) X(par_el1) X(cntkctl_el1) X(csselr_el1)

static void el1_fill(void)
{
    uint64_t value = 0x1111222233334440;

#define FILL(name) sysreg_write(name, value += 0x10);
    EL1_REGISTERS(FILL)
#undef FILL
    sysreg_write(cntkctl_el1, 3);
    sysreg_write(csselr_el1, 2);
    isb();
}

static void el1_see(void)
{
#define SEE(name) see(#name, 0, sysreg_read(name));
    EL1_REGISTERS(SEE)
    SEE(sctlr_el1) SEE(cpacr_el1) SEE(ttbr0_el1) SEE(ttbr1_el1) SEE(tcr_el1) SEE(mair_el1) SEE(amair_el1) SEE(vbar_el1)
    SEE(tpidr_el1) SEE(midr_el1) SEE(mpidr_el1) SEE(ctr_el0) SEE(cntfrq_el0) SEE(id_aa64pfr0_el1) SEE(id_aa64pfr1_el1)
    SEE(id_aa64dfr0_el1) SEE(id_aa64isar0_el1) SEE(id_aa64isar1_el1) SEE(id_aa64mmfr0_el1) SEE(id_aa64mmfr1_el1)
    SEE(id_pfr0_el1) SEE(id_isar5_el1) SEE(mvfr0_el1)
#undef SEE
}

/*
 * --- Timers: this vCPU's own, which do not come; what they are compared with cannot jump, for that is another vCPU's
 * tick ---
 */

static void timers_fill(void)
{
    sysreg_write(cntv_cval_el0, 0x7123456789abcdef);
    sysreg_write(cntv_ctl_el0, TIMER_ENABLE | TIMER_IMASK);
    sysreg_write(cntp_cval_el0, 0x7fedcba987654321);
    sysreg_write(cntp_ctl_el0, TIMER_ENABLE);
    isb();
}

static void timers_see(void)
{
    see("CNTV_CVAL", 0, sysreg_read(cntv_cval_el0));
    see("CNTV_CTL", 0, sysreg_read(cntv_ctl_el0));
    see("CNTP_CVAL", 0, sysreg_read(cntp_cval_el0));
    see("CNTP_CTL", 0, sysreg_read(cntp_ctl_el0));
}

/* --- Event channels, grants, parameters --- */

static evtchn_port_t port_unbound, port_ipi, port_virq, port_polled;

static void ports_fill(void)
{
    struct evtchn_bind_vcpu move = { .vcpu = 2 };

    if (evtchn_alloc_unbound(0, &port_unbound) || evtchn_bind_ipi(1, &port_ipi) ||
        evtchn_bind_virq(VIRQ_DEBUG, 0, &port_virq) || evtchn_alloc_unbound(7, &port_polled))
        panic("record: no ports");
    move.port = port_unbound;
    event_channel_op(EVTCHNOP_bind_vcpu, &move);
    evtchn_send(port_ipi);   /* masked: it stays pending */
}

static void ports_see(void)
{
    for (evtchn_port_t port = 1; port < 16; port++) {
        struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

        event_channel_op(EVTCHNOP_status, &s);
        see("port's state", port, s.status);
        see("port's vCPU", port, s.vcpu);
        if (s.status == EVTCHNSTAT_unbound)
            see("port's remote", port, s.u.unbound.dom);
        see("port pending", port, evtchn_pending(port));
    }
    see("evtchn_mask", 0, shared_info->evtchn_mask[0]);
    see("HVM_PARAM_CONSOLE_PFN", 0, hvm_param(HVM_PARAM_CONSOLE_PFN));
    see("a sent port that is pending", port_ipi, evtchn_pending(port_ipi));
}

enum { REF = 40 };

static void grants_fill(void)
{
    if (grant_init())
        panic("record: no grant table");
    grant_table[REF] = (struct grant_entry_v1){ .domid = 3, .frame = 0x40001 };
    grant_table[REF].flags = GTF_permit_access;
}

static void grants_see(void)
{
    see("grant's flags", REF, grant_table[REF].flags);
    see("grant's domain", REF, grant_table[REF].domid);
    see("grant's frame", REF, grant_table[REF].frame);
}

/* The new domain has neither; what the toolstack said stays. */
static void see_the_loss(void)
{
    for (evtchn_port_t port = 1; port < 16; port++) {
        struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

        if (event_channel_op(EVTCHNOP_status, &s) == 0 && s.status != EVTCHNSTAT_closed)
            wrong("a port that was given up", port, EVTCHNSTAT_closed, s.status);
    }
    if (grant_table[REF].flags)
        wrong("a grant that was given up", REF, 0, grant_table[REF].flags);
    if (!hvm_param(HVM_PARAM_CONSOLE_PFN))
        wrong("HVM_PARAM_CONSOLE_PFN", 0, 1, 0);
}

static void look(void)
{
    seen_count = 0;
    el1_see();
    timers_see();
    gic_see();
    if (lost) {
        see_the_loss();
    } else {
        ports_see();
        grants_see();
    }
    noted = true;
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

static void spin(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 32; i++)
        given.x[i] = 0xa5a50000c0de0000 + i * 0x10001;
    for (unsigned i = 0; i < 64; i++)
        given.q[i] = 0x5a5a1111beef0000 + i * 0x20003;
    given.x[0] = 2000;
    sysreg_write(fpcr, 0x02c00000);
    for (;; rounds[1]++) {
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

    (void)arg;
    gic_enable(platform.timer_virtual);
    for (;; rounds[2]++) {
        uint64_t want = ticks + 1, now;

        timer_virtual_set(timer_now() + timer_frequency() / 500);
        while (ticks != want)
            irq_wait();
        now = timer_now();
        if (now < last)
            wrong("the counter", 0, last, now);
        last = now;
    }
}

/* --- vCPU 3: a poll --- */

static void poll(void *arg)
{
    struct sched_poll p = { .nr_ports = 1 };

    (void)arg;
    set_xen_guest_handle(p.ports, &port_polled);
    for (;; rounds[3]++) {
        p.timeout = timer_now() * 1000000000 / timer_frequency() + 2000000;
        sched_op(SCHEDOP_poll, &p);
    }
}

static void go_off(void *arg)
{
    (void)arg;
    off_for_good = true;
}

/* Everybody comes by in each generation. */
static void wait_for_all(void)
{
    uint64_t from[RECORD_CPUS];

    for (unsigned i = 1; i < RECORD_CPUS; i++)
        from[i] = rounds[i];
    for (unsigned i = 1; i < RECORD_CPUS; i++)
        while (rounds[i] < from[i] + 2)
            sched_op(SCHEDOP_yield, NULL);
}

static void suspend_itself(void)
{
    struct sched_shutdown s = { .reason = SHUTDOWN_suspend };
    uint32_t count = words->suspend;

    words->answer = (int32_t)sched_op(SCHEDOP_shutdown, &s);
    lost = words->answer == 0;
    words->answered = count;
}

static void check(void)
{
    uint32_t generation = words->generation;

    look();
    wait_for_all();
    if (psci_call(PSCI_AFFINITY_INFO_64, 4, 0, 0) != PSCI_AFFINITY_OFF)
        wrong("vCPU 4", 4, PSCI_AFFINITY_OFF, 0);
    words->checked = generation;
}

void guest_main(void)
{
    void (*const others[])(void *) = { NULL, spin, wait_for_ticks, poll, go_off };

    words = (struct record_words *)((hvm_param(HVM_PARAM_CONSOLE_PFN) << PAGE_SHIFT) + RECORD_WORDS_AT);
    irq_register(platform.timer_virtual, tick);
    irq_disable();
    ports_fill();
    for (unsigned i = 1; i < ARRAY_SIZE(others); i++)
        if (cpu_start(i, others[i], NULL))
            panic("record: vCPU %u cannot be started", i);
    while (!off_for_good || psci_call(PSCI_AFFINITY_INFO_64, 4, 0, 0) != PSCI_AFFINITY_OFF)
        sched_op(SCHEDOP_yield, NULL);
    wait_for_all();
    grants_fill();
    gic_fill();
    timers_fill();
    el1_fill();
    look();
    look();
    print("record: %u values are known\n", seen_count);
    words->filled = 1;
    for (;;) {
        if (words->suspend != words->answered)
            suspend_itself();
        if (words->generation != words->checked)
            check();
    }
}
