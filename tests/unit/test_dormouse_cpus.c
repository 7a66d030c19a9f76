// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/cpus.c */
/* Which CPUs run, against dom0's writes into cpu/N/availability. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/core/smp.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/cpus.h"
#include "dormouse/xen/xenbus.h"
#include "lib/errno.h"
#include "machine/cpu.h"
#include "machine/smp.h"

static const char *said[MAX_CPUS];      /* NULL: dom0 says nothing */
static bool is_online[MAX_CPUS];
static unsigned possible, refused;      /* one that does not start */
static char printed[1024];
static void (*changed)(void *);

int xenbus_read(const char *path, char *value, size_t size)
{
    unsigned cpu;

    assert_int_equal(sscanf(path, "cpu/%u/availability", &cpu), 1);
    assert_in_range(cpu, 1, possible - 1);
    if (!said[cpu])
        return -ENOENT;
    if (strlen(said[cpu]) >= size)
        return -E2BIG;
    strcpy(value, said[cpu]);
    return (int)strlen(value);
}
int xenbus_watch(const char *path, void (*fn)(void *), void *arg)
{
    assert_string_equal(path, "cpu");
    changed = fn;
    fn(arg);
    return 0;
}
bool wait_until(struct waitqueue *queue, bool (*ready)(void *), void *arg, uint64_t deadline)
{
    (void)queue, (void)deadline;
    assert_true(ready(arg));
    return true;
}
void wake(struct waitqueue *queue) { (void)queue; }
bool smp_is_online(unsigned cpu) { return is_online[cpu]; }
int smp_cpu_up(unsigned cpu)
{
    if (cpu == refused)
        return -EIO;
    is_online[cpu] = true;
    return 0;
}
int smp_cpu_down(unsigned cpu)
{
    assert_true(cpu > 0);
    is_online[cpu] = false;
    return 0;
}
bool machine_cpu_is_possible(unsigned cpu) { return cpu < possible; }
void print(const char *fmt, ...)
{
    size_t n = strlen(printed);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(printed + n, sizeof(printed) - n, fmt, ap);
    va_end(ap);
}

static void assert_online(unsigned bits)
{
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        assert_int_equal(is_online[cpu], bits >> cpu & 1);
}

/* The program keeps what it was told at its start, so that all is one story. */
static void the_cpus_are_those_that_dom0_wants(void **state)
{
    (void)state;
    possible = 6;
    is_online[0] = true;
    said[1] = "online";
    said[2] = "offline";
    said[4] = "online";                 /* 3: nothing is said; 5: beyond maxcpus= */
    said[5] = "online";
    cpus_init(5);
    assert_online(0x1b);
    assert_string_equal(printed, "");

    said[1] = "offline";
    said[2] = "online";
    said[3] = "something else";         /* means nothing */
    changed(NULL);
    assert_online(0x1d);
    assert_non_null(strstr(printed, "CPU 1 is offline"));
    assert_non_null(strstr(printed, "CPU 2 is online"));
    assert_non_null(strstr(printed, "CPU 5 stays offline: maxcpus=5"));

    said[3] = "a value that is longer than any that means anything";
    said[4] = NULL;
    changed(NULL);
    assert_online(0x1d);

    refused = 1;
    said[1] = "online";
    said[3] = "offline";
    changed(NULL);
    assert_online(0x15);                /* the others are served */
    assert_non_null(strstr(printed, "CPU 1 does not go online: error 5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_cpus_are_those_that_dom0_wants) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
