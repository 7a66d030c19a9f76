// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fake_cpus.c hypervisor/cpu/sched.c hypervisor/cpu/run_queue.c hypervisor/cpu/timer.c */
/* sources: lib/heap.c hypervisor/base/time.c */
/* The timers' queues, and the arithmetic of time. */
#include "fake_cpus.h"

#include "arch/relax.h"
#include "base/time.h"
#include "sleep/sleep.h"

#include <string.h>

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
                    assert_true(comparator[cpu].enabled && comparator[cpu].cval <= timers[n].due &&
                                timers[n].due > now);
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

static struct timer moved;
static jmp_buf waits;

static void end_wait(void) { longjmp(waits, 1); }

/* It fires on CPU 0; meanwhile CPU 1 sets it again and then stops it. */
static void fire_and_be_stopped(void *data)
{
    volatile bool *waited = data;

    host_cpu = 1;
    timer_set(&moved, now + 1000);
    host_relax = end_wait;
    if (setjmp(waits))
        *waited = true;
    else
        timer_stop(&moved);
    host_relax = NULL;
    host_cpu = 0;
}

static void who_stops_a_timer_waits_where_it_fires_even_if_it_was_set_elsewhere_since(void **state)
{
    bool waited = false;

    (void)state;
    machine(2);
    timer_init(&moved, fire_and_be_stopped, &waited);
    timer_set(&moved, now + 10);
    now += 10;
    timer_interrupt();
    assert_true(waited);
    timer_stop(&moved);   /* done: nobody waits any more */
    assert_false(moved.queued);
}

static void a_cpu_that_is_off_leaves_its_timers_to_another(void **state)
{
    static struct counted timers[10];
    struct sleep s = { 0 };

    (void)state;
    machine(2);
    last_due = 0;
    memset(timers, 0, sizeof(timers));
    host_cpu = 1;
    for (unsigned i = 0; i < 10; i++) {
        timer_init(&timers[i].timer, count_fire, &timers[i]);
        timers[i].due = now + 100 * (1 + i * 7 % 10);
        timer_set(&timers[i].timer, timers[i].due);
    }
    host_cpu = 0;
    timers_adopt(&cpus[1]);
    assert_true(comparator[0].enabled);
    assert_int_equal(comparator[0].cval, now + 100);

    /* Asleep none of them interrupts; afterwards all fire that are due. */
    assert_int_equal(timers_stage.enter(&s), 0);
    assert_false(comparator[0].enabled);
    now += 500;
    timers_stage.leave(&s);
    assert_true(comparator[0].enabled && comparator[0].cval <= now);
    timer_interrupt();
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(timers[i].fired, 1 + i * 7 % 10 <= 5);
}

static void time_is_exact_at_any_frequency(void **state)
{
    static const uint64_t frequencies[] = {
        62500000, 54000000, 19200000, 24000000, 1000000000, 999999937, 1, 4294967295
    };

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

/* The machine's counter begins again, lower or higher, and ours goes on; timers are set in the machine's. */
/* PSCI's CPU_OFF is denied. */
static void a_cpu_that_may_not_go_off_keeps_its_timers(void **state)
{
    static struct counted early, late;

    (void)state;
    machine(2);
    host_cpu = 1;
    timer_init(&early.timer, count_fire, &early);
    timer_init(&late.timer, count_fire, &late);
    timer_set(&early.timer, early.due = now + 100);
    timer_cpu_stage.off();
    assert_false(comparator[1].enabled);
    assert_int_equal(timer_cpu_stage.on(), 0);
    timer_set(&late.timer, late.due = now + 200);
    assert_true(comparator[1].enabled);
    assert_int_equal(comparator[1].cval, now + 100);
    now += 200;
    last_due = 0;
    timer_interrupt();
    assert_int_equal(early.fired + late.fired, 2);
    assert_false(comparator[1].enabled);
}

static void a_counter_that_goes_on_sets_the_machines_comparator(void **state)
{
    static const int64_t biases[] = { 0, 1, 1000000, -1, -1000000 };
    struct counted t = { .due = 0 };

    (void)state;
    machine(3);
    host_cpu = 2;   /* no other test has left a timer there */
    now = 5000000;
    time_init(1000000);
    for (unsigned i = 0; i < ARRAY_SIZE(biases); i++) {
        counter_set_bias(biases[i]);
        assert_true(counter_now() == now + (uint64_t)biases[i]);
        timer_init(&t.timer, count_fire, &t);
        t.due = counter_now() + 100;
        timer_set(&t.timer, t.due);
        assert_int_equal(comparator[2].cval, now + 100);
        timer_stop(&t.timer);
    }
    counter_set_bias(700);
    assert_int_equal(counter_to_machine(699), 0);
    assert_true(counter_to_machine(UINT64_MAX) == UINT64_MAX - 700);
    counter_set_bias(-700);
    assert_true(counter_to_machine(UINT64_MAX - 1) == UINT64_MAX);
    counter_set_bias(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_once_in_order_and_not_early),
        cmocka_unit_test(a_timer_may_set_itself_again),
        cmocka_unit_test(who_stops_a_timer_waits_where_it_fires_even_if_it_was_set_elsewhere_since),
        cmocka_unit_test(a_cpu_that_is_off_leaves_its_timers_to_another),
        cmocka_unit_test(a_cpu_that_may_not_go_off_keeps_its_timers),
        cmocka_unit_test(a_counter_that_goes_on_sets_the_machines_comparator),
        cmocka_unit_test(time_is_exact_at_any_frequency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
