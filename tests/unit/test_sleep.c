// SPDX-License-Identifier: Apache-2.0
/* sources: sleep/sleep.c */
/*
 * The runner of stages, case by case, and then random lists against a model that says which calls are to be made.
 * SLEEP_SEED=N repeats the random ones of an earlier run, which printed N.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/errno.h"
#include "sleep/sleep.h"

#define STAGES 20

/* The calls of the stages: their numbers in order, + entered, - left. */
static char calls[2048];
static int failing[STAGES];           /* the result of entering */
static unsigned notes[STAGES];        /* how many entering makes */
static uint64_t now;
static struct sleep *sleeping;

static uint64_t clock_ns(void) { return now += 3; }

static void record(char what, unsigned n)
{
    size_t used = strlen(calls);

    snprintf(calls + used, sizeof(calls) - used, "%c%u ", what, n);
}

static int enter(struct sleep *s, unsigned n)
{
    assert_ptr_equal(s, sleeping);
    record('+', n);
    for (unsigned i = 0; i < notes[n]; i++) {
        uint64_t start = clock_ns();

        sleep_note(s, SLEEP_DOMAIN, "froze", i, 0, start, clock_ns());
    }
    return failing[n];
}

static void leave(struct sleep *s, unsigned n)
{
    assert_ptr_equal(s, sleeping);
    record('-', n);
    now += 100;
}

/* Each stage has functions of its own, so that a call of the wrong one is seen. */
#define STAGE(n) \
    static int enter_##n(struct sleep *s) { return enter(s, n); } \
    static void leave_##n(struct sleep *s) { leave(s, n); }
STAGE(0) STAGE(1) STAGE(2) STAGE(3) STAGE(4) STAGE(5) STAGE(6) STAGE(7) STAGE(8) STAGE(9)
STAGE(10) STAGE(11) STAGE(12) STAGE(13) STAGE(14) STAGE(15) STAGE(16) STAGE(17) STAGE(18) STAGE(19)
#undef STAGE

#define STAGE(n) { "stage" #n, enter_##n, leave_##n }
static const struct sleep_stage full_stages[STAGES] = {
    STAGE(0), STAGE(1), STAGE(2), STAGE(3), STAGE(4), STAGE(5), STAGE(6), STAGE(7), STAGE(8), STAGE(9),
    STAGE(10), STAGE(11), STAGE(12), STAGE(13), STAGE(14), STAGE(15), STAGE(16), STAGE(17), STAGE(18), STAGE(19),
};
#undef STAGE

static struct sleep_stage stages[STAGES];
static const struct sleep_stage *order[STAGES];
static struct sleep_list list;

/* The first `count` stages are the list "host"; nothing fails, and no fault or test level is set. */
static int set_up(void **state)
{
    (void)state;
    memcpy(stages, full_stages, sizeof(stages));
    for (unsigned i = 0; i < STAGES; i++)
        order[i] = &stages[i];
    list = (struct sleep_list){ "host", order, 3 };
    memset(failing, 0, sizeof(failing));
    memset(notes, 0, sizeof(notes));
    sleep_fault_clear();
    sleep_test_level_set("host", NULL);
    sleep_test_level_set("jump", NULL);
    /* of exactly its size, for the address sanitizer; full of an earlier run's remains */
    sleeping = malloc(sizeof(*sleeping));
    memset(sleeping, 0xa5, sizeof(*sleeping));
    sleeping->list = &list;
    sleeping->now_ns = clock_ns;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(sleeping);
    return 0;
}

static void assert_run(int result, const char *expected_calls)
{
    calls[0] = '\0';
    assert_int_equal(sleep_run(sleeping), result);
    assert_string_equal(calls, expected_calls);
    assert_int_equal(sleeping->error, result);
    assert_int_equal(sleeping->entered, 0);
}

static void stages_are_entered_in_order_and_left_in_reverse(void **state)
{
    (void)state;
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_null(sleeping->failed);
    assert_false(sleeping->turned_back);
}

static void a_list_without_stages_is_over_at_once(void **state)
{
    (void)state;
    list.count = 0;
    assert_run(0, "");
    assert_int_equal(sleeping->event_count, 0);
    assert_false(sleeping->turned_back);
}

static void a_stage_that_fails_is_not_left_but_those_before_it_are(void **state)
{
    (void)state;
    failing[2] = -EIO;
    assert_run(-EIO, "+0 +1 +2 -1 -0 ");
    assert_ptr_equal(sleeping->failed, &stages[2]);
    failing[0] = -EBUSY;
    assert_run(-EBUSY, "+0 ");
    assert_ptr_equal(sleeping->failed, &stages[0]);
}

static void a_stage_with_nothing_to_reverse_is_passed_over(void **state)
{
    (void)state;
    stages[1].leave = NULL;
    assert_run(0, "+0 +1 +2 -2 -0 ");
    assert_int_equal(sleeping->event_count, 5);
}

static void a_struct_sleep_can_be_used_again(void **state)
{
    (void)state;
    failing[1] = -EIO;
    notes[0] = 300;
    assert_run(-EIO, "+0 +1 -0 ");
    assert_true(sleeping->events_lost > 0);
    failing[1] = 0;
    notes[0] = 0;
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_null(sleeping->failed);
    assert_int_equal(sleeping->event_count, 6);
    assert_int_equal(sleeping->events_lost, 0);
}

static unsigned seen_entered, seen_events;
static int seen_error;
static bool seen_turned_back;
static uint64_t seen_end;

static int look_on_entering(struct sleep *s)
{
    seen_entered = s->entered;
    seen_events = s->event_count;
    seen_end = s->events[s->event_count - 1].end;
    return 0;
}

static void look_on_leaving(struct sleep *s)
{
    assert_int_equal(s->entered, seen_entered);
    seen_error = s->error;
    seen_turned_back = s->turned_back;
}

static void a_stage_sees_where_it_is_and_why_it_is_left(void **state)
{
    (void)state;
    stages[1].enter = look_on_entering;
    stages[1].leave = look_on_leaving;
    failing[2] = -EIO;
    assert_run(-EIO, "+0 +2 -0 ");
    assert_int_equal(seen_entered, 1);
    assert_int_equal(seen_events, 2);
    assert_int_equal(seen_end, 0);   /* its line is there, and under way */
    assert_int_equal(seen_error, -EIO);
    assert_int_equal(sleep_test_level_set("host", "stage1"), 0);
    assert_run(0, "+0 -0 ");
    assert_int_equal(seen_error, 0);
    assert_true(seen_turned_back);
}

static void assert_event(unsigned i, enum sleep_event_kind kind, const char *name, unsigned id, int result,
                         uint64_t start, uint64_t end)
{
    const struct sleep_event *e = &sleeping->events[i];

    assert_int_equal(e->kind, kind);
    assert_string_equal(e->name, name);
    assert_int_equal(e->id, id);
    assert_int_equal(e->result, result);
    assert_int_equal(e->start, start);
    assert_int_equal(e->end, end);
}

static void a_stage_without_enter_is_left_and_may_be_made_to_fail(void **state)
{
    (void)state;
    stages[1].enter = NULL;
    assert_run(0, "+0 +2 -2 -1 -0 ");
    assert_int_equal(sleep_fault_set("host", "stage1", -EIO, false), 0);
    assert_run(-EIO, "+0 -0 ");
    assert_ptr_equal(sleeping->failed, &stages[1]);
}

static void the_timeline_says_what_when_and_with_which_result(void **state)
{
    (void)state;
    now = 0;
    failing[1] = -ENODEV;
    notes[0] = 2;
    assert_run(-ENODEV, "+0 +1 -0 ");
    assert_int_equal(sleeping->event_count, 5);
    assert_event(0, SLEEP_ENTER, "stage0", 0, 0, 3, 18);
    assert_event(1, SLEEP_DOMAIN, "froze", 0, 0, 6, 9);
    assert_event(2, SLEEP_DOMAIN, "froze", 1, 0, 12, 15);
    assert_event(3, SLEEP_ENTER, "stage1", 0, -ENODEV, 21, 24);
    assert_event(4, SLEEP_LEAVE, "stage0", 0, 0, 27, 130);
}

static void a_note_keeps_what_it_was_given(void **state)
{
    (void)state;
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    sleep_note(sleeping, SLEEP_CPU, "off", 7, -ETIMEDOUT, 100, 200);
    assert_int_equal(sleeping->event_count, 7);
    assert_event(6, SLEEP_CPU, "off", 7, -ETIMEDOUT, 100, 200);
}

static void notes_without_room_are_lost_and_stages_lines_are_not(void **state)
{
    (void)state;
    notes[0] = 1000;
    notes[2] = 5;
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_int_equal(sleeping->event_count + sleeping->events_lost, 6 + 1005);
    assert_in_range(sleeping->event_count, SLEEP_MAX_EVENTS - 6, SLEEP_MAX_EVENTS);
    assert_string_equal(sleeping->events[sleeping->event_count - 6].name, "froze");
    assert_string_equal(sleeping->events[sleeping->event_count - 5].name, "stage1");
    assert_string_equal(sleeping->events[sleeping->event_count - 1].name, "stage0");
}

static void lines_without_room_are_counted_and_everything_is_left_all_the_same(void **state)
{
    enum { MANY = 100 + SLEEP_MAX_EVENTS / 2 };
    static const struct sleep_stage *many[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        many[i] = &stages[0];
    list = (struct sleep_list){ "host", many, MANY };
    calls[0] = '\0';
    assert_int_equal(sleep_run(sleeping), 0);
    assert_int_equal(strlen(calls), 2 * MANY * strlen("+0 "));
    assert_int_equal(sleeping->event_count, SLEEP_MAX_EVENTS);
    assert_int_equal(sleeping->events_lost, 2 * MANY - SLEEP_MAX_EVENTS);
}

static void a_fault_is_an_error_instead_of_the_call_once(void **state)
{
    (void)state;
    assert_int_equal(sleep_fault_set("host", "stage1", -EIO, false), 0);
    assert_run(-EIO, "+0 -0 ");
    assert_ptr_equal(sleeping->failed, &stages[1]);
    assert_int_equal(sleeping->event_count, 3);
    assert_string_equal(sleeping->events[1].name, "stage1");
    assert_int_equal(sleeping->events[1].result, -EIO);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
}

static void a_fault_for_always_lasts_until_faults_are_cleared(void **state)
{
    (void)state;
    assert_int_equal(sleep_fault_set("host", "stage0", -EIO, true), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_run(-EIO, "");
    sleep_fault_clear();
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
}

static void a_fault_without_a_list_or_a_stage_takes_any(void **state)
{
    (void)state;
    assert_int_equal(sleep_fault_set(NULL, "stage1", -EIO, false), 0);
    assert_run(-EIO, "+0 -0 ");
    assert_int_equal(sleep_fault_set("host", NULL, -EBUSY, false), 0);
    assert_run(-EBUSY, "");
    assert_int_equal(sleep_fault_set(NULL, "", -EPERM, false), 0);
    assert_run(-EPERM, "");
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
}

static void a_fault_for_another_list_or_stage_waits(void **state)
{
    (void)state;
    assert_int_equal(sleep_fault_set("jump", "stage1", -EIO, false), 0);
    assert_int_equal(sleep_fault_set("host", "stage9", -EBUSY, false), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    list.name = "jump";
    assert_run(-EIO, "+0 -0 ");
    list = (struct sleep_list){ "host", order + 9, 1 };
    assert_run(-EBUSY, "");
}

static void names_are_copied_and_may_not_be_too_long(void **state)
{
    char stage[40] = "stage1", host[40] = "host";

    (void)state;
    assert_int_equal(sleep_fault_set(host, stage, -EIO, true), 0);
    memset(stage, 'x', sizeof(stage) - 1);
    memset(host, 'x', sizeof(host) - 1);
    assert_run(-EIO, "+0 -0 ");
    sleep_fault_clear();
    assert_int_equal(sleep_fault_set(host, "stage1", -EIO, true), -EINVAL);
    assert_int_equal(sleep_fault_set("host", stage, -EIO, true), -EINVAL);
    assert_int_equal(sleep_test_level_set(host, "stage1"), -EINVAL);
    assert_int_equal(sleep_test_level_set("host", stage), -EINVAL);
    stage[SLEEP_MAX_NAME] = '\0';
    assert_int_equal(sleep_fault_set("host", stage, -EIO, true), -EINVAL);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    stage[SLEEP_MAX_NAME - 1] = '\0';
    assert_int_equal(sleep_fault_set("host", stage, -EIO, true), 0);
    stages[1].name = stage;
    assert_run(-EIO, "+0 -0 ");
}

static void what_is_no_error_is_no_fault(void **state)
{
    (void)state;
    assert_int_equal(sleep_fault_set("host", "stage1", 0, true), -EINVAL);
    assert_int_equal(sleep_fault_set("host", "stage1", EIO, true), -EINVAL);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
}

static void the_table_of_faults_is_full_until_one_is_used_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++)
        assert_int_equal(sleep_fault_set("host", i == 5 ? "stage1" : "none", -EIO, false), 0);
    assert_int_equal(sleep_fault_set("host", "stage2", -EBUSY, false), -ENOSPC);
    assert_run(-EIO, "+0 -0 ");
    assert_int_equal(sleep_fault_set("host", "stage2", -EBUSY, false), 0);
    assert_run(-EBUSY, "+0 +1 -1 -0 ");
}

static void a_test_level_turns_back_after_its_stage(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set("host", "stage1"), 0);
    assert_run(0, "+0 +1 -1 -0 ");
    assert_true(sleeping->turned_back);
    assert_null(sleeping->failed);
    assert_int_equal(sleep_test_level_set("host", "stage0"), 0);   /* in place of the other */
    assert_run(0, "+0 -0 ");
    assert_int_equal(sleep_test_level_set("host", NULL), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_false(sleeping->turned_back);
    assert_int_equal(sleep_test_level_set("host", "stage1"), 0);
    assert_int_equal(sleep_test_level_set("host", ""), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
}

static void a_test_level_at_the_last_stage_or_at_none_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set("host", "stage2"), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_false(sleeping->turned_back);
    assert_int_equal(sleep_test_level_set("host", "stage3"), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_false(sleeping->turned_back);
}

static void each_list_has_its_own_test_level(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set("jump", "stage0"), 0);
    assert_run(0, "+0 +1 +2 -2 -1 -0 ");
    assert_int_equal(sleep_test_level_set("host", "stage1"), 0);
    assert_run(0, "+0 +1 -1 -0 ");
    list.name = "jump";
    assert_run(0, "+0 -0 ");
}

static void a_test_level_needs_a_list(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set(NULL, "stage0"), -EINVAL);
    assert_int_equal(sleep_test_level_set("", "stage0"), -EINVAL);
}

static void the_table_of_test_levels_is_full_until_one_is_taken_away(void **state)
{
    char name[] = "list0";

    (void)state;
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++, name[4]++)
        assert_int_equal(sleep_test_level_set(name, "stage0"), 0);
    assert_int_equal(sleep_test_level_set("host", "stage0"), -ENOSPC);
    assert_int_equal(sleep_test_level_set("host", NULL), 0);        /* it has none anyway */
    assert_int_equal(sleep_test_level_set("list3", "stage1"), 0);   /* in place of its own */
    assert_int_equal(sleep_test_level_set("list3", NULL), 0);
    assert_int_equal(sleep_test_level_set("host", "stage0"), 0);
    assert_run(0, "+0 -0 ");
    for (name[4] = '0'; name[4] < '0' + SLEEP_MAX_FAULTS; name[4]++)
        assert_int_equal(sleep_test_level_set(name, NULL), 0);
}

static void a_fault_at_the_test_levels_stage_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set("host", "stage1"), 0);
    assert_int_equal(sleep_fault_set("host", "stage1", -EIO, false), 0);
    assert_run(-EIO, "+0 -0 ");
    assert_false(sleeping->turned_back);
    assert_run(0, "+0 +1 -1 -0 ");
    assert_true(sleeping->turned_back);
}

static void a_stage_is_found_by_its_name(void **state)
{
    (void)state;
    assert_ptr_equal(sleep_stage_find(&list, "stage2"), &stages[2]);
    assert_null(sleep_stage_find(&list, "stage3"));
    assert_null(sleep_stage_find(&list, ""));
}

/* --- at random --- */

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(random_state >> 33) % n;
}

/* The model: the faults that are set, and from them, the calls to come. */
struct model_fault {
    bool this_list, used_up, always;
    int stage, error;     /* stage -1: any */
};

static struct model_fault model_faults[3];
static unsigned model_fault_count;
static int model_level;   /* -1: none */

static int model_result_of_entering(unsigned n)
{
    for (unsigned i = 0; i < model_fault_count; i++) {
        struct model_fault *f = &model_faults[i];

        if (f->used_up || !f->this_list || (f->stage >= 0 && f->stage != (int)n))
            continue;
        f->used_up = !f->always;
        return f->error;
    }
    record('+', n);
    return failing[n];
}

/* Leaves in `calls` the calls to come, and says how many stages are to be entered. */
static unsigned model_run(int *error, bool *turned_back)
{
    unsigned entered = 0;

    calls[0] = '\0';
    *error = 0;
    *turned_back = false;
    while (entered < list.count && !*error && !*turned_back) {
        *error = model_result_of_entering(entered);
        if (*error)
            break;
        *turned_back = (int)entered == model_level && entered + 1 < list.count;
        entered++;
    }
    for (unsigned n = entered; n-- > 0;)
        if (stages[n].leave)
            record('-', n);
    return entered;
}

static void set_random_faults_and_level(void)
{
    sleep_fault_clear();
    model_fault_count = random_below(ARRAY_SIZE(model_faults) + 1);
    for (unsigned i = 0; i < model_fault_count; i++) {
        struct model_fault *f = &model_faults[i];
        unsigned which_list = random_below(3);

        *f = (struct model_fault){ .this_list = which_list < 2, .always = random_below(4) == 0 };
        f->error = -1 - (int)random_below(100);
        f->stage = (int)random_below(STAGES + 1) - 1;
        assert_int_equal(sleep_fault_set((const char *[]){ "host", NULL, "jump" }[which_list],
                                         f->stage < 0 ? NULL : full_stages[f->stage].name, f->error, f->always), 0);
    }
    model_level = (int)random_below(2 * STAGES) - STAGES;
    assert_int_equal(sleep_test_level_set("host", model_level < 0 ? NULL : full_stages[model_level].name), 0);
}

static void set_random_list(void)
{
    list.count = random_below(STAGES + 1);
    for (unsigned n = 0; n < STAGES; n++) {
        failing[n] = random_below(30) ? 0 : -1 - (int)random_below(100);
        notes[n] = random_below(10) ? 0 : random_below(3) ? random_below(4) : random_below(200);
        stages[n].leave = random_below(8) ? full_stages[n].leave : NULL;
    }
}

/* Independent of the model: each stage that was entered is left once if it can be, in reverse, and no other is. */
static void assert_entered_is_left(unsigned entered)
{
    char left[sizeof(calls)] = "";
    const char *first = strchr(calls, '-');
    size_t used = 0;

    for (unsigned n = entered; n-- > 0;)
        if (stages[n].leave)
            used += (size_t)snprintf(left + used, sizeof(left) - used, "-%u ", n);
    assert_string_equal(first ? first : "", left);
}

static void assert_timeline_agrees(unsigned entered)
{
    unsigned lines = 0, attempts = entered + (sleeping->failed != NULL), to_leave = entered;
    uint64_t last_end = 0, stage_end = 0;

    assert_true(sleeping->event_count <= SLEEP_MAX_EVENTS);
    for (unsigned i = 0; i < sleeping->event_count; i++) {
        const struct sleep_event *e = &sleeping->events[i];

        assert_true(e->start < e->end);
        if (e->kind == SLEEP_DOMAIN) {   /* within its stage, after the note before it */
            assert_true(last_end < e->start && e->end < stage_end);
            last_end = e->end;
            continue;
        }
        assert_true(stage_end < e->start);
        last_end = e->start;
        stage_end = e->end;
        if (lines < attempts) {
            assert_int_equal(e->kind, SLEEP_ENTER);
            assert_string_equal(e->name, stages[lines].name);
            assert_int_equal(e->result, lines < entered ? 0 : sleeping->error);
            lines++;
            continue;
        }
        while (!stages[--to_leave].leave)
            ;
        assert_int_equal(e->kind, SLEEP_LEAVE);
        assert_string_equal(e->name, stages[to_leave].name);
        assert_int_equal(e->result, 0);
    }
    assert_int_equal(lines, attempts);
    while (to_leave > 0 && !stages[to_leave - 1].leave)
        to_leave--;
    assert_int_equal(to_leave, 0);
}

static void assert_run_agrees_with_the_model(void)
{
    char expected[sizeof(calls)];
    int error;
    bool turned_back;
    unsigned entered = model_run(&error, &turned_back);

    strcpy(expected, calls);
    assert_run(error, expected);
    assert_int_equal(sleeping->turned_back, turned_back);
    assert_ptr_equal(sleeping->failed, error ? &stages[entered] : NULL);
    assert_entered_is_left(entered);
    assert_timeline_agrees(entered);
}

static void random_sleeps_agree_with_the_model(void **state)
{
    const char *given = getenv("SLEEP_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();

    (void)state;
    print_message("SLEEP_SEED=%llu repeats this run\n", (unsigned long long)seed);
    random_state = seed;
    for (unsigned round = 0; round < 20000; round++) {
        set_random_list();
        set_random_faults_and_level();
        for (unsigned again = 0; again < 3; again++)   /* faults for once are gone then */
            assert_run_agrees_with_the_model();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stages_are_entered_in_order_and_left_in_reverse),
        TEST(a_list_without_stages_is_over_at_once),
        TEST(a_stage_that_fails_is_not_left_but_those_before_it_are),
        TEST(a_stage_with_nothing_to_reverse_is_passed_over),
        TEST(a_struct_sleep_can_be_used_again),
        TEST(a_stage_sees_where_it_is_and_why_it_is_left),
        TEST(a_stage_without_enter_is_left_and_may_be_made_to_fail),
        TEST(the_timeline_says_what_when_and_with_which_result),
        TEST(a_note_keeps_what_it_was_given),
        TEST(notes_without_room_are_lost_and_stages_lines_are_not),
        TEST(lines_without_room_are_counted_and_everything_is_left_all_the_same),
        TEST(a_fault_is_an_error_instead_of_the_call_once),
        TEST(a_fault_for_always_lasts_until_faults_are_cleared),
        TEST(a_fault_without_a_list_or_a_stage_takes_any),
        TEST(a_fault_for_another_list_or_stage_waits),
        TEST(names_are_copied_and_may_not_be_too_long),
        TEST(what_is_no_error_is_no_fault),
        TEST(the_table_of_faults_is_full_until_one_is_used_up),
        TEST(a_test_level_turns_back_after_its_stage),
        TEST(a_test_level_at_the_last_stage_or_at_none_changes_nothing),
        TEST(each_list_has_its_own_test_level),
        TEST(a_test_level_needs_a_list),
        TEST(the_table_of_test_levels_is_full_until_one_is_taken_away),
        TEST(a_fault_at_the_test_levels_stage_is_an_error),
        TEST(a_stage_is_found_by_its_name),
        TEST(random_sleeps_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
