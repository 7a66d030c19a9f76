// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that does everything wrong, on all its vCPUs at once. What it shows is that the hypervisor answers, and that
 * the domain, the host and the neighbours go on. fuzz.h has the plan of it.
 *
 *   seed=S    which calls; random when not given     epochs=N   how many (default 200; 0: until it is destroyed)
 *   from=E    begin with epoch E                     ops=N      operations of an epoch on each vCPU (default 400)
 *   only=M    bits: the kinds of operation, in the order of `kinds`
 *   tell      each epoch's plan is printed           trace      each operation is
 *
 * Invariant: no operation may rightfully end or corrupt this domain, or keep a vCPU for ever.
 */
#include <stdarg.h>

#include "dormouse/arm64/entry.h"
#include "dormouse/arm64/gic.h"
#include "dormouse/arm64/psci.h"
#include "dormouse/arm64/timer.h"
#include "dormouse/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/evtchn.h"
#include "lib/print.h"
#include "tests/guests/fuzz/fuzz.h"
#include "tests/guests/tap.h"

enum { PLAN_KINDS = 7, WHOLE_CHECK_EVERY = 8 };

/*
 * What meets, because it is about the same objects. Noise may leave an interrupt controller in any state: no vCPU takes
 * interrupts then.
 */
enum family { MEMORY, EVENTS, GRANTS, PROCESSORS, NOISE, FAMILIES };
static const struct kind {
    const char *name;
    void (*run)(void);
    enum family family;
} kinds[] = {
    { "populate", memory_populate, MEMORY },   { "give-back", memory_give_back, MEMORY },
    { "touch", memory_touch, MEMORY },         { "place", memory_place, MEMORY },
    { "open", events_open, EVENTS },           { "open-many", events_open_many, EVENTS },
    { "close", events_close, EVENTS },         { "signal", events_signal, EVENTS },
    { "fifo", events_fifo, EVENTS },           { "reset", events_reset, EVENTS },
    { "poll", events_poll, EVENTS },           { "uart", devices_uart, EVENTS },
    { "give", grants_give, GRANTS },           { "take", grants_take, GRANTS },
    { "copy", grants_copy, GRANTS },           { "on", processors_on, PROCESSORS },
    { "off", processors_off, PROCESSORS },     { "wait", processors_wait, PROCESSORS },
    { "areas", processors_areas, PROCESSORS }, { "interrupt", processors_interrupt, PROCESSORS },
    { "hypercall", noise_hypercall, NOISE },   { "mmio", noise_mmio, NOISE },
    { "sysreg", noise_sysreg, NOISE },         { "firmware", noise_firmware, NOISE },
    { "noise-wait", noise_wait, NOISE },
};

struct worker {
    uint64_t begun, arrived;            /* the last epoch that it began, and that it ended */
    uint64_t next;                      /* the operation that it does next */
    bool interrupts;                    /* it takes them */
    bool heard;                         /* one comes through, so it may wait for one */
};

uint64_t seed;
bool trace, own_console;
domid_t own_id;
uint64_t (*arena)[512];

static uint64_t ops;
static struct worker workers[MAX_CPUS];
/* Written by vCPU 0 while the others stand still. */
static struct { unsigned kinds[PLAN_KINDS], n; unsigned interrupts; } plan;
static uint64_t epoch;                  /* which is on */

static struct worker *self(void) { return &workers[this_cpu()->id]; }

bool may_wait(void) { return self()->heard; }

static void print_plan(uint64_t e)
{
    char line[160];
    size_t at = 0;

    for (unsigned i = 0; i < plan.n; i++)
        at += (size_t)snprintf(line + at, sizeof(line) - at, " %s", kinds[plan.kinds[i]].name);
    print("# seed %lu epoch %lu, interrupts on %x:%s\n", seed, e, plan.interrupts, line);
}

void violation(const char *fmt, ...)
{
    char line[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    print("not ok fuzz: d%u vCPU %u operation %lu: %s\n", own_id, this_cpu()->id, self()->next, line);
    print_plan(epoch);
    shutdown(SHUTDOWN_crash);
}

long call(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const uint64_t all[6] = { number, a1, a2, a3, a4, a5 };
    bool interrupted = self()->interrupts && one_in(3), abandon = interrupted && !one_in(4);

    if (trace)
        print("#   hypercall %lu %lx %lx %lx %lx %lx\n", number, a1, a2, a3, a4, a5);
    if (interrupted)
        timer_virtual_set(timer_now() + below(BIT(below(16))));
    long r = hypercall_abandonable(all, abandon);
    if (interrupted)
        timer_virtual_stop();
    if (trace)
        print("#   -> %ld\n", r);
    return r;
}

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

/* The shared page may be anywhere by now: the flag alone is cleared. */
static void upcall(unsigned intid)
{
    (void)intid;
    __atomic_store_n(&vcpu_infos[this_cpu()->id].evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
}

static void silence_uart(unsigned intid)
{
    (void)intid;
    mmio_write32(UART_ADDRESS + UART_IMSC, 0);
}

static void begin(uint64_t e)
{
    struct worker *w = self();

    if (w->begun != e) {
        w->begun = e;
        w->next = 0;
    }
    w->heard = interrupts_restore();
    w->interrupts = w->heard && (plan.interrupts >> this_cpu()->id & 1);
}

/* One that went off and was turned on goes on where it was. */
static void epoch_run(uint64_t e)
{
    struct worker *w = self();

    begin(e);
    if (w->interrupts)
        irq_enable();
    while (w->next < ops) {
        draw_from(seed, e, this_cpu()->id, w->next++);
        const struct kind *k = &kinds[plan.kinds[below(plan.n)]];

        if (trace)
            print("# vCPU %u operation %lu: %s\n", this_cpu()->id, w->next, k->name);
        k->run();
    }
    irq_disable();
}

/*
 * Waits a moment without being in the way of those who work. Only the timer's interrupt counts: others may be pending
 * for good.
 */
static void rest(void)
{
    if (!self()->heard) {
        sched_op(SCHEDOP_yield, NULL);
        return;
    }
    mmio_write32(gic_frame(0) + GICD_ICENABLER, ~(1u << platform.timer_virtual));
    timer_virtual_set(timer_now() + timer_frequency() / 10000);
    wfi();
    timer_virtual_stop();
}

static void work(void *arg)
{
    (void)arg;
    sysreg_write(vbar_el1, (uintptr_t)fuzz_vectors);
    isb();
    for (;;) {
        uint64_t e = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);

        if (self()->arrived != e)
            epoch_run(e);
        __atomic_store_n(&self()->arrived, e, __ATOMIC_RELEASE);
        rest();
    }
}

static bool at_rest(unsigned vcpu)
{
    return __atomic_load_n(&workers[vcpu].arrived, __ATOMIC_ACQUIRE) == epoch ||
           psci_call(PSCI_AFFINITY_INFO_64, vcpu, 0, 0) != 0;
}

/*
 * Waits until nobody else makes calls any more. Who is at rest turns nobody on, so once all are in one look, the next
 * look is true.
 */
static void wait_for_rest(void)
{
    for (unsigned looks = 0; looks < 2; ) {
        bool all = true;

        for (unsigned i = 1; i < platform.cpus; i++)
            all &= at_rest(i);
        looks = all ? looks + 1 : 0;
        if (!all)
            rest();
    }
}

static uint64_t noise_kinds(void)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        bits |= (uint64_t)(kinds[i].family == NOISE) << i;
    return bits;
}

/* One family's kinds, or two families', some of them several times: what is often made meets itself, too. */
static void plan_draw(uint64_t e, uint64_t only)
{
    uint64_t left = 0;

    draw_from(seed, e, ~0ul, 0);
    while (!left) {
        uint64_t families = BIT(below(one_in(4) ? FAMILIES : NOISE)) | BIT(below(one_in(16) ? FAMILIES : NOISE));

        for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
            left |= (families >> kinds[i].family & only >> i & 1) << i;
    }
    plan.n = 2 + (unsigned)below(PLAN_KINDS - 1);
    plan.interrupts = left & noise_kinds() ? 0 : (unsigned)below(BIT(platform.cpus));
    for (unsigned i = 0; i < plan.n; i++)
        do
            plan.kinds[i] = (unsigned)below(ARRAY_SIZE(kinds));
        while (!(left >> plan.kinds[i] & 1));
}

static void epoch_whole(uint64_t e)
{
    __atomic_store_n(&epoch, e, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < platform.cpus; i++)
        psci_call(PSCI_CPU_ON_64, i, (uintptr_t)secondary_entry, (uintptr_t)&cpus[i]);
    epoch_run(e);
    wait_for_rest();
    check_all(e % WHOLE_CHECK_EVERY == 0);
}

static void prepare(void)
{
    if (platform.ram_size < RAM_LEAST)
        panic("fuzz needs %u MiB", RAM_LEAST >> 20);
    own_console = !hvm_param(HVM_PARAM_CONSOLE_EVTCHN);
    own_id = evtchn_own_domid();
    arena = (void *)(platform.ram_base + ARENA_OFFSET);
    irq_disable();
    irq_register(platform.timer_virtual, tick);
    irq_register(platform.evtchn_intid, upcall);
    irq_register(UART_INTID, silence_uart);
    sysreg_write(vbar_el1, (uintptr_t)fuzz_vectors);
    draw_from(seed, 0, 0, 0);
    noise_init();
    grants_init();
    check_init();
    memory_init();
    for (unsigned i = 1; i < platform.cpus; i++)
        if (cpu_start(i, work, NULL))
            panic("vCPU %u does not start", i);
}

void guest_main(void)
{
    seed = platform_option("seed", sysreg_read(cntpct_el0) & 0xffffff);
    ops = platform_option("ops", 400);
    trace = platform_flag("trace");
    uint64_t epochs = platform_option("epochs", 200), from = platform_option("from", 1),
             only = platform_option("only", ~0ul);

    tap_begin("fuzz");
    print("# seed=%lu epochs=%lu from=%lu only=%lx\n", seed, epochs, from, only);
    prepare();
    for (uint64_t e = from; !epochs || e < from + epochs; e++) {
        plan_draw(e, only);
        if (trace || platform_flag("tell"))
            print_plan(e);
        epoch_whole(e);
    }
    check_all(true);
    expect_true("the_domain_survives", xen_version(XENVER_version, NULL) == (4 << 16 | 17));
    tap_end();
}
