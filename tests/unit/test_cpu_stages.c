// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/cpu/stages.c */
/* A CPU's way on and off: the list's order, and what a stage that fails leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "lib/errno.h"

struct cpu cpus[MAX_CPUS];
static char log[64];
static bool c_fails;

static int a_on(void) { strcat(log, "+a"); return 0; }
static int b_on(void) { strcat(log, "+b"); return 0; }
static void b_off(void) { strcat(log, "-b"); }
static void c_off(void) { strcat(log, "-c"); }

static int c_on(void)
{
    strcat(log, "+c");
    return c_fails ? -ENODEV : 0;
}

static const struct cpu_stage a = { .name = "a", .on = a_on };
static const struct cpu_stage b = { .name = "b", .on = b_on, .off = b_off, .kept = true };
static const struct cpu_stage c = { .name = "c", .on = c_on, .off = c_off };
const struct cpu_stage *const cpu_stages[] = { &a, &b, &c };
const unsigned cpu_stages_count = ARRAY_SIZE(cpu_stages);

static void on_goes_down_the_list_and_off_up(void **state)
{
    (void)state;
    log[0] = 0;
    assert_int_equal(cpu_stages_on(), 0);
    cpu_stages_off();
    assert_string_equal(log, "+a+b+c-c-b");
}

static void a_stage_that_fails_takes_those_before_it_off_again(void **state)
{
    (void)state;
    log[0] = 0;
    c_fails = true;
    assert_int_equal(cpu_stages_on(), -ENODEV);
    c_fails = false;
    assert_string_equal(log, "+a+b+c-b");
}

static void what_a_host_sleep_keeps_itself_is_left_to_it(void **state)
{
    (void)state;
    log[0] = 0;
    cpu_stages_resume();
    assert_string_equal(log, "+a+c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_goes_down_the_list_and_off_up),
        cmocka_unit_test(a_stage_that_fails_takes_those_before_it_off_again),
        cmocka_unit_test(what_a_host_sleep_keeps_itself_is_left_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
