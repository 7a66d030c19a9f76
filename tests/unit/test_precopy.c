// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/precopy.c */
/* When a live operation ends, against guests and links of which all is known. */
#include "tools/helper/precopy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000.0

/* A guest of `ram` pages with content that writes to `hot` of them, over and over, at `dirty` pages a millisecond. */
struct world {
    double ram, hot, dirty, link;     /* link: pages a millisecond */
    unsigned full_cap;                /* the guest's own cap; it writes in proportion to its share */
    bool slows;                       /* the policy may slow it down */
    unsigned burst;                   /* a round in which it writes three times as fast; 0: none */
    unsigned max_ms, fixed_ms;
};

struct outcome {
    enum precopy_verdict verdict;
    unsigned rounds, cap;
    double downtime_ms, sent;
};

static struct outcome simulate(struct world w)
{
    struct precopy_limits limits = { .max_downtime_ns = w.max_ms * 1000000ull, .fixed_ns = w.fixed_ms * 1000000ull,
                                     .full_cap = w.slows ? w.full_cap : 0 };
    struct outcome o = { .verdict = PRECOPY_GO_ON };
    double pages = w.ram, left = 0;
    struct precopy p;

    precopy_begin(&p, &limits);
    while (o.verdict == PRECOPY_GO_ON) {
        double ms = pages / w.link, share = p.cap ? (double)p.cap / w.full_cap : 1;

        left = ms * w.dirty * share * (w.burst && o.rounds == w.burst ? 3 : 1);
        left = left > w.hot ? w.hot : left;
        o.verdict = precopy_judge(&p, &(struct precopy_round){
            .pages = (uint64_t)pages, .data_pages = (uint64_t)pages, .ns = (uint64_t)(ms * MS) + 1,
            .left = (uint64_t)left });
        o.sent += pages;
        o.rounds++;
        pages = left;
    }
    o.cap = p.cap;
    o.downtime_ms = w.fixed_ms + left / w.link;
    return o;
}

static const struct world usual = { .ram = 131072, .hot = 131072, .link = 25.6, .full_cap = 200, .slows = true,
                                    .max_ms = 200, .fixed_ms = 50 };

static void an_idle_guest_takes_one_round(void **state)
{
    struct world w = usual;
    struct outcome o = simulate(w);

    (void)state;
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_int_equal(o.rounds, 1);
    assert_int_equal(o.cap, 0);
}

static void a_guest_that_writes_slower_than_the_link_is_not_slowed_down(void **state)
{
    (void)state;
    for (double part = 0.1; part < 0.7; part += 0.1) {
        struct world w = usual;
        struct outcome o;

        w.dirty = part * w.link;
        o = simulate(w);
        assert_int_equal(o.verdict, PRECOPY_SHORT);
        assert_int_equal(o.cap, 0);
        assert_true(o.downtime_ms <= w.max_ms);
        assert_true(o.rounds > 1 && o.sent <= w.ram / (1 - part) + 1);
    }
}

static void a_guest_that_writes_faster_than_the_link_is_slowed_down_until_it_fits(void **state)
{
    (void)state;
    for (double times = 1; times < 10; times *= 1.5) {
        struct world w = usual;
        struct outcome o;

        w.dirty = times * w.link;
        o = simulate(w);
        assert_int_equal(o.verdict, PRECOPY_SHORT);
        assert_true(o.downtime_ms <= w.max_ms);
        assert_true(o.cap >= PRECOPY_LEAST_CAP && o.cap < w.full_cap / times);
        assert_true(o.cap >= w.full_cap / times / 4);   /* and no further than needed */
    }
}

static void a_guest_that_may_not_be_slowed_down_is_stopped_after_a_bounded_number_of_rounds(void **state)
{
    struct world w = usual;
    struct outcome o;

    (void)state;
    w.slows = false;
    w.dirty = 2 * w.link;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_HOPELESS);
    assert_int_equal(o.cap, 0);
    assert_true(o.sent <= (PRECOPY_MOST_TIMES + 1) * w.ram);
    /* a hot spot that is small, and still too large for the limit: rounds end without three times the memory */
    w.hot = 5000;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_HOPELESS);
    assert_true(o.rounds <= 6);
}

static void a_guest_that_writes_too_fast_at_the_lowest_cap_is_stopped(void **state)
{
    struct world w = usual;
    struct outcome o;

    (void)state;
    w.dirty = 1000 * w.link;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_HOPELESS);
    assert_int_equal(o.cap, PRECOPY_LEAST_CAP);
    assert_true(o.rounds <= 2 + 6 + 4);
}

static void a_burst_is_waited_for(void **state)
{
    struct world w = usual;
    struct outcome calm, o;

    (void)state;
    w.dirty = 0.5 * w.link;
    calm = simulate(w);
    w.burst = 2;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_int_equal(o.cap, 0);
    assert_true(o.downtime_ms <= w.max_ms);
    assert_true(o.rounds > calm.rounds && o.rounds <= calm.rounds + 3);
}

static void one_bad_round_slows_nobody_down(void **state)
{
    struct precopy_limits limits = { .max_downtime_ns = 200000000, .fixed_ns = 50000000, .full_cap = 100 };
    struct precopy p;

    (void)state;
    precopy_begin(&p, &limits);
    /* 100 pages a millisecond; 150 ms are 15000 pages */
    assert_int_equal(precopy_judge(&p, &(struct precopy_round){ 100000, 100000, 1000000000, 40000 }), PRECOPY_GO_ON);
    assert_int_equal(precopy_judge(&p, &(struct precopy_round){ 40000, 40000, 400000000, 39000 }), PRECOPY_GO_ON);
    assert_int_equal(p.cap, 0);
    assert_int_equal(precopy_judge(&p, &(struct precopy_round){ 39000, 39000, 390000000, 20000 }), PRECOPY_GO_ON);
    assert_int_equal(p.cap, 0);
    assert_int_equal(precopy_judge(&p, &(struct precopy_round){ 20000, 20000, 200000000, 19500 }), PRECOPY_GO_ON);
    assert_int_equal(p.cap, 0);
    assert_int_equal(precopy_judge(&p, &(struct precopy_round){ 19500, 19500, 195000000, 19400 }), PRECOPY_GO_ON);
    assert_int_equal(p.cap, 50);
}

static void a_tiny_guest_is_stopped_at_once_even_if_the_fixed_part_is_over_the_limit(void **state)
{
    struct world w = { .ram = 60, .hot = 60, .dirty = 1000, .link = 0.1, .full_cap = 100, .slows = true, .max_ms = 1,
                       .fixed_ms = 500 };
    struct outcome o = simulate(w);

    (void)state;
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_int_equal(o.rounds, 1);
    assert_int_equal(o.cap, 0);
}

static void a_fixed_part_over_the_limit_leaves_a_quarter_of_it_for_pages(void **state)
{
    struct world w = usual;
    struct outcome o;

    (void)state;
    w.fixed_ms = 300;
    w.dirty = 0.2 * w.link;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_true(o.downtime_ms <= 300 + 75);
}

static void nobody_is_slowed_down_for_less_than_a_quarter_of_a_fixed_part_over_the_limit(void **state)
{
    struct world w = usual;
    struct outcome o;

    (void)state;
    w.fixed_ms = 8000;
    w.dirty = 2 * w.link;
    w.hot = 1900 * w.link;       /* 1.9 s are sent in a round */
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_int_equal(o.rounds, 1);
    assert_int_equal(o.cap, 0);
    w.hot = 4000 * w.link;
    o = simulate(w);
    assert_int_equal(o.verdict, PRECOPY_SHORT);
    assert_in_range(o.cap, PRECOPY_LEAST_CAP + 1, w.full_cap - 1);
    assert_true(o.downtime_ms <= 8000 + 2000);
}

static void rates_and_the_estimate_are_what_was_measured(void **state)
{
    struct precopy_limits limits = { .max_downtime_ns = 1, .fixed_ns = 7000000, .full_cap = 0 };
    struct precopy p;

    (void)state;
    precopy_begin(&p, &limits);
    precopy_judge(&p, &(struct precopy_round){ 1000, 1000, 10000000, 500 });
    assert_int_equal(p.send_rate, 100000);
    assert_int_equal(p.dirty_rate, 50000);
    assert_int_equal(p.estimate_ns, 7000000 + 5000000);
    assert_int_equal(p.transfer_ns, 5000000);
    /* nothing was sent, and something is left: that is for ever, and no division by zero */
    precopy_begin(&p, &limits);
    precopy_judge(&p, &(struct precopy_round){ 0, 0, 0, 500 });
    assert_true(p.estimate_ns == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_guest_takes_one_round),
        cmocka_unit_test(a_guest_that_writes_slower_than_the_link_is_not_slowed_down),
        cmocka_unit_test(a_guest_that_writes_faster_than_the_link_is_slowed_down_until_it_fits),
        cmocka_unit_test(a_guest_that_may_not_be_slowed_down_is_stopped_after_a_bounded_number_of_rounds),
        cmocka_unit_test(a_guest_that_writes_too_fast_at_the_lowest_cap_is_stopped),
        cmocka_unit_test(a_burst_is_waited_for),
        cmocka_unit_test(one_bad_round_slows_nobody_down),
        cmocka_unit_test(a_tiny_guest_is_stopped_at_once_even_if_the_fixed_part_is_over_the_limit),
        cmocka_unit_test(a_fixed_part_over_the_limit_leaves_a_quarter_of_it_for_pages),
        cmocka_unit_test(nobody_is_slowed_down_for_less_than_a_quarter_of_a_fixed_part_over_the_limit),
        cmocka_unit_test(rates_and_the_estimate_are_what_was_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
