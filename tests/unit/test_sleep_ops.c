// SPDX-License-Identifier: Apache-2.0
/* sources: sleep/ops.c sleep/sleep.c */
/* The operations tables and notifiers: the calls and their order, on every way a sleep can take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/errno.h"
#include "sleep/ops.h"

static char calls[512];
static const char *refusing;   /* the call that returns -EIO; NULL: none */
static uint64_t now;

static uint64_t clock_ns(void) { return ++now; }

static int called(const char *name)
{
    size_t used = strlen(calls);

    snprintf(calls + used, sizeof(calls) - used, "%s ", name);
    return refusing && !strcmp(refusing, name) ? -EIO : 0;
}

#define CALL(name)      static int do_##name(struct sleep *s) { (void)s; return called(#name); }
#define CALL_VOID(name) static void do_##name(struct sleep *s) { (void)s; called(#name); }
CALL(begin) CALL(prepare) CALL(enter) CALL_VOID(finish) CALL_VOID(end) CALL_VOID(recover)
CALL(pre_snapshot) CALL_VOID(leave) CALL(pre_restore) CALL_VOID(restore_cleanup)
/* The stages between the operations in a real list. */
CALL(devices) CALL_VOID(devices_back) CALL(cpus) CALL_VOID(cpus_back) CALL(image) CALL(jump)

static const struct sleep_stage devices_stage = { "devices", do_devices, do_devices_back };
static const struct sleep_stage cpus_stage = { "cpus", do_cpus, do_cpus_back };
static const struct sleep_stage jump_stage = { "jump", do_jump, NULL };

static bool jumped_back;   /* into the image, from a kernel that loaded it */

static int make_image(struct sleep *s)
{
    int error = do_image(s);

    if (jumped_back)
        hibernation_image_resumed();
    return error;
}

static const struct sleep_stage image_stage = { "image", make_image, NULL };

static const struct sleep_stage *const suspend_order[] = {
    &sleep_notifiers_stage, &suspend_begin_stage, &devices_stage,
    &suspend_prepare_stage, &cpus_stage,          &suspend_enter_stage,
};
static const struct sleep_stage *const image_order[] = {
    &sleep_notifiers_stage, &hibernation_begin_stage, &devices_stage, &hibernation_snapshot_stage, &cpus_stage,
    &hibernation_leave_stage, &image_stage,
};
static const struct sleep_stage *const power_off_order[] = {
    &hibernation_begin_stage, &hibernation_prepare_stage, &devices_stage, &cpus_stage, &hibernation_enter_stage,
};
static const struct sleep_stage *const restore_order[] = {
    &devices_stage, &hibernation_restore_stage, &cpus_stage, &jump_stage,
};

static const struct sleep_list suspend_list = { "suspend", suspend_order, ARRAY_SIZE(suspend_order) };
static const struct sleep_list image_list = { "image", image_order, ARRAY_SIZE(image_order) };
static const struct sleep_list power_off_list = { "power-off", power_off_order, ARRAY_SIZE(power_off_order) };
static const struct sleep_list restore_list = { "restore", restore_order, ARRAY_SIZE(restore_order) };

static const struct suspend_ops all_suspend_ops = {
    .begin = do_begin,
    .prepare = do_prepare,
    .enter = do_enter,
    .finish = do_finish,
    .end = do_end,
    .recover = do_recover,
};
static const struct hibernation_ops all_hibernation_ops = {
    .begin = do_begin, .pre_snapshot = do_pre_snapshot, .prepare = do_prepare, .enter = do_enter, .leave = do_leave,
    .finish = do_finish, .pre_restore = do_pre_restore, .restore_cleanup = do_restore_cleanup, .end = do_end,
    .recover = do_recover,
};

static int set_up(void **state)
{
    (void)state;
    suspend_ops_set(&all_suspend_ops);
    hibernation_ops_set(&all_hibernation_ops);
    sleep_fault_clear();
    sleep_test_level_set("suspend", NULL);
    jumped_back = false;
    return 0;
}

/* `refuses`: the call that fails. */
static void assert_run(const struct sleep_list *list, const char *refuses, int result, const char *expected_calls)
{
    static struct sleep s;

    s.list = list;
    s.now_ns = clock_ns;
    refusing = refuses;
    calls[0] = '\0';
    assert_int_equal(sleep_run(&s), result);
    assert_string_equal(calls, expected_calls);
}

static void suspend_calls_every_operation_in_its_order(void **state)
{
    (void)state;
    assert_run(&suspend_list, NULL, 0, "begin devices prepare cpus enter cpus_back finish devices_back end ");
}

static void a_suspend_that_fails_anywhere_undoes_what_was_done(void **state)
{
    (void)state;
    assert_run(&suspend_list, "begin", -EIO, "begin ");
    assert_run(&suspend_list, "prepare", -EIO, "begin devices prepare devices_back end ");
    assert_run(&suspend_list, "cpus", -EIO, "begin devices prepare cpus finish devices_back end ");
    assert_run(&suspend_list, "enter", -EIO, "begin devices prepare cpus enter cpus_back finish devices_back end ");
}

static void recover_is_called_only_if_devices_fail_to_suspend(void **state)
{
    (void)state;
    assert_run(&suspend_list, "devices", -EIO, "begin devices recover end ");
    assert_int_equal(sleep_fault_set("suspend", "suspend_prepare", -EIO, false), 0);
    assert_run(&suspend_list, NULL, -EIO, "begin devices devices_back end ");
}

static void a_suspend_without_prepare_recovers_from_whatever_fails_before_enter(void **state)
{
    static const struct sleep_stage *const order[] = { &suspend_begin_stage, &devices_stage, &suspend_enter_stage };
    static const struct sleep_list list = { "short", order, ARRAY_SIZE(order) };

    (void)state;
    assert_run(&list, "devices", -EIO, "begin devices recover end ");
    assert_run(&list, "enter", -EIO, "begin devices enter devices_back end ");
}

static void turning_back_at_a_test_level_is_no_failure(void **state)
{
    (void)state;
    assert_int_equal(sleep_test_level_set("suspend", "devices"), 0);
    assert_run(&suspend_list, NULL, 0, "begin devices devices_back end ");
}

static void begin_alone_is_ended_and_not_recovered(void **state)
{
    static const struct sleep_stage *const order[] = { &suspend_begin_stage };
    static const struct sleep_list list = { "short", order, ARRAY_SIZE(order) };

    (void)state;
    assert_run(&list, NULL, 0, "begin end ");
}

static void operations_that_a_platform_lacks_are_skipped(void **state)
{
    static const struct suspend_ops enter_only = { .enter = do_enter };
    static const struct hibernation_ops nothing = { 0 };

    (void)state;
    suspend_ops_set(&enter_only);
    assert_run(&suspend_list, NULL, 0, "devices cpus enter cpus_back devices_back ");
    assert_run(&suspend_list, "devices", -EIO, "devices ");
    hibernation_ops_set(&nothing);
    jumped_back = true;
    assert_run(&image_list, NULL, 0, "devices cpus image cpus_back devices_back ");
    assert_run(&image_list, "devices", -EIO, "devices ");
    assert_run(&restore_list, "jump", -EIO, "devices cpus jump cpus_back devices_back ");
}

static void a_sleep_with_nothing_to_enter_is_an_error(void **state)
{
    (void)state;
    suspend_ops_set(NULL);
    hibernation_ops_set(NULL);
    assert_run(&suspend_list, NULL, -ENOSYS, "devices cpus cpus_back devices_back ");
    assert_run(&power_off_list, NULL, -ENOSYS, "devices cpus cpus_back devices_back ");
}

static void the_image_is_made_between_pre_snapshot_and_finish(void **state)
{
    (void)state;
    assert_run(&image_list, NULL, 0, "begin devices pre_snapshot cpus image cpus_back finish devices_back end ");
}

static void leave_is_called_only_in_an_image_that_was_jumped_back_into(void **state)
{
    (void)state;
    jumped_back = true;
    assert_run(&image_list, NULL, 0, "begin devices pre_snapshot cpus image leave cpus_back finish devices_back end ");
    jumped_back = false;
    assert_run(&image_list, NULL, 0, "begin devices pre_snapshot cpus image cpus_back finish devices_back end ");
}

static void making_an_image_that_fails_anywhere_undoes_what_was_done(void **state)
{
    (void)state;
    assert_run(&image_list, "begin", -EIO, "begin ");
    assert_run(&image_list, "devices", -EIO, "begin devices recover end ");
    assert_run(&image_list, "pre_snapshot", -EIO, "begin devices pre_snapshot devices_back end ");
    assert_run(&image_list, "cpus", -EIO, "begin devices pre_snapshot cpus finish devices_back end ");
    assert_run(&image_list, "image", -EIO, "begin devices pre_snapshot cpus image cpus_back finish devices_back end ");
}

static void powering_off_prepares_before_devices_and_undoes_all_if_it_fails(void **state)
{
    (void)state;
    assert_run(&power_off_list, "begin", -EIO, "begin ");
    assert_run(&power_off_list, "prepare", -EIO, "begin prepare end ");
    assert_run(&power_off_list, "devices", -EIO, "begin prepare devices finish recover end ");
    assert_run(&power_off_list, "enter", -EIO, "begin prepare devices cpus enter cpus_back devices_back finish end ");
}

static void restore_is_cleaned_up_if_the_jump_is_not_made(void **state)
{
    (void)state;
    assert_run(&restore_list, "jump", -EIO, "devices pre_restore cpus jump cpus_back restore_cleanup devices_back ");
    assert_run(&restore_list, "pre_restore", -EIO, "devices pre_restore devices_back ");
}

/* --- notifiers --- */

CALL(before_a) CALL_VOID(after_a) CALL(before_b) CALL_VOID(after_b) CALL(before_c) CALL_VOID(after_c)

static const struct sleep_stage *const notifiers_order[] = { &sleep_notifiers_stage, &jump_stage };
static const struct sleep_list notifiers_list = { "host", notifiers_order, ARRAY_SIZE(notifiers_order) };
static struct sleep_notifier a, b, c;

/* Registered in the order c, a, b. */
static void register_all(int priority_a, int priority_b, int priority_c)
{
    a = (struct sleep_notifier){ .before = do_before_a, .after = do_after_a, .priority = priority_a };
    b = (struct sleep_notifier){ .before = do_before_b, .after = do_after_b, .priority = priority_b };
    c = (struct sleep_notifier){ .before = do_before_c, .after = do_after_c, .priority = priority_c };
    assert_int_equal(sleep_notifier_register(&c), 0);
    assert_int_equal(sleep_notifier_register(&a), 0);
    assert_int_equal(sleep_notifier_register(&b), 0);
}

static int unregister_all(void **state)
{
    (void)state;
    sleep_notifier_unregister(&a);
    sleep_notifier_unregister(&b);
    sleep_notifier_unregister(&c);
    return 0;
}

static void notifiers_are_told_by_falling_priority_and_back_in_reverse(void **state)
{
    (void)state;
    register_all(100, 0, -100);
    assert_run(&notifiers_list, NULL, 0, "before_a before_b before_c jump after_c after_b after_a ");
    unregister_all(state);
    register_all(-100, 0, 100);
    assert_run(&notifiers_list, NULL, 0, "before_c before_b before_a jump after_a after_b after_c ");
}

static void among_equal_notifiers_who_came_first_is_told_first(void **state)
{
    (void)state;
    register_all(7, 7, 7);
    assert_run(&notifiers_list, NULL, 0, "before_c before_a before_b jump after_b after_a after_c ");
}

static void a_notifier_that_refuses_ends_the_sleep_and_those_before_it_are_told(void **state)
{
    (void)state;
    register_all(3, 2, 1);
    assert_run(&notifiers_list, "before_c", -EIO, "before_a before_b before_c after_b after_a ");
    assert_run(&notifiers_list, "before_a", -EIO, "before_a ");
}

static void notifiers_are_told_when_a_later_stage_fails(void **state)
{
    (void)state;
    register_all(3, 2, 1);
    assert_run(&notifiers_list, "jump", -EIO, "before_a before_b before_c jump after_c after_b after_a ");
}

static void a_notifier_may_have_one_side_only(void **state)
{
    (void)state;
    register_all(3, 2, 1);
    a.before = NULL;
    b.after = NULL;
    assert_run(&notifiers_list, NULL, 0, "before_b before_c jump after_c after_a ");
    assert_run(&notifiers_list, "before_c", -EIO, "before_b before_c after_a ");
}

static void a_notifier_is_registered_once_and_told_until_it_is_unregistered(void **state)
{
    (void)state;
    register_all(3, 2, 1);
    assert_int_equal(sleep_notifier_register(&b), -EEXIST);
    assert_int_equal(sleep_notifier_unregister(&b), 0);
    assert_int_equal(sleep_notifier_unregister(&b), -ENOENT);
    assert_run(&notifiers_list, NULL, 0, "before_a before_c jump after_c after_a ");
    assert_int_equal(sleep_notifier_register(&b), 0);
    assert_run(&notifiers_list, NULL, 0, "before_a before_b before_c jump after_c after_b after_a ");
}

static void without_notifiers_the_stage_does_nothing(void **state)
{
    (void)state;
    assert_run(&notifiers_list, NULL, 0, "jump ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, unregister_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(suspend_calls_every_operation_in_its_order),
        TEST(a_suspend_that_fails_anywhere_undoes_what_was_done),
        TEST(recover_is_called_only_if_devices_fail_to_suspend),
        TEST(a_suspend_without_prepare_recovers_from_whatever_fails_before_enter),
        TEST(turning_back_at_a_test_level_is_no_failure),
        TEST(begin_alone_is_ended_and_not_recovered),
        TEST(operations_that_a_platform_lacks_are_skipped),
        TEST(a_sleep_with_nothing_to_enter_is_an_error),
        TEST(the_image_is_made_between_pre_snapshot_and_finish),
        TEST(leave_is_called_only_in_an_image_that_was_jumped_back_into),
        TEST(making_an_image_that_fails_anywhere_undoes_what_was_done),
        TEST(powering_off_prepares_before_devices_and_undoes_all_if_it_fails),
        TEST(restore_is_cleaned_up_if_the_jump_is_not_made),
        TEST(notifiers_are_told_by_falling_priority_and_back_in_reverse),
        TEST(among_equal_notifiers_who_came_first_is_told_first),
        TEST(a_notifier_that_refuses_ends_the_sleep_and_those_before_it_are_told),
        TEST(notifiers_are_told_when_a_later_stage_fails),
        TEST(a_notifier_may_have_one_side_only),
        TEST(a_notifier_is_registered_once_and_told_until_it_is_unregistered),
        TEST(without_notifiers_the_stage_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
