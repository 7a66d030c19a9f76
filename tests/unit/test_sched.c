// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fake_cpus.c hypervisor/cpu/sched.c hypervisor/cpu/run_queue.c hypervisor/cpu/timer.c */
/* sources: lib/heap.c hypervisor/base/time.c */
/* The scheduler: who runs where and for how long, and that nobody is forgotten. */
#include "fake_cpus.h"

#include <time.h>

static uint64_t runtime(const struct domain *d)
{
    uint64_t ns = 0;

    for (unsigned i = 0; i < d->max_vcpus; i++)
        ns += sched_runtime_ns(&d->vcpus[i]->sched);
    return ns / 1000;
}

static void assert_share(uint64_t part, uint64_t whole, unsigned percent, unsigned tolerance)
{
    if (part * 100 < whole * (percent - tolerance) || part * 100 > whole * (percent + tolerance))
        fail_msg("%lu of %lu is %lu %%, not %u", (unsigned long)part, (unsigned long)whole,
                 (unsigned long)(part * 100 / whole), percent);
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
        assert_int_equal(sched_domain_set(&d[i]->sched, weights[i], 0), 0);
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
    assert_int_equal(sched_domain_set(&heavy->sched, 768, 0), 0);
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
        assert_share(sched_runtime_ns(&d->vcpus[i]->sched) / 1000, 3000000, 66, 2);
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
    assert_int_equal(sched_domain_set(&a->sched, 768, 0), 0);
    run(2000000);
    assert_share(runtime(a) - before, 2000000, 75, 2);
    machine_end();
}

static void what_the_host_slept_is_nobodys_run_time(void **state)
{
    struct domain *a;
    uint64_t before;

    (void)state;
    machine(1);
    a = domain_new(1);
    assert_int_equal(sched_domain_set(&a->sched, 256, 50), 0);
    wake_all(a);
    run(1000000);
    while (!a->vcpus[0]->sched.running)
        run(STEP);
    before = runtime(a);
    now += 100000000;
    sched_skip(&a->vcpus[0]->sched, 100000000);
    run(1000000);
    assert_share(runtime(a) - before, 1000000, 50, 2);   /* nor does it owe that to its cap */
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
        assert_int_equal(sched_domain_set(&d->sched, 256, caps[i]), 0);
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
    assert_int_equal(sched_domain_set(&d->sched, 256, 200), 0);
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
    assert_int_equal(sched_domain_set(&d->sched, 256, 5), 0);
    wake_all(d);
    run(1000000);
    before = runtime(d);
    assert_int_equal(sched_domain_set(&d->sched, 256, 0), 0);
    run(1000000);
    assert_share(runtime(d) - before, 1000000, 100, 1);
    machine_end();
}

/* As on a busy emulator, or for a small cap: the budget is used up before the CPU that runs it looks at all. */
static void a_cap_that_begins_late_stops_nobody(void **state)
{
    struct domain *d;
    uint64_t before;

    (void)state;
    machine(1);
    d = domain_new(1);
    wake_all(d);
    run(1000000);
    assert_int_equal(sched_domain_set(&d->sched, 256, 50), 0);
    now += 1000000;
    run(4000000);   /* pays that back */
    before = runtime(d);
    run(2000000);
    assert_share(runtime(d) - before, 2000000, 50, 2);
    machine_end();
}

/* As on a busy emulator: the CPU is away whenever a period ends, for more than half of one. */
static void a_cap_is_used_to_the_full_where_timers_are_late(void **state)
{
    struct domain *d;
    uint64_t began;

    (void)state;
    machine(1);
    d = domain_new(1);
    assert_int_equal(sched_domain_set(&d->sched, 256, 25), 0);
    wake_all(d);
    began = now;
    while (now - began < 2000000) {
        while (timer_expires(&d->sched.refill) > now + STEP)
            run(STEP);
        now += 6000;
        run(STEP);
    }
    assert_share(runtime(d), now - began, 25, 2);
    machine_end();
}

/* And when it is away for several periods while it runs the domain, which owes those then, and no more. */
static void what_a_cap_is_exceeded_by_is_paid_back_in_time(void **state)
{
    struct domain *d;
    uint64_t began;

    (void)state;
    machine(1);
    d = domain_new(1);
    assert_int_equal(sched_domain_set(&d->sched, 256, 25), 0);
    wake_all(d);
    began = now;
    while (now - began < 4000000) {
        while (!d->vcpus[0]->sched.running)
            run(STEP);
        now += 35000;
        run(STEP);
    }
    assert_share(runtime(d), now - began, 25, 2);
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
    assert_int_equal(sched_domain_set(&a->sched, 256, 5), 0);
    wake_all(a);
    wake_all(b);
    run(2000000);
    assert_int_equal(sched_domain_set(&a->sched, 256, 0), 0);
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
    assert_int_equal(sched_domain_set(&d->sched, 0, 0), -EINVAL);
    assert_int_equal(sched_domain_set(&d->sched, 65536, 0), -EINVAL);
    assert_int_equal(sched_domain_set(&d->sched, 256, 201), -EINVAL);
    assert_int_equal(sched_domain_set(&d->sched, 65535, 200), 0);
    sched_domain_get(&d->sched, &weight, &cap);
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

/* Hard and soft. */
static int set_affinity(struct vcpu *v, cpu_mask mask)
{
    return sched_set_affinity(&v->sched, mask, mask);
}

/* The time that it ran alone is no debt that keeps it from running later. */
static void who_ran_alone_is_not_starved(void **state)
{
    struct domain *a, *b;
    uint64_t before;

    (void)state;
    machine(2);
    a = domain_new(1);
    b = domain_new(1);
    assert_int_equal(set_affinity(a->vcpus[0], 1), 0);
    assert_int_equal(set_affinity(b->vcpus[0], 2), 0);
    wake_all(a);
    run(3000000);
    wake_all(b);
    run(1000);
    assert_int_equal(set_affinity(a->vcpus[0], 2), 0);
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

/* It would have to wait anyway, and the CPU looks at the slice's end by itself: nobody calls it. */
static void who_wakes_and_has_to_wait_calls_nobody(void **state)
{
    struct vcpu *first, *second;

    (void)state;
    machine(1);
    first = domain_new(1)->vcpus[0];
    second = domain_new(1)->vcpus[0];
    wake(first);
    run(20000);
    wake(second);
    settle();
    assert_true(second->sched.running);   /* it comes back a little ahead of the other, ... */
    run(10000 + 2000);
    assert_true(first->sched.running);    /* ... and has had more than that one by now */
    second->blocked = true;
    sched_sleep(&second->sched);
    wake(second);
    assert_int_equal(cpus[0].need_schedule, 0);
    run(10000);
    assert_true(second->sched.running);
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
    assert_int_equal(sched_set_affinity(&d->vcpus[0]->sched, ~UINT64_C(0), 4), 0);
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
        assert_int_equal(set_affinity(d->vcpus[i], 2), 0);
    assert_int_equal(sched_set_affinity(&d->vcpus[0]->sched, 0xf0, 2), -EINVAL);
    wake_all(d);
    run(600000);
    for (unsigned i = 0; i < 3; i++)
        assert_share(sched_runtime_ns(&d->vcpus[i]->sched) / 1000, 600000, 33, 3);
    assert_null(cpus[0].current);
    assert_int_equal(set_affinity(d->vcpus[0], 1), 0);
    settle();
    assert_ptr_equal(cpus[0].current, d->vcpus[0]);
    machine_end();
}

static void who_may_only_run_on_a_lost_cpu_runs_elsewhere(void **state)
{
    struct domain *d;

    (void)state;
    machine(2);
    d = domain_new(2);
    assert_int_equal(set_affinity(d->vcpus[0], 2), 0);
    assert_int_equal(set_affinity(d->vcpus[1], 1), 0);
    settle();
    sched_cpu_lost(&cpus[1]);   /* as after a sleep: it was idle, and is off */
    host_cpu = 0;
    wake(d->vcpus[0]);
    settle();
    assert_ptr_equal(cpus[0].current, d->vcpus[0]);
    machine_end();
}

/* More CPUs than a register has bits: the last is like the first. */
static void each_of_many_cpus_is_a_set_of_its_own(void **state)
{
    struct domain *d;

    (void)state;
    machine(MAX_CPUS);
    d = domain_new(MAX_CPUS);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_int_equal(set_affinity(d->vcpus[i], cpu_mask_of(MAX_CPUS - 1 - i)), 0);
    wake_all(d);
    settle();
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_ptr_equal(cpus[MAX_CPUS - 1 - i].current, d->vcpus[i]);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_int_equal(set_affinity(d->vcpus[i], cpu_mask_of(70)), 0);
    run(2 * MAX_CPUS * 10000);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_true(sched_runtime_ns(&d->vcpus[i]->sched) > 0 && (cpus[i].current != NULL) == (i == 70));
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_int_equal(set_affinity(d->vcpus[i], CPU_MASK_ALL), 0);
    settle();
    for (unsigned i = 0; i < MAX_CPUS; i++)
        assert_non_null(cpus[i].current);
    machine_end();
}

static void without_memory_an_affinity_stays_as_it_is(void **state)
{
    struct domain *d;
    struct vcpu *v;
    cpu_mask hard, soft;

    (void)state;
    machine(2);
    d = domain_new(1);
    v = d->vcpus[0];
    assert_int_equal(set_affinity(v, 2), 0);
    no_memory = true;
    assert_int_equal(set_affinity(v, 1), -ENOMEM);
    assert_int_equal(sched_pin_override(&v->sched, 0), -ENOMEM);
    sched_get_affinity(&v->sched, &hard, &soft);
    assert_true(hard == 2);
    no_memory = false;
    assert_int_equal(sched_pin_override(&v->sched, 0), 0);
    no_memory = true;
    assert_int_equal(sched_pin_override(&v->sched, -1), 0);   /* what was before is kept */
    no_memory = false;
    wake(v);
    settle();
    assert_ptr_equal(cpus[1].current, v);
    assert_int_equal(sched_pin_override(&v->sched, 0), 0);    /* and goes with an overridden vCPU */
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
    assert_int_equal(sched_pin_override(&v->sched, -1), -EINVAL);
    assert_int_equal(sched_pin_override(&v->sched, 2), -EINVAL);
    assert_int_equal(sched_pin_override(&v->sched, 1), 0);
    settle();
    assert_ptr_equal(cpus[1].current, v);
    assert_int_equal(sched_pin_override(&v->sched, 0), -EBUSY);
    assert_int_equal(set_affinity(v, 1), -EBUSY);
    assert_int_equal(sched_pin_override(&v->sched, -1), 0);
    assert_int_equal(set_affinity(v, 1), 0);
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

        sched_yield(&v->sched);
        settle();
        assert_ptr_not_equal(cpus[0].current, v);
    }
    machine_end();
}

/* A light vCPU is far ahead in virtual time after one slice: a vCPU that yields to it must not go that far back. */
static void yield_costs_little(void **state)
{
    struct domain *heavy, *light;
    uint64_t before;

    (void)state;
    machine(1);
    heavy = domain_new(1);
    light = domain_new(1);
    assert_int_equal(sched_domain_set(&light->sched, 1, 0), 0);
    wake_all(heavy);
    wake_all(light);
    run(100000);
    while (!heavy->vcpus[0]->sched.running)
        run(STEP);
    sched_yield(&heavy->vcpus[0]->sched);
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
    sched_yield(&d->vcpus[0]->sched);
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
        sched_sleep(&d->vcpus[i]->sched);
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

/* Between the choice and the switch the CPU runs nobody yet; a vCPU queued then still has its turn after a slice. */
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
    assert_true(sched_runtime_ns(&late->sched) > 0);
    assert_share(sched_runtime_ns(&late->sched) / 1000, 30000, 50, 20);
    machine_end();
}

/* Of few CPUs any set; of many one, all, or some. */
static cpu_mask random_mask(void)
{
    cpu_mask some = 0;

    if (present <= 8)
        return random_below(1u << present);
    for (unsigned n = 1 + random_below(3); n; n--)
        some |= cpu_mask_of(random_below(present));
    return random_below(3) ? some : CPU_MASK_ALL;
}

static void random_act(void)
{
    struct vcpu *v = vcpus[random_below(vcpu_count)];
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
        v->pause_count ? sched_sleep(&v->sched) : sched_wake(&v->sched);
        break;
    case 6:
        v->online = !v->online;
        v->online ? sched_wake(&v->sched) : sched_sleep(&v->sched);
        break;
    case 7:
        (void)sched_set_affinity(&v->sched, random_mask(), random_mask());
        break;
    case 8:
        (void)sched_pin_override(&v->sched, (int)random_below(present + 2) - 1);
        break;
    case 9:
        (void)sched_domain_set(&v->domain->sched, 1 + random_below(1000),
                               random_below(2) ? random_below(100 * (unsigned)min_u64(v->domain->max_vcpus, 4)) : 0);
        break;
    case 10:
        if (v->sched.cpu->current == v) {
            unsigned self = host_cpu;

            host_cpu = v->sched.cpu->id;   /* only the current vCPU yields */
            sched_yield(&v->sched);
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
    for (unsigned seed = 1; seed <= 28; seed++) {
        bool many = seed > 24;
        uint64_t began, idle = 0, ran = 0;

        machine(many ? MAX_CPUS / 4 * (seed - 24) : 1 + seed % 8);
        random_seed(seed);
        for (unsigned i = 0; i < 6; i++)
            domain_new(1 + random_below(many ? MAX_CPUS / 2 : 4));
        began = now;
        settle();
        meanwhile = random_act_seldom;
        for (unsigned i = 0; i < (many ? 300 : 6000); i++) {
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
            ran += sched_runtime_ns(&vcpus[i]->sched) / 1000;
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

static uint64_t processor_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * The cost of yield, wake and block on CPU 0 while `others` vCPUs wait for CPU 1, and as many for both behind a used-up
 * budget.
 */
static uint64_t cost_of_turns(unsigned others)
{
    struct domain *pinned = NULL, *capped = NULL, *d;
    uint64_t began;

    machine(2);
    for (unsigned i = 0; i < others; i++) {
        if (i % 128 == 0) {
            pinned = domain_new(128);
            capped = domain_new(128);
            assert_int_equal(sched_domain_set(&capped->sched, 256, 1), 0);
            capped->sched.budget_used = 1000000;
        }
        assert_int_equal(sched_set_affinity(&pinned->vcpus[i % 128]->sched, 2, 2), 0);
        wake(pinned->vcpus[i % 128]);
        wake(capped->vcpus[i % 128]);
    }
    d = domain_new(3);
    wake(d->vcpus[0]);
    wake(d->vcpus[1]);
    settle();
    began = processor_ns();
    for (unsigned i = 0; i < 2000; i++) {
        sched_yield(&cpus[0].current->sched);
        wake(d->vcpus[2]);
        settle();
        if (d->vcpus[2]->sched.running)
            block(d->vcpus[2]);
        settle();
    }
    began = processor_ns() - began;
    machine_end();
    return began;
}

static void a_turn_costs_the_same_however_many_wait(void **state)
{
    uint64_t few = cost_of_turns(2), many = cost_of_turns(2048);

    (void)state;
    if (many > 8 * few)
        fail_msg("%lu ns with 2 beside it, %lu ns with 2048", (unsigned long)few, (unsigned long)many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_burners_share_one_cpu_equally),
        cmocka_unit_test(burners_share_as_weighted),
        cmocka_unit_test(domains_share_two_cpus_as_weighted),
        cmocka_unit_test(three_burners_share_two_cpus),
        cmocka_unit_test(a_change_of_weight_counts_from_then_on),
        cmocka_unit_test(what_the_host_slept_is_nobodys_run_time),
        cmocka_unit_test(a_cap_is_kept_and_used_to_the_full),
        cmocka_unit_test(a_cap_is_for_all_vcpus_of_the_domain),
        cmocka_unit_test(a_cap_that_is_lifted_stops_nobody),
        cmocka_unit_test(a_cap_that_begins_late_stops_nobody),
        cmocka_unit_test(a_cap_is_used_to_the_full_where_timers_are_late),
        cmocka_unit_test(what_a_cap_is_exceeded_by_is_paid_back_in_time),
        cmocka_unit_test(a_cap_that_is_lifted_is_not_made_up_for),
        cmocka_unit_test(caps_and_weights_are_checked),
        cmocka_unit_test(a_newcomer_shares_with_an_old_burner),
        cmocka_unit_test(a_sleeper_does_not_hoard),
        cmocka_unit_test(who_ran_alone_is_not_starved),
        cmocka_unit_test(a_short_sleeper_wakes_at_once_beside_burners),
        cmocka_unit_test(who_wakes_and_has_to_wait_calls_nobody),
        cmocka_unit_test(an_idle_cpu_takes_who_wakes),
        cmocka_unit_test(soft_affinity_chooses_among_idle_cpus),
        cmocka_unit_test(pinned_vcpus_run_there_only),
        cmocka_unit_test(who_may_only_run_on_a_lost_cpu_runs_elsewhere),
        cmocka_unit_test(each_of_many_cpus_is_a_set_of_its_own),
        cmocka_unit_test(without_memory_an_affinity_stays_as_it_is),
        cmocka_unit_test(an_override_pins_until_undone),
        cmocka_unit_test(yield_lets_the_other_run),
        cmocka_unit_test(yield_costs_little),
        cmocka_unit_test(yield_alone_asks_nobody),
        cmocka_unit_test(sleep_takes_it_off_wherever_it_is),
        cmocka_unit_test(who_wakes_during_a_switch_is_seen),
        cmocka_unit_test(random_load_leaves_nobody_behind),
        cmocka_unit_test(nobody_who_may_run_waits_for_long),
        cmocka_unit_test(a_turn_costs_the_same_however_many_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
