// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/dev/console.c hypervisor/dev/keys.c hypervisor/base/printk.c */
/*
 * The console with a UART made of two arrays. Its state is that of one run, so the tests build on each other's order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printk.h"
#include "base/time.h"
#include "dev/console.h"
#include "sleep/sleep.h"
#include "dev/psci.h"
#include "lib/errno.h"

static char sent[1 << 17];
static size_t sent_n, drained;
static const char *typed = "";
static uint64_t now = 1;
static unsigned notified, shown, told;
static jmp_buf reset, crash;
static bool panics;
static bool input_enabled;
static uint32_t resumed_with;

uint64_t counter_now(void) { return now; }
uint64_t ticks_to_ns(uint64_t ticks) { return ticks; }
void psci_system_reset(void) { longjmp(reset, 1); }
bool panic_under_way(void) { return panics; }

void panic(const char *fmt, ...)
{
    (void)fmt;
    longjmp(crash, 1);
}

static void drain(const struct uart *u)
{
    (void)u;
    drained = sent_n;
}

static void put(const struct uart *u, char c)
{
    (void)u;
    if (sent_n < sizeof(sent) - 1)
        sent[sent_n++] = c;
}

static int get(const struct uart *u)
{
    (void)u;
    return *typed ? (uint8_t)*typed++ : -1;
}

static void enable(const struct uart *u)
{
    (void)u;
    input_enabled = true;
}

static void acknowledge(const struct uart *u) { (void)u; }
static void uart_suspend(struct uart *u) { u->kept[0] = 42; }
static void uart_resume(const struct uart *u) { resumed_with = u->kept[0]; }
static void notify(void) { notified++; }
static void written(void) { told++; }

static void show(char key)
{
    shown++;
    printk("shown %c", key);
}

static const struct uart uart = {
    .put = put,
    .drain = drain,
    .get = get,
    .enable_input = enable,
    .acknowledge = acknowledge,
    .suspend = uart_suspend,
    .resume = uart_resume,
};

static int setup(void **state)
{
    (void)state;
    memset(sent, 0, sizeof(sent));
    sent_n = 0;
    notified = shown = 0;
    return 0;
}

static void type(const char *text)
{
    typed = text;
    console_interrupt();
    assert_int_equal(*typed, 0);
}

static const char *dom0_reads(void)
{
    static char text[400];
    size_t n = console_guest_read(text, sizeof(text) - 1);

    text[n] = 0;
    return text;
}

static void early_lines_come_out_when_the_uart_starts(void **state)
{
    (void)state;
    printk("one %d", 1);
    printk("two\n");
    assert_int_equal(sent_n, 0);
    console_start_uart(&uart);
    assert_string_equal(sent, "(XEN) one 1\r\n(XEN) two\r\n");
    console_enable_input();
    assert_true(input_enabled);
}

static void a_sleeping_uart_gets_nothing_and_comes_back_as_it_was(void **state)
{
    struct sleep s = { 0 };

    (void)state;
    assert_int_equal(console_stage.enter(&s), 0);
    printk("in between");
    assert_int_equal(sent_n, 0);
    console_stage.leave(&s);
    assert_int_equal(resumed_with, 42);
    printk("after");
    assert_string_equal(sent, "(XEN) after\r\n");
}

static void a_newline_within_begins_another_line(void **state)
{
    (void)state;
    printk("a\nb\n");
    assert_string_equal(sent, "(XEN) a\r\n(XEN) b\r\n");
}

static void lines_that_are_too_long_are_cut(void **state)
{
    char text[2000];

    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    printk("%s", text);
    assert_in_range(sent_n, 200, CONSOLE_LINE + 8);
    assert_int_equal(sent[sent_n - 1], '\n');
}

static void ring_is_read_once_if_incremental(void **state)
{
    char text[40000];
    uint32_t index = 0;
    size_t n = printk_ring_read(text, sizeof(text), &index, false, false);

    (void)state;
    assert_memory_equal(text, "(XEN) one 1\n(XEN) two\n", 22);
    assert_int_equal(printk_ring_read(text, sizeof(text), &index, true, false), 0);
    printk("more");
    n = printk_ring_read(text, 3, &index, true, false);
    assert_int_equal(n, 3);
    n += printk_ring_read(text + n, sizeof(text) - n, &index, true, false);
    text[n] = 0;
    assert_string_equal(text, "(XEN) more\n");
}

static void ring_keeps_the_newest_and_a_wrong_index_is_harmless(void **state)
{
    static char text[40000];
    uint32_t index = 0;
    size_t n;

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        printk("line %u", i);
    n = printk_ring_read(text, sizeof(text), &index, true, false);
    assert_int_equal(n, 32 * 1024);
    assert_memory_equal(text + n - 16, "(XEN) line 4999\n", 16);
    index += 12345;
    assert_int_equal(printk_ring_read(text, sizeof(text), &index, true, false), 32 * 1024);
    assert_int_equal(printk_ring_read(text, 0, &index, true, true), 0);
    assert_int_equal(printk_ring_read(text, sizeof(text), &index, false, false), 0);
}

static void dom0s_text_goes_out_as_it_is(void **state)
{
    (void)state;
    console_raw_write("login: ", 7);
    printk("hello");
    console_raw_write("x\r\ny\n", 5);
    assert_string_equal(sent, "login: \r\n(XEN) hello\r\nx\r\ny\r\n");
}

static void keys_are_the_hypervisors_before_dom0_is_there(void **state)
{
    (void)state;
    assert_int_equal(console_key_register('t', show, "shows something"), 0);
    assert_int_equal(console_key_register('t', show, "again"), -EBUSY);
    type("t\x01\x01\x01t");
    assert_int_equal(shown, 2);
    assert_int_equal(notified, 0);
}

static void keys_are_listed(void **state)
{
    (void)state;
    type("h");
    assert_non_null(strstr(sent, "'t' shows something"));
    assert_non_null(strstr(sent, "'R' resets"));
    setup(state);
    type("*");
    assert_non_null(strstr(sent, "'t' shows something"));
    console_debug_key('Z');
}

static void reset_key_resets(void **state)
{
    (void)state;
    if (setjmp(reset))
        return;
    console_debug_key('R');
    fail();
}

static void input_goes_to_dom0_once_it_is_there(void **state)
{
    (void)state;
    console_connect_dom0('a', true, notify);
    printk_set_listener(written);
    assert_non_null(strstr(sent, "*** Serial input to DOM0"));
    type("ls\r");
    assert_int_equal(notified, 1);
    assert_int_equal(shown, 0);
    assert_string_equal(dom0_reads(), "ls\r");
    assert_string_equal(dom0_reads(), "");
}

static void who_reads_the_ring_hears_of_each_line_of_the_hypervisors(void **state)
{
    unsigned before = told;

    (void)state;
    console_raw_write("dom0's own\n", 11);
    assert_int_equal(told, before);
    printk("news");
    assert_int_equal(told, before + 1);
}

static void crash_key_panics(void **state)
{
    (void)state;
    if (setjmp(crash))
        return;
    console_debug_key('C');
    fail();
}

/*
 * The lock is held by the last to print, the UART sleeps, dom0 has begun a line: a panic's lines come out, to the last
 * character.
 */
static void a_panic_prints_whatever_holds_the_console(void **state)
{
    struct sleep s = { 0 };
    unsigned before = told;

    (void)state;
    console_raw_write("dom", 3);
    setup(state);
    assert_int_equal(console_stage.enter(&s), 0);
    panics = true;
    printk("it is over");
    panics = false;
    assert_string_equal(sent, "\r\n(XEN) it is over\r\n");
    assert_int_equal(drained, sent_n);
    assert_int_equal(told, before);
    printk("not so");
    assert_non_null(strstr(sent, "not so"));
}

static void three_switch_characters_move_the_input(void **state)
{
    (void)state;
    type("\x01\x01\x01t");
    assert_non_null(strstr(sent, "*** Serial input to Torpor"));
    assert_int_equal(shown, 1);
    assert_string_equal(dom0_reads(), "");
    type("\x01\x01\x01t");
    assert_int_equal(shown, 1);
    assert_string_equal(dom0_reads(), "t");
}

static void fewer_switch_characters_are_dom0s(void **state)
{
    (void)state;
    type("\x01x\x01\x01y");
    assert_string_equal(dom0_reads(), "\x01x\x01\x01y");
}

static void input_that_dom0_does_not_read_is_bounded(void **state)
{
    char text[1001];

    (void)state;
    memset(text, 'k', 1000);
    text[1000] = 0;
    typed = text;
    while (*typed)
        console_interrupt();
    assert_int_equal(strlen(dom0_reads()), 256);
}

static void registered_keys_are_bounded(void **state)
{
    int err = 0;

    (void)state;
    for (int key = 128; key < 200 && !err; key++)
        err = console_key_register((char)key, show, "x");
    assert_int_equal(err, -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(early_lines_come_out_when_the_uart_starts, setup),
        cmocka_unit_test_setup(a_sleeping_uart_gets_nothing_and_comes_back_as_it_was, setup),
        cmocka_unit_test_setup(a_newline_within_begins_another_line, setup),
        cmocka_unit_test_setup(lines_that_are_too_long_are_cut, setup),
        cmocka_unit_test_setup(ring_is_read_once_if_incremental, setup),
        cmocka_unit_test_setup(ring_keeps_the_newest_and_a_wrong_index_is_harmless, setup),
        cmocka_unit_test_setup(dom0s_text_goes_out_as_it_is, setup),
        cmocka_unit_test_setup(keys_are_the_hypervisors_before_dom0_is_there, setup),
        cmocka_unit_test_setup(keys_are_listed, setup),
        cmocka_unit_test_setup(reset_key_resets, setup),
        cmocka_unit_test_setup(input_goes_to_dom0_once_it_is_there, setup),
        cmocka_unit_test_setup(who_reads_the_ring_hears_of_each_line_of_the_hypervisors, setup),
        cmocka_unit_test_setup(crash_key_panics, setup),
        cmocka_unit_test_setup(a_panic_prints_whatever_holds_the_console, setup),
        cmocka_unit_test_setup(three_switch_characters_move_the_input, setup),
        cmocka_unit_test_setup(fewer_switch_characters_are_dom0s, setup),
        cmocka_unit_test_setup(input_that_dom0_does_not_read_is_bounded, setup),
        cmocka_unit_test_setup(registered_keys_are_bounded, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
