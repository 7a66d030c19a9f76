// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/base/panic.c */
/* A panic's steps: each is tried once, whatever happens in one of them, and the last is always reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/lock.h"
#include "base/cpu.h"
#include "base/options.h"
#include "base/panic.h"
#include "base/printk.h"

struct cpu cpus[MAX_CPUS];
struct options options;
char image_start[1], text_end[1];

static jmp_buf halted;
static char said[4096], raw[4096];
static unsigned stops, crash_kernels, resets, stopped_here;
static bool has_output;
static const char *fails_at;   /* a step that panics itself */
static struct spinlock held = SPINLOCK_INIT;

void cpu_halt(void) { longjmp(halted, 1); }

void cpu_stop_here(void)
{
    stopped_here++;
    longjmp(halted, 1);
}

static void may_fail(const char *step)
{
    if (fails_at && !strcmp(step, fails_at))
        panic("%s fails", step);
}

void machine_stop_others(void)
{
    stops++;
    may_fail("stop");
}

void machine_enter_crash_kernel(void)
{
    crash_kernels++;
    may_fail("crash kernel");
}

void machine_reset(void)
{
    resets++;
    may_fail("reset");
}

void machine_print_raw(const char *text)
{
    strcpy(raw, text);
    may_fail("raw");
}

bool printk_has_output(void) { return has_output; }

void printk(const char *fmt, ...)
{
    size_t n = strlen(said);
    va_list ap;

    panic_proof_lock(&held);
    va_start(ap, fmt);
    vsnprintf(said + n, sizeof(said) - n, fmt, ap);
    va_end(ap);
    strcat(said, "\n");
    panic_proof_unlock(&held);
    if (strstr(fmt, "panic:"))
        may_fail("report");
}

size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
    (void)index, (void)incremental, (void)clear;
    return (size_t)snprintf(buf, size, "%s", said);
}

/* panic.c's state is that of one run: each test is a process' worth of it. */
static void panics(const char *fails, bool noreboot)
{
    fails_at = fails;
    options.noreboot = noreboot;
    if (!setjmp(halted))
        panic("number %d", 1);
}

static void every_step_is_tried_once_and_the_first_reason_is_told(void **state)
{
    const char *fails = *state;

    has_output = false;
    spin_lock(&held);   /* as by a CPU that will not run again */
    panics(fails, false);
    assert_true(panic_under_way());
    assert_int_equal(stops, 1);
    assert_int_equal(crash_kernels, 1);
    assert_int_equal(resets, 1);
    assert_non_null(strstr(said, "panic: number 1"));
    assert_null(strstr(said, "fails"));
    assert_non_null(strstr(said, "resetting the machine"));
    assert_non_null(strstr(raw, "number 1"));

    /* Another CPU that panics meanwhile stands still, and starts nothing. */
    host_cpu = 1;
    if (!setjmp(halted))
        panic("number 2");
    assert_int_equal(stopped_here, 1);
    assert_int_equal(stops + resets, 2);
    assert_null(strstr(said, "number 2"));
}

static void noreboot_halts(void **state)
{
    (void)state;
    has_output = true;
    panics(NULL, true);
    assert_int_equal(stops, 1);
    assert_int_equal(resets, 0);
    assert_non_null(strstr(said, "halted, as noreboot says"));
    assert_int_equal(raw[0], 0);
}

static void last_words_that_fault_do_not_reset_a_machine_that_cannot_start(void **state)
{
    (void)state;
    has_output = false;
    fails_at = "raw";
    if (!setjmp(halted))
        machine_halt();
    assert_int_equal(stops + resets, 0);
}

int main(int argc, char **argv)
{
    static char *const steps[] = { "", "stop", "report", "crash kernel", "raw", "reset" };
    struct CMUnitTest one[] = { cmocka_unit_test(every_step_is_tried_once_and_the_first_reason_is_told) };
    const struct CMUnitTest halts[] = { cmocka_unit_test(noreboot_halts) };
    const struct CMUnitTest faults[] = { cmocka_unit_test(
        last_words_that_fault_do_not_reset_a_machine_that_cannot_start) };
    char command[600];
    int failed = 0;

    if (argc == 3 && !strcmp(argv[1], "fails")) {
        one[0].initial_state = argv[2];
        return cmocka_run_group_tests(one, NULL, NULL);
    }
    if (argc == 2)
        return strcmp(argv[1], "halts") ? cmocka_run_group_tests(faults, NULL, NULL)
                                        : cmocka_run_group_tests(halts, NULL, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
        snprintf(command, sizeof(command), "%s fails '%s'", argv[0], steps[i]);
        failed += system(command) != 0;
    }
    snprintf(command, sizeof(command), "%s halts && %s faults", argv[0], argv[0]);
    failed += system(command) != 0;
    return failed;
}
