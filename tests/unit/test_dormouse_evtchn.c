// SPDX-License-Identifier: Apache-2.0
/* sources: dormouse/xen/evtchn.c */
/* A guest's event channels, in one life and from one life into the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/suspend.h"
#include "lib/errno.h"
#include "machine/start.h"

static struct shared_info shared;
static struct vcpu_info infos[MAX_CPUS];
static evtchn_port_t next_port;             /* that the hypervisor gives */
static unsigned registrations, calls[8];

struct vcpu_info *vcpu_info_of(unsigned id) { return &infos[id]; }
struct shared_info *shared_info_map(void) { return &shared; }
void upcall_init_cpu(void) { }
void panic(const char *fmt, ...) { fail_msg("%s", fmt); abort(); }

long hypercall2(unsigned long number, uint64_t cmd, uint64_t arg)
{
    assert_int_equal(number, __HYPERVISOR_event_channel_op);
    if (cmd == EVTCHNOP_unmask) {
        evtchn_port_t port = ((struct evtchn_unmask *)arg)->port;

        shared.evtchn_mask[port / 64] &= ~BIT(port % 64);
        if (shared.evtchn_pending[port / 64] & BIT(port % 64)) {
            infos[0].evtchn_pending_sel |= BIT(port / 64);
            infos[0].evtchn_upcall_pending = 1;
        }
        return 0;
    }
    assert_int_equal(cmd, EVTCHNOP_bind_ipi);
    ((struct evtchn_bind_ipi *)arg)->port = next_port++;
    return 0;
}

long hypercall3(unsigned long number, uint64_t cmd, uint64_t vcpu, uint64_t arg)
{
    (void)vcpu, (void)arg;
    assert_int_equal(number, __HYPERVISOR_vcpu_op);
    assert_int_equal(cmd, VCPUOP_register_vcpu_info);
    registrations++;
    return 0;
}

/* As the hypervisor tells it: nothing but a selector bit that was clear makes it set the flag. */
static void send(evtchn_port_t port)
{
    shared.evtchn_pending[port / 64] |= BIT(port % 64);
    if (shared.evtchn_mask[port / 64] & BIT(port % 64) || infos[0].evtchn_pending_sel & BIT(port / 64))
        return;
    infos[0].evtchn_pending_sel |= BIT(port / 64);
    infos[0].evtchn_upcall_pending = 1;
}

static void take(void)
{
    if (infos[0].evtchn_upcall_pending)
        evtchn_upcall();
}

static void begin_new_life(evtchn_port_t first_port)
{
    struct suspend suspend = { .new_domain = true };
    struct sleep sleep = { .context = &suspend };

    memset(&shared, 0, sizeof(shared));
    next_port = first_port;
    evtchn_stage.leave(&sleep);
}

static void count(evtchn_port_t port) { calls[port]++; }

static int begin(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    memset(infos, 0, sizeof(infos));
    memset(calls, 0, sizeof(calls));
    evtchn_init();
    return 0;
}

static void an_event_calls_its_handler_once(void **state)
{
    (void)state;
    evtchn_register(3, count);
    send(3);
    send(3);
    take();
    take();
    assert_int_equal(calls[3], 1);
    assert_int_equal(shared.evtchn_pending[0], 0);
}

static void what_comes_while_a_port_is_masked_is_seen_when_it_is_not(void **state)
{
    (void)state;
    send(4);
    take();
    assert_int_equal(calls[4], 0);
    evtchn_register(4, count);
    take();
    assert_int_equal(calls[4], 1);
}

static void an_event_that_was_saved_half_told_keeps_none_of_the_next_life_from_being_told(void **state)
{
    (void)state;
    infos[0].evtchn_pending_sel = 1;
    begin_new_life(1);
    evtchn_register(5, count);
    send(5);
    take();
    assert_int_equal(calls[5], 1);
}

/* As on a CPU that was stopped in the old life and goes on in the new one. */
static void outlives_its_domain(evtchn_port_t port)
{
    count(port);
    begin_new_life(1);
    evtchn_register(6, count);      /* another port than 6 was */
    send(7);                        /* whose handler is not there yet */
}

static void events_of_the_old_life_are_neither_served_nor_cleared_in_the_new_one(void **state)
{
    (void)state;
    evtchn_register(5, outlives_its_domain);
    evtchn_register(6, count);
    evtchn_register(7, count);
    send(5);
    send(6);
    send(7);
    take();
    assert_int_equal(calls[5], 1);
    assert_int_equal(calls[6], 0);
    assert_int_equal(calls[7], 0);
    evtchn_register(7, count);
    take();
    assert_int_equal(calls[7], 1);
}

static void a_kept_port_is_bound_anew_and_another_cpus_is_left_alone(void **state)
{
    unsigned own, other;

    (void)state;
    next_port = 1;
    own = evtchn_keep_ipi(0, count);
    other = evtchn_keep_ipi(1, count);
    begin_new_life(3);
    assert_int_equal(evtchn_kept_port(own), 3);
    assert_int_equal(evtchn_kept_port(other), 4);
    assert_int_equal(evtchn_keep_ipi(1, count), other);
    send(3);
    send(4);
    take();
    assert_int_equal(calls[3], 1);
    assert_int_equal(calls[4], 0);
    assert_true(evtchn_pending(4));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_calls_its_handler_once),
        TEST(what_comes_while_a_port_is_masked_is_seen_when_it_is_not),
        TEST(an_event_that_was_saved_half_told_keeps_none_of_the_next_life_from_being_told),
        TEST(events_of_the_old_life_are_neither_served_nor_cleared_in_the_new_one),
        TEST(a_kept_port_is_bound_anew_and_another_cpus_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
