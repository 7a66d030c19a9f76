// SPDX-License-Identifier: Apache-2.0
/*
 * Event channels in the 2-level form: the life of a port, who is told and when, and every refusal that the public
 * header names. Two ports of this domain are bound to each other, so that both ends can be seen.
 */
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "tests/guests/tap.h"

static volatile unsigned seen[EVTCHN_2L_NR_CHANNELS];
static volatile unsigned seen_on;

static void count(evtchn_port_t port)
{
    seen_on = this_cpu()->id;
    seen[port]++;
}

static struct evtchn_status status_of(evtchn_port_t port)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

    if (event_channel_op(EVTCHNOP_status, &s))
        s.status = ~0u;
    return s;
}

static void loopback(void)
{
    evtchn_port_t a, b, c;

    expect_equal("alloc_unbound", evtchn_alloc_unbound(DOMID_SELF, &a), 0);
    expect_equal("new_port_is_unbound", status_of(a).status, EVTCHNSTAT_unbound);
    expect_equal("new_port_notifies_vcpu_0", status_of(a).vcpu, 0);
    expect_equal("send_on_an_unbound_port_is_dropped", evtchn_send(a), 0);
    expect_equal("bind_interdomain", evtchn_bind_interdomain(DOMID_SELF, a, &b), 0);
    expect_true("bind_makes_the_local_port_pending", evtchn_pending(b));
    evtchn_clear(b);
    expect_equal("bound_port_is_interdomain", status_of(a).status, EVTCHNSTAT_interdomain);
    expect_equal("bound_port_knows_the_other", status_of(a).u.interdomain.port, b);
    expect_equal("the_other_knows_it", status_of(b).u.interdomain.port, a);
    expect_equal("a_bound_port_is_bound_once", evtchn_bind_interdomain(DOMID_SELF, a, &c), -EINVAL);

    evtchn_register(a, count);
    evtchn_register(b, count);
    expect_equal("send", evtchn_send(a), 0);
    expect_true("the_other_end_is_called", wait_until(seen[b] == 1, 1000));
    expect_equal("the_sending_end_is_not", seen[a], 0);
    expect_equal("and_back", evtchn_send(b), 0);
    expect_true("the_first_end_is_called", wait_until(seen[a] == 1, 1000));

    /* masked: pending is set, nobody is called until the hypercall unmasks */
    evtchn_mask(b);
    seen[b] = 0;
    evtchn_send(a);
    expect_true("a_masked_port_becomes_pending", evtchn_pending(b));
    expect_true("a_masked_port_does_not_call", !wait_until(seen[b], 20));
    expect_equal("unmask", evtchn_unmask(b), 0);
    expect_true("unmask_delivers_what_was_pending", wait_until(seen[b] == 1, 1000));
    expect_true("delivery_cleared_pending", !evtchn_pending(b));
    expect_equal("unmask_again_delivers_nothing", evtchn_unmask(b), 0);
    expect_true("not_even_later", !wait_until(seen[b] > 1, 20));

    /* interrupts off: any number of sends is one event */
    irq_disable();
    seen[b] = 0;
    for (unsigned i = 0; i < 5; i++)
        evtchn_send(a);
    irq_enable();
    expect_true("sends_to_a_pending_port_merge", wait_until(seen[b], 1000) && !wait_until(seen[b] > 1, 20));

    expect_equal("close", evtchn_close(a), 0);
    expect_equal("closed_port_is_closed", status_of(a).status, EVTCHNSTAT_closed);
    expect_equal("its_other_end_is_unbound", status_of(b).status, EVTCHNSTAT_unbound);
    expect_equal("close_again", evtchn_close(a), -EINVAL);
    expect_equal("close_the_other", evtchn_close(b), 0);
    evtchn_alloc_unbound(DOMID_SELF, &c);
    expect_true("a_closed_port_is_used_again", c == a || c == b);
    expect_true("a_port_used_again_is_not_pending", !evtchn_pending(c));
    evtchn_close(c);
}

static void ipis(void)
{
    evtchn_port_t p, q;
    struct evtchn_bind_vcpu v;

    expect_equal("bind_ipi", evtchn_bind_ipi(0, &p), 0);
    expect_equal("ipi_status", status_of(p).status, EVTCHNSTAT_ipi);
    evtchn_register(p, count);
    seen[p] = 0;
    evtchn_send(p);
    expect_true("ipi_arrives", wait_until(seen[p] == 1, 1000));
    v = (struct evtchn_bind_vcpu){ .port = p, .vcpu = 0 };
    expect_equal("ipi_keeps_its_vcpu", event_channel_op(EVTCHNOP_bind_vcpu, &v), -EINVAL);
    expect_equal("ipi_for_no_vcpu", evtchn_bind_ipi(500, &q), -ENOENT);
    evtchn_close(p);
}

static void virqs(void)
{
    evtchn_port_t p, q;
    struct evtchn_bind_vcpu v;

    expect_equal("bind_virq_timer", evtchn_bind_virq(VIRQ_TIMER, 0, &p), 0);
    expect_equal("virq_status", status_of(p).status, EVTCHNSTAT_virq);
    expect_equal("virq_is_known_by_number", status_of(p).u.virq, VIRQ_TIMER);
    expect_equal("virq_is_bound_once_per_vcpu", evtchn_bind_virq(VIRQ_TIMER, 0, &q), -EEXIST);
    v = (struct evtchn_bind_vcpu){ .port = p, .vcpu = 0 };
    expect_equal("virq_of_a_vcpu_keeps_it", event_channel_op(EVTCHNOP_bind_vcpu, &v), -EINVAL);
    expect_equal("a_virq_cannot_be_sent", evtchn_send(p), -EINVAL);
    evtchn_close(p);
    expect_equal("a_closed_virq_can_be_bound_again", evtchn_bind_virq(VIRQ_TIMER, 0, &p), 0);
    evtchn_close(p);
    expect_equal("bind_virq_debug", evtchn_bind_virq(VIRQ_DEBUG, 0, &p), 0);
    evtchn_close(p);
    expect_equal("virq_beyond_the_last", evtchn_bind_virq(NR_VIRQS, 0, &p), -EINVAL);
    expect_equal("virq_for_no_vcpu", evtchn_bind_virq(VIRQ_TIMER, 500, &p), -ENOENT);
    expect_equal("global_virq_only_on_vcpu_0", evtchn_bind_virq(VIRQ_ARGO, 1, &p), -EINVAL);
}

static void refusals(void)
{
    evtchn_port_t p, q;
    struct evtchn_status s = { .dom = 0, .port = 1 };
    struct evtchn_reset r = { .dom = 0 };
    struct evtchn_alloc_unbound a = { .dom = 0, .remote_dom = DOMID_SELF };
    struct evtchn_bind_pirq pirq = { .pirq = 33 };
    struct evtchn_set_priority prio = { .port = 1, .priority = 3 };

    expect_equal("send_on_port_0", evtchn_send(0), -EINVAL);
    expect_equal("send_beyond_the_last", evtchn_send(EVTCHN_2L_NR_CHANNELS), -EINVAL);
    expect_equal("send_far_beyond", evtchn_send(~0u), -EINVAL);
    expect_equal("close_port_0", evtchn_close(0), -EINVAL);
    expect_equal("close_far_beyond", evtchn_close(~0u), -EINVAL);
    expect_equal("unmask_beyond_the_last", evtchn_unmask(EVTCHN_2L_NR_CHANNELS), -EINVAL);
    expect_equal("status_of_dom0_is_refused", event_channel_op(EVTCHNOP_status, &s), -EPERM);
    s.dom = 0x7000;
    expect_equal("status_of_nobody", event_channel_op(EVTCHNOP_status, &s), -ESRCH);
    s.dom = DOMID_SELF, s.port = ~0u;
    expect_equal("status_beyond_the_last", event_channel_op(EVTCHNOP_status, &s), -EINVAL);
    expect_equal("reset_of_dom0_is_refused", event_channel_op(EVTCHNOP_reset, &r), -EPERM);
    expect_equal("alloc_in_dom0_is_refused", event_channel_op(EVTCHNOP_alloc_unbound, &a), -EPERM);
    a.dom = 0x7000;
    expect_equal("alloc_in_nobody", event_channel_op(EVTCHNOP_alloc_unbound, &a), -ESRCH);
    expect_equal("bind_to_nobody", evtchn_bind_interdomain(0x7000, 1, &p), -ESRCH);
    expect_equal("bind_to_a_closed_port_of_dom0", evtchn_bind_interdomain(0, 1000, &p), -EINVAL);
    evtchn_alloc_unbound(0, &p);
    expect_equal("bind_to_a_port_for_another", evtchn_bind_interdomain(DOMID_SELF, p, &q), -EINVAL);
    evtchn_close(p);
    expect_true("pirqs_are_not_for_arm", event_channel_op(EVTCHNOP_bind_pirq, &pirq) < 0);
    expect_equal("priority_needs_fifo", event_channel_op(EVTCHNOP_set_priority, &prio), -ENOSYS);
    expect_true("the_console_port_stands",
                status_of(hvm_param(HVM_PARAM_CONSOLE_EVTCHN)).status == EVTCHNSTAT_interdomain);
}

/* Every port that there is: the limit is an error, and all can be given back. */
static void limits(void)
{
    static evtchn_port_t ports[EVTCHN_2L_NR_CHANNELS];
    unsigned n = 0;
    long r;

    while (n < EVTCHN_2L_NR_CHANNELS && !(r = evtchn_alloc_unbound(DOMID_SELF, &ports[n])))
        n++;
    expect_equal("ports_run_out", r, -ENOSPC);
    /* xl gives a domain 1023 ports unless told otherwise; 0, console and xenstore are taken */
    expect_equal("ports_in_all", n, 1023 - 2);
    expect_true("the_last_port_works", !evtchn_send(ports[n - 1]));
    unsigned closed = 0;
    for (unsigned i = 0; i < n; i++)
        closed += !evtchn_close(ports[i]);
    expect_equal("all_are_given_back", closed, n);
}

static volatile bool second_up, second_end;

static void second(void *arg)
{
    (void)arg;
    irq_enable();
    second_up = true;
    while (!second_end)
        ;
}

static void two_vcpus(void)
{
    evtchn_port_t a, b, p;
    struct evtchn_bind_vcpu v;

    if (platform.cpus < 2) {
        skip("two_vcpus", "one vCPU");
        return;
    }
    expect_equal("second_vcpu_starts", cpu_start(1, second, NULL), 0);
    expect_true("second_vcpu_runs", wait_until(second_up, 5000));

    evtchn_bind_ipi(1, &p);
    evtchn_register(p, count);
    seen[p] = 0;
    evtchn_send(p);
    expect_true("ipi_reaches_the_other_vcpu", wait_until(seen[p] == 1, 5000) && seen_on == 1);
    evtchn_close(p);

    evtchn_alloc_unbound(DOMID_SELF, &a);
    evtchn_bind_interdomain(DOMID_SELF, a, &b);
    evtchn_clear(b);
    v = (struct evtchn_bind_vcpu){ .port = b, .vcpu = 1 };
    expect_equal("bind_vcpu", event_channel_op(EVTCHNOP_bind_vcpu, &v), 0);
    expect_equal("status_tells_the_vcpu", status_of(b).vcpu, 1);
    evtchn_register(b, count);
    seen[b] = 0;
    evtchn_send(a);
    expect_true("bound_port_calls_its_vcpu", wait_until(seen[b] == 1, 5000) && seen_on == 1);
    v.vcpu = 0;
    event_channel_op(EVTCHNOP_bind_vcpu, &v);
    seen[b] = 0;
    evtchn_send(a);
    expect_true("and_can_be_moved_back", wait_until(seen[b] == 1, 5000) && seen_on == 0);
    v.vcpu = 500;
    expect_equal("bind_to_no_vcpu", event_channel_op(EVTCHNOP_bind_vcpu, &v), -ENOENT);
    evtchn_close(a);
    evtchn_close(b);

    expect_equal("virq_of_the_other_vcpu", evtchn_bind_virq(VIRQ_TIMER, 1, &a), 0);
    expect_equal("virqs_of_vcpus_are_separate", evtchn_bind_virq(VIRQ_TIMER, 0, &b), 0);
    evtchn_close(a);
    evtchn_close(b);
    second_end = true;
}

static void poll_wakes(void)
{
    evtchn_port_t a, b;
    struct sched_poll p = { .nr_ports = 1, .timeout = 0 };

    evtchn_alloc_unbound(DOMID_SELF, &a);
    evtchn_bind_interdomain(DOMID_SELF, a, &b);     /* leaves b pending */
    set_xen_guest_handle(p.ports, &b);
    evtchn_mask(b);
    expect_equal("poll_returns_when_a_port_is_pending", sched_op(SCHEDOP_poll, &p), 0);
    evtchn_close(a);
    evtchn_close(b);
}

void guest_main(void)
{
    tap_begin("evtchn");
    loopback();
    ipis();
    virqs();
    refusals();
    poll_wakes();
    limits();
    two_vcpus();
    tap_end();
}
