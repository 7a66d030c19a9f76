// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/shutdown.c hypervisor/vm/pause.c */
/*
 * How a domain is shut down, resumed and paused: who tells the toolstack, with which reason, and that pauses are
 * counted right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include <xen/xen.h>
#include <xen/sched.h>

#include "base/options.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

struct options options;
struct domain *dom0;
static struct domain d;
static struct vcpu v, *vcpus[1] = { &v };
static unsigned virqs, events, sent_to;
static bool asleep, clock_begun, resume_waits;
struct cpu cpus[MAX_CPUS];
static uint64_t result;   /* of the vCPU's last call */

void printk(const char *fmt, ...) { (void)fmt; }
void cpu_halt(void) { abort(); }
void psci_system_off(void) { abort(); }
void psci_system_reset(void) { abort(); }
void machine_stop_others(void) { abort(); }
void machine_enter_crash_kernel(void) { abort(); }
void core_set_result(struct vcpu *of, uint64_t value) { assert_ptr_equal(of, &v); result = value; }
void records_begin(struct domain *of) { (void)of; }
void clock_begin(struct domain *of) { (void)of; clock_begun = true; }
void evtchn_send_global_virq(unsigned virq) { assert_int_equal(virq, VIRQ_DOM_EXC); virqs++; }
int evtchn_send(struct domain *of, uint32_t port) { (void)of; events++; sent_to = port; return 0; }

void sched_sleep(struct sched_vcpu *s)
{
    (void)s;
    if (domain_is_paused(&d))
        asleep = true;
    resume_waits = !spin_trylock(&d.shutdown.lock);
    if (!resume_waits)
        spin_unlock(&d.shutdown.lock);
}

/* The vCPU leaves its CPU at the end of its trap. */
void sched_sleep_sync(struct sched_vcpu *s)
{
    sched_sleep(s);
    s->running = false;
}

void sched_wake(struct sched_vcpu *s) { (void)s; if (!domain_is_paused(&d)) asleep = false; }

static int a_running_domain(void **state)
{
    (void)state;
    d = (struct domain){ .id = 3, .max_vcpus = 1, .vcpus = vcpus };
    virqs = events = sent_to = 0;
    asleep = clock_begun = false;
    v.domain = &d;
    v.sched.running = false;
    this_cpu()->current = &v;
    result = 0;
    return 0;
}

static unsigned reason_of(void)
{
    unsigned reason;

    assert_true(domain_is_down(&d, &reason));
    return reason;
}

static void the_first_shutdown_is_told_and_stays(void **state)
{
    (void)state;
    domain_shutdown(&d, SHUTDOWN_reboot);
    domain_shutdown(&d, SHUTDOWN_crash);
    assert_int_equal(reason_of(), SHUTDOWN_reboot);
    assert_int_equal(virqs, 1);
    assert_true(asleep);
    assert_int_equal(d.pause.count, 1);
    domain_resume(&d);
    domain_resume(&d);
    assert_false(asleep);
    assert_int_equal(d.pause.count, 0);
}

static void a_latched_reason_is_reported(void **state)
{
    (void)state;
    domain_latch_shutdown(&d, SHUTDOWN_crash);
    domain_latch_shutdown(&d, SHUTDOWN_reboot);
    domain_shutdown(&d, SHUTDOWN_poweroff);
    assert_int_equal(reason_of(), SHUTDOWN_crash);
    domain_resume(&d);
    domain_shutdown(&d, SHUTDOWN_poweroff);
    assert_int_equal(reason_of(), SHUTDOWN_poweroff);
}

static void a_suspend_goes_to_the_port_that_subscribed(void **state)
{
    (void)state;
    domain_subscribe_suspend(&d, 7);
    domain_shutdown(&d, SHUTDOWN_suspend);
    assert_int_equal(events, 1);
    assert_int_equal(sent_to, 7);
    assert_int_equal(virqs, 0);
    domain_resume(&d);
    domain_shutdown(&d, SHUTDOWN_poweroff);
    assert_int_equal(virqs, 1);
}

static void a_dying_domain_is_not_shut_down(void **state)
{
    unsigned reason;

    (void)state;
    d.life = DOMAIN_DYING;
    domain_shutdown(&d, SHUTDOWN_watchdog);
    assert_false(domain_is_down(&d, &reason));
    assert_int_equal(virqs, 0);
    assert_int_equal(d.pause.count, 0);
}

static void the_toolstack_takes_back_only_its_own_pauses(void **state)
{
    (void)state;
    domain_pause_init(&d);
    asleep = true;
    domain_pause(&d);
    domain_start(&d);
    assert_true(clock_begun);
    assert_int_equal(domain_unpause_by_controller(&d), 0);
    assert_int_equal(domain_unpause_by_controller(&d), -EINVAL);
    assert_true(asleep);
    clock_begun = false;
    domain_start(&d);
    assert_false(clock_begun);
    domain_unpause(&d);
    assert_false(asleep);
    for (unsigned i = 0; i < 255; i++)
        assert_int_equal(domain_pause_by_controller(&d), 0);
    assert_int_equal(domain_pause_by_controller(&d), -EOVERFLOW);
}

/*
 * Resumed in the middle of a shutdown, it is not unpaused before it is paused: its count would wrap, and waiters then
 * wait for ever.
 */
static void nobody_resumes_what_is_shut_down_but_not_paused_yet(void **state)
{
    (void)state;
    domain_shutdown(&d, SHUTDOWN_suspend);
    assert_true(resume_waits);
    resume_waits = false;
    domain_pause(&d);
    assert_false(resume_waits);
}

/* xen/include/public/sched.h: 1, for the domain is the one that it was. */
static void who_suspended_itself_and_is_resumed_reads_that_it_was_cancelled(void **state)
{
    (void)state;
    domain_shutdown(&d, SHUTDOWN_suspend);
    assert_true(domain_awaits_resume(&d));
    assert_int_equal(result, 0);
    domain_resume(&d);
    assert_int_equal(result, 1);
    assert_false(domain_awaits_resume(&d));
    result = 0;
    domain_resume(&d);
    assert_int_equal(result, 0);
}

/* Its trap may go on for long, and may itself want the lock: in a list of calls, behind the one that suspends. */
static void who_resumes_waits_for_the_callers_trap_without_the_lock(void **state)
{
    (void)state;
    domain_shutdown(&d, SHUTDOWN_suspend);
    v.sched.running = true;
    resume_waits = true;
    domain_resume(&d);
    assert_false(resume_waits);
    assert_false(v.sched.running);
    assert_int_equal(result, 1);
    assert_false(asleep);
}

/* A watchdog fires on whatever it interrupts. */
static void who_was_interrupted_by_the_shutdown_reads_nothing_new(void **state)
{
    (void)state;
    domain_latch_shutdown(&d, SHUTDOWN_suspend);
    assert_true(domain_shutdown(&d, SHUTDOWN_watchdog));
    assert_false(domain_shutdown(&d, SHUTDOWN_watchdog));
    assert_int_equal(reason_of(), SHUTDOWN_suspend);
    domain_resume(&d);
    assert_int_equal(result, 0);
}

static void who_was_shut_down_by_another_reads_nothing_new(void **state)
{
    (void)state;
    this_cpu()->current = NULL;
    domain_shutdown(&d, SHUTDOWN_suspend);
    domain_resume(&d);
    assert_int_equal(result, 0);
    this_cpu()->current = &v;
    domain_shutdown(&d, SHUTDOWN_crash);
    assert_false(domain_awaits_resume(&d));
    domain_resume(&d);
    assert_int_equal(result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_shutdown_is_told_and_stays, a_running_domain),
        cmocka_unit_test_setup(a_latched_reason_is_reported, a_running_domain),
        cmocka_unit_test_setup(a_suspend_goes_to_the_port_that_subscribed, a_running_domain),
        cmocka_unit_test_setup(a_dying_domain_is_not_shut_down, a_running_domain),
        cmocka_unit_test_setup(the_toolstack_takes_back_only_its_own_pauses, a_running_domain),
        cmocka_unit_test_setup(who_suspended_itself_and_is_resumed_reads_that_it_was_cancelled, a_running_domain),
        cmocka_unit_test_setup(who_resumes_waits_for_the_callers_trap_without_the_lock, a_running_domain),
        cmocka_unit_test_setup(who_was_interrupted_by_the_shutdown_reads_nothing_new, a_running_domain),
        cmocka_unit_test_setup(who_was_shut_down_by_another_reads_nothing_new, a_running_domain),
        cmocka_unit_test_setup(nobody_resumes_what_is_shut_down_but_not_paused_yet, a_running_domain),
    };

    return cmocka_run_group_tests_name("shutdown", tests, NULL, NULL);
}
