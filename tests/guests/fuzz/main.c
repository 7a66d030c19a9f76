// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that does everything wrong, on all its vCPUs at once. It shows that the hypervisor answers, and that the
 * domain, the host and the neighbours go on. fuzz.h has the plan of it.
 *
 *   seed=S    which calls; random when not given     epochs=N   how many (default 200; 0: until it is destroyed)
 *   from=E    begin with epoch E                     ops=N      operations of an epoch on each vCPU (default 400)
 *   only=M    bits: the kinds of operation, in the order of `kinds`
 *   counted   it can count its frames: nobody else holds any that it gives back
 *   mortal    it powers itself off, seldom, for others to destroy it and make another
 *   tell      each epoch's plan is printed           trace      each operation is
 *
 * Invariant: no operation may rightfully end or corrupt this domain, or keep a vCPU for ever.
 */
#include <stdarg.h>

#include "arch/relax.h"
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "lib/print.h"
#include "tests/guests/fuzz/fuzz.h"
#include "tests/guests/tap.h"

enum { PLAN_KINDS = 7, WHOLE_CHECK_EVERY = 8, BEAT_LEAST = 10, BEAT_MOST = 16 };

/*
 * Calls that meet, because they are about the same objects. Noise may leave an interrupt controller in any state: no
 * vCPU takes interrupts then.
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
bool trace, own_console, counted;
domid_t own_id;
uint64_t (*arena)[512];
struct habits habits;

static uint64_t ops;
static bool mortal;
static struct worker workers[MAX_CPUS];
/* Written by vCPU 0 while the others stand still. */
static struct { unsigned kinds[PLAN_KINDS], n; unsigned interrupts; } plan;
static uint64_t epoch;                  /* which is on */
static uint64_t unfinished;             /* the kind of a call that was begun and is never finished; 0: none */

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

/* A timer that comes again and again, in the middle of anything, seldom or often. */
static void beat(void)
{
    uint64_t span = BIT(BEAT_LEAST + draw_aside() % (habits.beat - BEAT_LEAST + 1));

    timer_virtual_set(timer_now() + span + draw_aside() % span);
}

static bool beats(void) { return sysreg_read(cntv_ctl_el0) & TIMER_ENABLE; }

/*
 * A call's kind, without its arguments; never 0. A command has six bits at most (memory_op, from where a long one goes
 * on); a greater first argument is a pointer, or says from where the hypervisor goes on.
 */
static uint64_t call_kind(uint64_t number, uint64_t a1) { return 1 + number * 64 + (a1 < PAGE_SIZE ? a1 % 64 : 0); }

long call(unsigned long number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const uint64_t all[6] = { number, a1, a2, a3, a4, a5 };
    uint64_t kind = call_kind(number, a1);
    bool abandon = self()->interrupts && habits.abandon && one_in(habits.abandon);

    if (__atomic_load_n(&unfinished, __ATOMIC_RELAXED) == kind)
        return ABANDONED;
    if (trace)
        print("#   hypercall %lu %lx %lx %lx %lx %lx\n", number, a1, a2, a3, a4, a5);
    if (self()->interrupts && !beats())
        beat();
    long r = hypercall_abandonable(all, abandon);
    if (r == ABANDONED && !habits.finish && one_in(4))
        __atomic_store_n(&unfinished, kind, __ATOMIC_RELAXED);
    if (trace)
        print("#   -> %ld\n", r);
    return r;
}

static void tick(unsigned intid)
{
    (void)intid;
    if (self()->interrupts)
        beat();
    else
        timer_virtual_stop();
}

/* The shared page may be anywhere by now: the flag alone is cleared. */
static void upcall(unsigned intid)
{
    (void)intid;
    __atomic_store_n(&vcpu_info_of(this_cpu()->id)->evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
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
    timer_virtual_stop();
    w->interrupts = false;
}

/*
 * Waits a moment without being in the way of vCPUs that work. Only the timer's interrupt counts, and is taken: others
 * may be pending for good. QEMU before 8.1 with -icount lets one CPU after the other use up what there is until the
 * next timer: the one behind a CPU that calls without end has nothing left, ever, unless that ends its turn itself.
 */
static void rest(void)
{
    if (!self()->heard) {
        sched_op(SCHEDOP_yield, NULL);
        cpu_relax();
        return;
    }
    mmio_write32(gic_frame(0) + GICD_ICENABLER, ~(1u << platform.timer_virtual));
    timer_virtual_set(timer_now() + timer_frequency() / 2500);
    irq_wait();
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
 * Waits until nobody else makes calls any more. A vCPU at rest turns nobody on, so once all are in one look, the next
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

/* Small things are made often, large ones take long. */
static void habits_draw(void)
{
    habits = (struct habits){
        .slot = RAM_SLOTS + (unsigned)below(SPARSE_SLOTS - 1),
        .reach = (unsigned)BIT(below(5)),
        .largest_order = one_in(8) ? (unsigned)below(LARGEST_ORDER + 1) : 1 + (unsigned)below(5),
        .ports = (unsigned)BIT(below(10)),
        .beat = BEAT_LEAST + (unsigned)below(BEAT_MOST - BEAT_LEAST + 1),
        .abandon = one_in(2) ? 0 : (unsigned)BIT(below(6)),
        .finish = !one_in(4),
    };
}

/* One family's kinds, or two families', some of them several times: a call that is often made meets itself, too. */
static void plan_draw(uint64_t e, uint64_t only)
{
    uint64_t left = 0;

    draw_from(seed, e, ~0ul, 0);
    while (!left) {
        uint64_t families = BIT(below(one_in(4) ? FAMILIES : NOISE)) | BIT(below(one_in(16) ? FAMILIES : NOISE));

        for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
            left |= (families >> kinds[i].family & only >> i & 1) << i;
    }
    habits_draw();
    plan.n = 2 + (unsigned)below(PLAN_KINDS - 1);
    plan.interrupts = left & noise_kinds() ? 0 : (unsigned)below(BIT(platform.cpus));
    for (unsigned i = 0; i < plan.n; i++)
        do
            plan.kinds[i] = (unsigned)below(ARRAY_SIZE(kinds));
        while (!(left >> plan.kinds[i] & 1));
}

static void epoch_whole(uint64_t e)
{
    unfinished = 0;
    memory_prepare();
    __atomic_store_n(&epoch, e, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < platform.cpus; i++)
        psci_call(PSCI_CPU_ON_64, i, (uintptr_t)secondary_entry, (uintptr_t)&cpus[i]);
    epoch_run(e);
    wait_for_rest();
    check_all(e % WHOLE_CHECK_EVERY == 0);
    /* a domain left in the midst of a call is also destroyed so, before it is made again */
    if (mortal && one_in(unfinished ? 2 : 64))
        shutdown(SHUTDOWN_poweroff);
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
    counted = platform_flag("counted");
    mortal = platform_flag("mortal");
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
