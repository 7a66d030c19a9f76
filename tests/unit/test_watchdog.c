// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/cpu/timer.c lib/heap.c hypervisor/base/time.c hypervisor/vm/watchdog.c */
/*
 * Watchdogs: they bark once their time has run, not while they stand still, and never for a domain that is being taken
 * apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <xen/sched.h>

#include "arch/sysreg.h"
#include "base/printk.h"
#include "base/time.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "vm/domain.h"

#define SECOND UINT64_C(1000000)

struct cpu cpus[MAX_CPUS];
static uint64_t now, comparator, enabled;
static struct domain domain, *const d = &domain;
static unsigned barks;
static bool down;

unsigned cpus_present(void) { return 1; }
int irq_request(unsigned irq, irq_handler *handler, void *data, const char *name)
{
    (void)irq;
    (void)handler;
    (void)data;
    (void)name;
    return 0;
}
void gic_set_type(unsigned irq, enum gic_type type) { (void)irq; (void)type; }
void gic_enable_irq(unsigned irq) { (void)irq; }
uint64_t host_read_sysreg(const char *name) { return strcmp(name, "cntpct_el0") ? SECOND : now; }
void host_write_sysreg(uint64_t value, const char *name)
{
    *(strcmp(name, "cnthp_cval_el2") ? &enabled : &comparator) = value;
}
void printk(const char *fmt, ...) { (void)fmt; }

bool domain_shutdown(struct domain *of, unsigned reason)
{
    assert_ptr_equal(of, d);
    assert_int_equal(reason, SHUTDOWN_watchdog);
    barks += !down;
    return !down;
}

static void pass(uint64_t seconds)
{
    now += seconds * SECOND;
    if (enabled && comparator <= now)
        timer_interrupt();
}

static int a_domain(void **state)
{
    (void)state;
    domain = (struct domain){ .id = 3 };
    now = 1000;
    enabled = 0;
    time_init(0);
    watchdogs_init(d);
    barks = 0;
    down = false;
    return 0;
}

static int its_end(void **state)
{
    (void)state;
    watchdogs_end(d);
    return 0;
}

static void it_barks_when_its_time_has_run(void **state)
{
    (void)state;
    assert_int_equal(domain_watchdog(d, 0, 0), -EINVAL);
    assert_int_equal(domain_watchdog(d, 1, 5), -EINVAL);
    assert_int_equal(domain_watchdog(d, 0, 5), 1);
    assert_int_equal(domain_watchdog(d, 0, 50), 2);
    assert_int_equal(domain_watchdog(d, 0, 5), -ENOSPC);
    pass(4);
    assert_int_equal(domain_watchdog(d, 1, 5), 0);   /* fed */
    pass(4);
    assert_int_equal(barks, 0);
    pass(2);
    assert_int_equal(barks, 1);
    assert_int_equal(domain_watchdog(d, 2, 0), 0);
    pass(100);
    assert_int_equal(barks, 1);
}

/* Nobody feeds it, so it does not bark at one that is resumed, nor stands at nothing in its record. */
static void while_its_domain_is_down_it_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(domain_watchdog(d, 0, 5), 1);
    down = true;
    pass(5);
    pass(3);
    domain_watchdogs_halt(d);
    assert_int_equal(d->watchdogs.each[0].left, 2 * SECOND);
    domain_watchdogs_continue(d);
    pass(2);
    pass(4);
    down = false;
    assert_int_equal(barks, 0);
    pass(1);
    assert_int_equal(barks, 1);
}

static void while_its_domain_sleeps_it_stands_still(void **state)
{
    (void)state;
    assert_int_equal(domain_watchdog(d, 0, 5), 1);
    pass(3);
    domain_watchdogs_halt(d);
    domain_watchdogs_halt(d);
    pass(100);
    domain_watchdogs_continue(d);
    pass(100);
    assert_int_equal(barks, 0);
    domain_watchdogs_continue(d);
    pass(1);
    assert_int_equal(barks, 0);
    pass(2);
    assert_int_equal(barks, 1);
}

static void one_that_is_set_while_they_stand_still_waits_too(void **state)
{
    (void)state;
    domain_watchdogs_halt(d);
    assert_int_equal(domain_watchdog(d, 0, 5), 1);
    pass(100);
    assert_int_equal(barks, 0);
    domain_watchdogs_continue(d);
    pass(4);
    assert_int_equal(barks, 0);
    pass(2);
    assert_int_equal(barks, 1);
}

static void none_can_be_set_for_a_domain_that_is_being_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(domain_watchdog(d, 0, 5), 1);
    domain_watchdogs_halt(d);
    watchdogs_end(d);
    assert_int_equal(domain_watchdog(d, 0, 5), -ESRCH);
    assert_int_equal(domain_watchdog(d, 1, 5), -ESRCH);
    domain_watchdogs_continue(d);   /* its vCPU wakes once more */
    pass(100);
    assert_int_equal(barks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_barks_when_its_time_has_run, a_domain, its_end),
        cmocka_unit_test_setup_teardown(while_its_domain_is_down_it_begins_anew, a_domain, its_end),
        cmocka_unit_test_setup_teardown(while_its_domain_sleeps_it_stands_still, a_domain, its_end),
        cmocka_unit_test_setup_teardown(one_that_is_set_while_they_stand_still_waits_too, a_domain, its_end),
        cmocka_unit_test_setup_teardown(none_can_be_set_for_a_domain_that_is_being_taken_apart, a_domain, its_end),
    };

    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
