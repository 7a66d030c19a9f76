// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/cpu/sched.c hypervisor/cpu/timer.c */
/*
 * The scheduler and its timers on a machine of pretended CPUs: one thread plays them in turn, a step of time for each. What other
 * CPUs do at the same moment is played where the scheduler has let go of its lock, that is while a vCPU is switched out or in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/sysreg.h"
#include "cpu/cpu.h"
#include "cpu/sched.h"
#include "cpu/timer.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/irq.h"
#include "vm/vcpu.h"

#define FREQUENCY 1000000   /* a tick is a microsecond */
#define STEP      25
#define MAX_VCPUS 24

struct cpu cpus[MAX_CPUS];
static unsigned present;
static uint64_t now;
static struct { uint64_t cval; bool enabled; } comparator[MAX_CPUS];
static jmp_buf idling;
static struct vcpu *vcpus[MAX_VCPUS];
static unsigned vcpu_count, switches;
static void (*meanwhile)(void);   /* what another CPU does while this one switches */
static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    abort();
}

unsigned cpus_present(void) { return present; }
unsigned cpus_online(void) { return present; }
void irq_handle_all(void) { }
void cpu_wait_for_interrupt(void) { longjmp(idling, 1); }

void cpu_request_schedule(struct cpu *cpu)
{
    cpu->need_schedule = 1;
}

uint64_t host_read_sysreg(const char *name)
{
    if (!strcmp(name, "cntpct_el0"))
        return now;
    assert_string_equal(name, "cntfrq_el0");
    return FREQUENCY;
}

void host_write_sysreg(uint64_t value, const char *name)
{
    if (!strcmp(name, "cnthp_cval_el2"))
        comparator[host_cpu].cval = value;
    else
        comparator[host_cpu].enabled = value == CNT_CTL_ENABLE;
}

bool vcpu_runnable(const struct vcpu *v)
{
    return v->online && !v->blocked && !v->pause_count && !v->domain->pause_count;
}

void vcpu_runstate_change(struct vcpu *v, enum runstate state) { v->runstate = state; }

static void others_act(void)
{
    unsigned self = host_cpu;

    if (!meanwhile)
        return;
    host_cpu = random_below(present);
    meanwhile();
    host_cpu = self;
}

void vcpu_switch_out(struct vcpu *v)
{
    assert_true(v->sched.running);
    assert_ptr_equal(v->sched.cpu, &cpus[host_cpu]);
    others_act();
}

void vcpu_switch_in(struct vcpu *v)
{
    assert_true(v->sched.running && !v->sched.queued);
    assert_ptr_equal(v->sched.cpu, &cpus[host_cpu]);
    switches++;
    others_act();
}

static void machine(unsigned count)
{
    memset(cpus, 0, sizeof(cpus));
    memset(comparator, 0, sizeof(comparator));
    present = count;
    now = 1000;
    vcpu_count = switches = 0;
    meanwhile = NULL;
    random_state = 1;
    host_cpu = 0;
    for (unsigned i = 0; i < count; i++) {
        cpus[i].id = i;
        cpus[i].online = true;
        cpus[i].need_schedule = 1;
    }
    time_init(0);
    sched_init();
}

static struct domain *domain_new(unsigned count)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->max_vcpus = count;
    d->vcpus = calloc(count, sizeof(*d->vcpus));
    sched_domain_init(d);
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *v = calloc(1, sizeof(*v));

        v->id = i;
        v->domain = d;
        v->online = v->blocked = true;
        v->runstate = RUNSTATE_BLOCKED;
        sched_vcpu_init(v);
        d->vcpus[i] = v;
        assert_true(vcpu_count < MAX_VCPUS);
        vcpus[vcpu_count++] = v;
    }
    return d;
}

static void wake(struct vcpu *v)
{
    v->blocked = false;
    sched_wake(v);
}

/* A guest's WFI: only of a vCPU that runs. */
static void block(struct vcpu *v)
{
    v->blocked = true;
    v->sched.cpu->need_schedule = 1;
}

static void wake_all(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        wake(d->vcpus[i]);
}

/* Like leave() of a trap, or the idle loop: until nothing is asked of this CPU any more. */
static void cpu_turn(unsigned id)
{
    host_cpu = id;
    if (comparator[id].enabled && comparator[id].cval <= now)
        timer_interrupt();
    while (cpus[id].need_schedule)
        if (!setjmp(idling))
            sched_next();
}

/* An interrupt that has come for a CPU is taken at once; they come in any order. */
static void settle(void)
{
    bool again = true;

    for (unsigned rounds = 0; again; rounds++) {
        unsigned first = random_below(present);

        assert_true(rounds < 1000);
        again = false;
        for (unsigned i = 0; i < present; i++)
            cpu_turn((first + i) % present);
        for (unsigned i = 0; i < present; i++)
            again |= cpus[i].need_schedule;
    }
    host_cpu = 0;
}

static void run(uint64_t ticks)
{
    for (uint64_t end = now + ticks; now < end; now += STEP)
        settle();
}

static bool capped_out(const struct domain *d)
{
    return d->sched.cap_percent && d->sched.budget_used >= 10000u * d->sched.cap_percent / 100;
}

static void assert_state_is_right(void)
{
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct vcpu *v = vcpus[i];

        assert_int_equal(v->sched.running, v->sched.cpu->current == v);
        assert_int_equal(v->sched.queued, vcpu_runnable(v) && !v->sched.running);
        assert_true(!v->sched.running || vcpu_runnable(v));
        assert_true(!v->sched.running || (v->sched.hard_affinity >> v->sched.cpu->id & 1));
        assert_int_equal(v->runstate, v->sched.running ? RUNSTATE_RUNNING : v->sched.queued ? RUNSTATE_RUNNABLE :
                                      v->online && v->blocked ? RUNSTATE_BLOCKED : RUNSTATE_OFFLINE);
        for (unsigned c = 0; c < present && v->sched.queued && !capped_out(v->domain); c++)
            if (v->sched.hard_affinity >> c & 1)
                assert_non_null(cpus[c].current);
    }
}

/* Everybody stops, and leaves nothing behind. */
static void machine_end(void)
{
    meanwhile = NULL;
    for (unsigned i = 0; i < vcpu_count; i++) {
        vcpus[i]->pause_count++;
        sched_sleep(vcpus[i]);
    }
    run(50000);   /* the last slices' and periods' timers */
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct domain *d = vcpus[i]->domain;
        bool last = vcpus[i]->id + 1 == d->max_vcpus;

        sched_vcpu_destroy(vcpus[i]);
        assert_false(vcpus[i]->sched.queued || vcpus[i]->sched.running);
        free(vcpus[i]);
        if (!last)
            continue;
        sched_domain_destroy(d);
        free(d->vcpus);
        free(d);
    }
    for (unsigned i = 0; i < present; i++)
        assert_true(!cpus[i].current && !comparator[i].enabled);
}

static uint64_t runtime(const struct domain *d)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < d->max_vcpus; i++)
        ns += sched_runtime_ns(d->vcpus[i]);
    return ns / 1000;
}

static void assert_share(uint64_t part, uint64_t whole, unsigned percent, unsigned tolerance)
{
    if (part * 100 < whole * (percent - tolerance) || part * 100 > whole * (percent + tolerance))
        fail_msg("%lu of %lu is %lu %%, not %u", (unsigned long)part, (unsigned long)whole, (unsigned long)(part * 100 / whole),
                 percent);
}

static void equal_burners_share_one_cpu_equally(void **state)
{
    struct domain *d[3];

    (void)state;
    machine(1);
    for (unsigned i = 0; i < 3; i++) {
        d[i] = domain_new(1);
        wake_all(d[i]);
    }
    run(3000000);
    for (unsigned i = 0; i < 3; i++)
        assert_share(runtime(d[i]), 3000000, 33, 1);
    assert_true(switches < 400);   /* slices of 10 ms */
    machine_end();
}

static void burners_share_as_weighted(void **state)
{
    static const unsigned weights[] = { 256, 512, 128, 1024 };
    struct domain *d[4];

    (void)state;
    machine(1);
    for (unsigned i = 0; i < 4; i++) {
        d[i] = domain_new(1);
        assert_int_equal(sched_domain_set(d[i], weights[i], 0), 0);
        wake_all(d[i]);
    }
    run(10000000);
    for (unsigned i = 0; i < 4; i++)
        assert_share(runtime(d[i]), 10000000, weights[i] * 100 / 1920, 2);
    machine_end();
}

/* While a third one comes and goes as dom0 does. */
static void domains_share_two_cpus_as_weighted(void **state)
{
    struct domain *light, *heavy, *visitor;
    uint64_t both;

    (void)state;
    machine(2);
    light = domain_new(2);
    heavy = domain_new(2);
    visitor = domain_new(2);
    assert_int_equal(sched_domain_set(heavy, 768, 0), 0);
    wake_all(light);
    wake_all(heavy);
    for (unsigned i = 0; i < 2000; i++) {
        struct vcpu *v = visitor->vcpus[random_below(2)];

        if (v->blocked)
            wake(v);
        else if (v->sched.running)
            block(v);
        run(100 + random_below(2000));
    }
    both = runtime(light) + runtime(heavy);
    assert_share(runtime(light), both, 25, 4);
    machine_end();
}

static void three_burners_share_two_cpus(void **state)
{
    struct domain *d = NULL;

    (void)state;
    machine(2);
    d = domain_new(3);
    wake_all(d);
    run(3000000);
    for (unsigned i = 0; i < 3; i++)
        assert_share(sched_runtime_ns(d->vcpus[i]) / 1000, 3000000, 66, 2);
    assert_true(switches < 1000);
    machine_end();
}

static void a_change_of_weight_counts_from_then_on(void **state)
{
    struct domain *a, *b;
    uint64_t before;

    (void)state;
    machine(1);
    a = domain_new(1);
    b = domain_new(1);
    wake_all(a);
    wake_all(b);
    run(1000000);
    before = runtime(a);
    assert_share(before, 1000000, 50, 2);
    assert_int_equal(sched_domain_set(a, 768, 0), 0);
    run(2000000);
    assert_share(runtime(a) - before, 2000000, 75, 2);
    machine_end();
}

static void a_cap_is_kept_and_used_to_the_full(void **state)
{
    static const unsigned caps[] = { 10, 50, 90 };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct domain *d;

        machine(1);
        d = domain_new(1);
        assert_int_equal(sched_domain_set(d, 256, caps[i]), 0);
        wake_all(d);
        run(2000000);
        assert_share(runtime(d), 2000000, caps[i], 2);
        machine_end();
    }
}

static void a_cap_is_for_all_vcpus_of_the_domain(void **state)
{
    struct domain *d;

    (void)state;
    machine(4);
    d = domain_new(4);
    assert_int_equal(sched_domain_set(d, 256, 200), 0);
    wake_all(d);
    run(2000000);
    assert_share(runtime(d), 2000000, 200, 6);
    machine_end();
}

static void a_cap_that_is_lifted_stops_nobody(void **state)
{
    struct domain *d;
    uint64_t before;

    (void)state;
    machine(1);
    d = domain_new(1);
    assert_int_equal(sched_domain_set(d, 256, 5), 0);
    wake_all(d);
    run(1000000);
    before = runtime(d);
    assert_int_equal(sched_domain_set(d, 256, 0), 0);
    run(1000000);
    assert_share(runtime(d) - before, 1000000, 100, 1);
    machine_end();
}

/* While it was capped the other one ran: that is no debt to be paid back afterwards. */
static void a_cap_that_is_lifted_is_not_made_up_for(void **state)
{
    struct domain *a, *b;
    uint64_t before;

    (void)state;
    machine(1);
    a = domain_new(1);
    b = domain_new(1);
    assert_int_equal(sched_domain_set(a, 256, 5), 0);
    wake_all(a);
    wake_all(b);
    run(2000000);
    assert_int_equal(sched_domain_set(a, 256, 0), 0);
    before = runtime(b);
    run(1000000);
    assert_share(runtime(b) - before, 1000000, 50, 2);
    machine_end();
}

static void caps_and_weights_are_checked(void **state)
{
    struct domain *d;
    unsigned weight, cap;

    (void)state;
    machine(2);
    d = domain_new(2);
    assert_int_equal(sched_domain_set(d, 0, 0), -EINVAL);
    assert_int_equal(sched_domain_set(d, 65536, 0), -EINVAL);
    assert_int_equal(sched_domain_set(d, 256, 201), -EINVAL);
    assert_int_equal(sched_domain_set(d, 65535, 200), 0);
    sched_domain_get(d, &weight, &cap);
    assert_int_equal(weight, 65535);
    assert_int_equal(cap, 200);
    machine_end();
}

/* One that burns alone for seconds is not charged in all that time; a newcomer must not get all of it. */
static void a_newcomer_shares_with_an_old_burner(void **state)
{
    struct domain *old, *new;

    (void)state;
    machine(1);
    old = domain_new(1);
    new = domain_new(1);
    wake_all(old);
    run(5000000);
    wake_all(new);
    run(100000);
    assert_share(runtime(new), 100000, 50, 10);
    machine_end();
}

static void a_sleeper_does_not_hoard(void **state)
{
    struct domain *burner, *sleeper;
    uint64_t before;

    (void)state;
    machine(1);
    burner = domain_new(1);
    sleeper = domain_new(1);
    wake_all(burner);
    wake_all(sleeper);
    run(100000);
    while (!sleeper->vcpus[0]->sched.running)
        run(STEP);
    block(sleeper->vcpus[0]);
    run(3000000);
    before = runtime(sleeper);
    wake_all(sleeper);
    run(100000);
    assert_share(runtime(sleeper) - before, 100000, 50, 10);
    machine_end();
}

/* What it ran while it was alone is no debt that keeps it from running later. */
static void who_ran_alone_is_not_starved(void **state)
{
    struct domain *a, *b;
    uint64_t before;

    (void)state;
    machine(2);
    a = domain_new(1);
    b = domain_new(1);
    assert_int_equal(sched_set_affinity(a->vcpus[0], 1, 1), 0);
    assert_int_equal(sched_set_affinity(b->vcpus[0], 2, 2), 0);
    wake_all(a);
    run(3000000);
    wake_all(b);
    run(1000);
    assert_int_equal(sched_set_affinity(a->vcpus[0], 2, 2), 0);
    before = runtime(a);
    run(200000);
    assert_share(runtime(a) - before, 200000, 50, 10);
    machine_end();
}

static void a_short_sleeper_wakes_at_once_beside_burners(void **state)
{
    struct domain *burners, *sleeper;
    uint64_t worst = 0;

    (void)state;
    machine(2);
    burners = domain_new(4);
    sleeper = domain_new(1);
    wake_all(burners);
    run(500000);
    for (unsigned i = 0; i < 200; i++) {
        struct vcpu *v = sleeper->vcpus[0];
        uint64_t began = now;

        wake(v);
        while (!v->sched.running)
            run(STEP);
        worst = max_u64(worst, now - began);
        run(200);
        if (v->sched.running)
            block(v);
        run(3000);
    }
    assert_true(worst <= 2 * STEP);
    machine_end();
}

static void an_idle_cpu_takes_who_wakes(void **state)
{
    struct domain *d;

    (void)state;
    machine(4);
    d = domain_new(4);
    for (unsigned i = 0; i < 4; i++) {
        wake(d->vcpus[i]);
        settle();
        assert_true(d->vcpus[i]->sched.running);
    }
    run(100000);
    assert_int_equal(switches, 4);   /* and everybody stays where it is */
    machine_end();
}

static void soft_affinity_chooses_among_idle_cpus(void **state)
{
    struct domain *d;

    (void)state;
    machine(4);
    d = domain_new(1);
    settle();
    assert_int_equal(sched_set_affinity(d->vcpus[0], ~UINT64_C(0), 4), 0);
    wake_all(d);
    settle();
    assert_int_equal(d->vcpus[0]->sched.cpu->id, 2);
    machine_end();
}

static void pinned_vcpus_run_there_only(void **state)
{
    struct domain *d;

    (void)state;
    machine(4);
    d = domain_new(3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sched_set_affinity(d->vcpus[i], 2, 2), 0);
    assert_int_equal(sched_set_affinity(d->vcpus[0], 0xf0, 2), -EINVAL);
    wake_all(d);
    run(600000);
    for (unsigned i = 0; i < 3; i++)
        assert_share(sched_runtime_ns(d->vcpus[i]) / 1000, 600000, 33, 3);
    assert_null(cpus[0].current);
    assert_int_equal(sched_set_affinity(d->vcpus[0], 1, 1), 0);
    settle();
    assert_ptr_equal(cpus[0].current, d->vcpus[0]);
    machine_end();
}

static void an_override_pins_until_undone(void **state)
{
    struct domain *d;
    struct vcpu *v;

    (void)state;
    machine(2);
    d = domain_new(1);
    v = d->vcpus[0];
    wake(v);
    settle();
    assert_int_equal(sched_pin_override(v, -1), -EINVAL);
    assert_int_equal(sched_pin_override(v, 2), -EINVAL);
    assert_int_equal(sched_pin_override(v, 1), 0);
    settle();
    assert_ptr_equal(cpus[1].current, v);
    assert_int_equal(sched_pin_override(v, 0), -EBUSY);
    assert_int_equal(sched_set_affinity(v, 1, 1), -EBUSY);
    assert_int_equal(sched_pin_override(v, -1), 0);
    assert_int_equal(sched_set_affinity(v, 1, 1), 0);
    settle();
    assert_ptr_equal(cpus[0].current, v);
    machine_end();
}

static void yield_lets_the_other_run(void **state)
{
    struct domain *d;

    (void)state;
    machine(1);
    d = domain_new(2);
    wake_all(d);
    settle();
    for (unsigned i = 0; i < 10; i++) {
        struct vcpu *v = cpus[0].current;

        sched_yield(v);
        settle();
        assert_ptr_not_equal(cpus[0].current, v);
    }
    machine_end();
}

/* A light vCPU is far ahead in virtual time after one slice: who yields to it must not go that far back. */
static void yield_costs_little(void **state)
{
    struct domain *heavy, *light;
    uint64_t before;

    (void)state;
    machine(1);
    heavy = domain_new(1);
    light = domain_new(1);
    assert_int_equal(sched_domain_set(light, 1, 0), 0);
    wake_all(heavy);
    wake_all(light);
    run(100000);
    while (!heavy->vcpus[0]->sched.running)
        run(STEP);
    sched_yield(heavy->vcpus[0]);
    before = runtime(heavy);
    run(200000);
    assert_true(runtime(heavy) - before > 180000);
    machine_end();
}

static void yield_alone_asks_nobody(void **state)
{
    struct domain *d;

    (void)state;
    machine(1);
    d = domain_new(1);
    wake_all(d);
    settle();
    sched_yield(d->vcpus[0]);
    assert_int_equal(cpus[0].need_schedule, 0);
    machine_end();
}

static void sleep_takes_it_off_wherever_it_is(void **state)
{
    struct domain *d;

    (void)state;
    machine(1);
    d = domain_new(2);
    wake_all(d);
    settle();
    for (unsigned i = 0; i < 2; i++) {
        d->vcpus[i]->pause_count = 1;
        sched_sleep(d->vcpus[i]);
    }
    settle();
    assert_state_is_right();
    assert_null(cpus[0].current);
    machine_end();
}

static struct vcpu *late;

static void wake_late(void)
{
    if (late->blocked)
        wake(late);
}

/* Between the choice and the switch the CPU runs nobody yet; who is queued then still has its turn after a slice. */
static void who_wakes_during_a_switch_is_seen(void **state)
{
    struct domain *d;

    (void)state;
    machine(1);
    d = domain_new(2);
    late = d->vcpus[1];
    settle();
    meanwhile = wake_late;
    wake(d->vcpus[0]);
    settle();
    meanwhile = NULL;
    run(30000);
    assert_true(sched_runtime_ns(late) > 0);
    assert_share(sched_runtime_ns(late) / 1000, 30000, 50, 20);
    machine_end();
}

static void random_act(void)
{
    struct vcpu *v = vcpus[random_below(vcpu_count)];
    uint64_t mask = random_below(1u << present);

    switch (random_below(12)) {
    case 0: case 1: case 2:
        if (v->blocked)
            wake(v);
        break;
    case 3: case 4:
        if (v->sched.running && !v->blocked)
            block(v);
        break;
    case 5:
        v->pause_count ^= 1;
        v->pause_count ? sched_sleep(v) : sched_wake(v);
        break;
    case 6:
        v->online = !v->online;
        v->online ? sched_wake(v) : sched_sleep(v);
        break;
    case 7:
        (void)sched_set_affinity(v, mask, random_below(1u << present));
        break;
    case 8:
        (void)sched_pin_override(v, (int)random_below(present + 2) - 1);
        break;
    case 9:
        (void)sched_domain_set(v->domain, 1 + random_below(1000), random_below(2) ? random_below(100 * v->domain->max_vcpus) : 0);
        break;
    case 10:
        if (v->sched.cpu->current == v) {
            unsigned self = host_cpu;

            host_cpu = v->sched.cpu->id;   /* only the current vCPU yields */
            sched_yield(v);
            host_cpu = self;
        }
        break;
    default:
        break;
    }
}

static void random_act_seldom(void)
{
    if (random_below(4) == 0)
        random_act();
}

static void random_load_leaves_nobody_behind(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 24; seed++) {
        uint64_t began, idle = 0, ran = 0;

        machine(1 + seed % 8);
        random_state = seed;
        for (unsigned i = 0; i < 6; i++)
            domain_new(1 + random_below(4));
        began = now;
        settle();
        meanwhile = random_act_seldom;
        for (unsigned i = 0; i < 6000; i++) {
            host_cpu = random_below(present);
            for (unsigned n = random_below(3); n; n--)
                random_act();
            settle();
            assert_state_is_right();
            for (unsigned c = 0; c < present; c++)
                idle += cpus[c].current ? 0 : STEP * 4;
            now += STEP * 4;
        }
        for (unsigned i = 0; i < vcpu_count; i++)
            ran += sched_runtime_ns(vcpus[i]) / 1000;
        /* Every tick of every CPU is somebody's, or idle. */
        assert_int_equal(ran + idle, (now - began) * present);
        machine_end();
    }
}

/* Nobody waits for long while others run: ten vCPUs that come and go, on two CPUs. */
static void nobody_who_may_run_waits_for_long(void **state)
{
    uint64_t waited[MAX_VCPUS] = { 0 };

    (void)state;
    machine(2);
    domain_new(10);
    for (unsigned i = 0; i < 40000; i++) {
        struct vcpu *v = vcpus[random_below(vcpu_count)];

        if (random_below(20) == 0 && v->blocked)
            wake(v);
        else if (random_below(40) == 0 && v->sched.running)
            block(v);
        settle();
        for (unsigned n = 0; n < vcpu_count; n++) {
            waited[n] = vcpus[n]->sched.queued ? waited[n] + STEP : 0;
            assert_true(waited[n] < 150000);
        }
        now += STEP;
    }
    machine_end();
}

/* A counting timer for the tests of the queue itself. */
struct counted {
    struct timer timer;
    uint64_t due;
    unsigned fired;
};

static uint64_t last_due;

static void count_fire(void *data)
{
    struct counted *c = data;

    assert_true(c->due <= now);
    assert_true(c->due >= last_due);   /* in their order */
    last_due = c->due;
    c->fired++;
    c->due = 0;
}

static void timers_fire_once_in_order_and_not_early(void **state)
{
    static struct counted timers[64];
    unsigned set = 0, fired = 0, stopped = 0;

    (void)state;
    machine(3);
    memset(timers, 0, sizeof(timers));
    for (unsigned i = 0; i < 64; i++)
        timer_init(&timers[i].timer, count_fire, &timers[i]);
    for (unsigned i = 0; i < 20000; i++) {
        struct counted *c = &timers[random_below(64)];

        host_cpu = random_below(3);
        if (random_below(3)) {
            stopped += c->due != 0;
            c->due = now + 1 + random_below(500);
            timer_set(&c->timer, c->due);
            set++;
        } else {
            timer_stop(&c->timer);
            stopped += c->due != 0;
            c->due = 0;
        }
        now += random_below(20);
        for (unsigned cpu = 0; cpu < 3; cpu++) {
            last_due = 0;
            host_cpu = cpu;
            if (comparator[cpu].enabled && comparator[cpu].cval <= now)
                timer_interrupt();
            /* The comparator is set for the next, or off; another CPU's stop leaves it early. */
            for (unsigned n = 0; n < 64; n++)
                if (timers[n].due && timers[n].timer.cpu == &cpus[cpu])
                    assert_true(comparator[cpu].enabled && comparator[cpu].cval <= timers[n].due && timers[n].due > now);
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        fired += timers[i].fired;
        stopped += timers[i].due != 0;
        timer_stop(&timers[i].timer);
        assert_false(timers[i].timer.queued);
    }
    assert_int_equal(set, fired + stopped);
}

static struct timer again;
static unsigned again_fired;

static void fire_again(void *data)
{
    (void)data;
    if (++again_fired < 5)
        timer_set(&again, now + 10);
}

static void a_timer_may_set_itself_again(void **state)
{
    (void)state;
    machine(1);
    again_fired = 0;
    timer_init(&again, fire_again, NULL);
    timer_set(&again, now + 10);
    for (unsigned i = 0; i < 100; i++, now++)
        if (comparator[0].enabled && comparator[0].cval <= now)
            timer_interrupt();
    assert_int_equal(again_fired, 5);
    assert_false(comparator[0].enabled);
}

static void time_is_exact_at_any_frequency(void **state)
{
    static const uint64_t frequencies[] = { 62500000, 54000000, 19200000, 24000000, 1000000000, 999999937, 1, 4294967295 };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(frequencies); i++) {
        uint64_t f = frequencies[i];

        time_init(f);
        for (unsigned n = 0; n < 1000; n++) {
            uint64_t ns = (uint64_t)random_below(1u << 24) * random_below(1u << 24) * 100 + random_below(1000);
            unsigned __int128 exact = ((unsigned __int128)ns * f + 999999999) / 1000000000;

            assert_true(ns_to_ticks(ns) == exact);
            assert_true(ticks_to_ns(ns_to_ticks(ns)) >= ns);
            exact = (unsigned __int128)ns * 1000000000 / f;
            if (exact >> 64 == 0)
                assert_true(ticks_to_ns(ns) == exact);
        }
    }
    assert_true(ns_to_ticks(UINT64_MAX) == UINT64_MAX);
    assert_true(system_time_to_ticks(UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_burners_share_one_cpu_equally),
        cmocka_unit_test(burners_share_as_weighted),
        cmocka_unit_test(domains_share_two_cpus_as_weighted),
        cmocka_unit_test(three_burners_share_two_cpus),
        cmocka_unit_test(a_change_of_weight_counts_from_then_on),
        cmocka_unit_test(a_cap_is_kept_and_used_to_the_full),
        cmocka_unit_test(a_cap_is_for_all_vcpus_of_the_domain),
        cmocka_unit_test(a_cap_that_is_lifted_stops_nobody),
        cmocka_unit_test(a_cap_that_is_lifted_is_not_made_up_for),
        cmocka_unit_test(caps_and_weights_are_checked),
        cmocka_unit_test(a_newcomer_shares_with_an_old_burner),
        cmocka_unit_test(a_sleeper_does_not_hoard),
        cmocka_unit_test(who_ran_alone_is_not_starved),
        cmocka_unit_test(a_short_sleeper_wakes_at_once_beside_burners),
        cmocka_unit_test(an_idle_cpu_takes_who_wakes),
        cmocka_unit_test(soft_affinity_chooses_among_idle_cpus),
        cmocka_unit_test(pinned_vcpus_run_there_only),
        cmocka_unit_test(an_override_pins_until_undone),
        cmocka_unit_test(yield_lets_the_other_run),
        cmocka_unit_test(yield_costs_little),
        cmocka_unit_test(yield_alone_asks_nobody),
        cmocka_unit_test(sleep_takes_it_off_wherever_it_is),
        cmocka_unit_test(who_wakes_during_a_switch_is_seen),
        cmocka_unit_test(random_load_leaves_nobody_behind),
        cmocka_unit_test(nobody_who_may_run_waits_for_long),
        cmocka_unit_test(timers_fire_once_in_order_and_not_early),
        cmocka_unit_test(a_timer_may_set_itself_again),
        cmocka_unit_test(time_is_exact_at_any_frequency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
