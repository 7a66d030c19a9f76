// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/vm/evtchn/evtchn.c hypervisor/vm/evtchn/port.c */
/* sources: hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c hypervisor/vm/evtchn/deliver.c */
/* sources: hypervisor/vm/evtchn/virq.c */
/* Event channels: the life of a port, delivery in the 2-level form, polling; and random sequences of everything. */
#include "evtchn_domains.h"

#include <pthread.h>

static unsigned status_of(struct domain *d, uint32_t port)
{
    struct evtchn_port_status s;

    assert_int_equal(evtchn_status(d, port, &s), 0);
    return s.status;
}

static void ports_are_numbered_from_one_up_to_the_limit(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t n = 1; n <= 1023; n++) {
        assert_int_equal(evtchn_alloc_unbound(a, b->id, &port), 0);
        assert_int_equal(port, n);
    }
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &port), -ENOSPC);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_close(a, 500), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(port, 500);
}

static void two_level_has_4095_ports_whatever_the_domain_may(void **state)
{
    struct domain *d = domain_new(3, 1, UINT32_MAX);
    uint32_t port, last = 0;

    (void)state;
    while (evtchn_alloc_unbound(d, 0, &port) == 0)
        last = port;
    assert_int_equal(last, 4095);
    domain_end(d);
}

static void a_domain_without_ports_gets_none(void **state)
{
    struct domain *d = domain_new(3, 1, 0);
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(d, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_send(d, 0), -EINVAL);
    domain_end(d);
}

static void no_memory_for_ports_is_an_error_and_leaves_nothing(void **state)
{
    uint32_t port;

    (void)state;
    fake_fail_allocation(0);
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &port), -ENOMEM);
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &port), 0);
    assert_int_equal(port, 1);
}

static void connecting_makes_two_ends_and_tells_the_connecting_one(void **state)
{
    struct evtchn_port_status s;
    uint32_t pa, pb;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &pb), 0);
    assert_int_equal(status_of(b, pb), EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_bind_interdomain(a, b, pb, &pa), 0);
    assert_true(pending(a, pa));
    assert_int_equal(fake_injected(a->vcpus[0]), 1);
    assert_int_equal(evtchn_status(a, pa, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.remote_domain, b->id);
    assert_int_equal(s.remote_port, pb);
    assert_int_equal(evtchn_status(b, pb, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.remote_domain, a->id);
    assert_int_equal(s.remote_port, pa);
}

static void only_the_invited_domain_connects_and_only_once(void **state)
{
    struct domain *c = domain_new(3, 1, 100);
    uint32_t pb, p;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &pb), 0);
    assert_int_equal(evtchn_bind_interdomain(c, b, pb, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(b, b, pb, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, b, pb + 1, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, b, 0, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, b, UINT32_MAX, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, b, pb, &p), 0);
    assert_int_equal(evtchn_bind_interdomain(a, b, pb, &p), -EINVAL);
    domain_end(c);
}

static void a_domain_connects_with_itself(void **state)
{
    uint32_t p, q;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, a->id, &p), 0);
    assert_int_equal(evtchn_bind_interdomain(a, a, p, &q), 0);
    guest_take_all(a, 0);
    assert_int_equal(evtchn_send(a, q), 0);
    assert_true(pending(a, p));
    assert_false(pending(a, q));
    assert_int_equal(evtchn_close(a, p), 0);
    assert_int_equal(status_of(a, q), EVTCHNSTAT_unbound);
}

static void a_send_sets_the_bit_the_selector_and_the_upcall_once(void **state)
{
    uint32_t pa, pb;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_true(pending(b, pb));
    assert_int_equal(info(b, 0)->evtchn_pending_sel, BIT(pb / 64));
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 1);
    assert_int_equal(fake_injected(b->vcpus[0]), 1);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(fake_injected(b->vcpus[0]), 0);
    guest_take_all(b, 0);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(fake_injected(b->vcpus[0]), 1);
}

static void a_masked_port_waits_for_its_unmask(void **state)
{
    uint32_t pa, pb;

    (void)state;
    connect_domains(&pa, &pb);
    bitmap_set(shared(b)->evtchn_mask, pb);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_true(pending(b, pb));
    assert_int_equal(fake_injected(b->vcpus[0]), 0);
    assert_int_equal(evtchn_unmask(b, pb), 0);
    assert_int_equal(fake_injected(b->vcpus[0]), 1);
    assert_false(bitmap_test(shared(b)->evtchn_mask, pb));
    assert_int_equal(evtchn_unmask(b, pb), 0);
    assert_int_equal(fake_injected(b->vcpus[0]), 0);
}

static void what_cannot_be_sent_to_is_refused(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &port), 0);
    assert_int_equal(evtchn_send(a, port), 0);   /* an event for nobody is not an error */
    assert_int_equal(evtchn_send(a, 0), -EINVAL);
    assert_int_equal(evtchn_send(a, port + 1), -EINVAL);
    assert_int_equal(evtchn_send(a, 1023), -EINVAL);
    assert_int_equal(evtchn_send(a, 1024), -EINVAL);
    assert_int_equal(evtchn_send(a, UINT32_MAX), -EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &port), 0);
    assert_int_equal(evtchn_send(a, port), -EINVAL);
}

static void closing_one_end_leaves_the_other_waiting_for_the_same_domain(void **state)
{
    struct evtchn_port_status s;
    uint32_t pa, pb, again;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(evtchn_send(b, pb), 0);
    assert_int_equal(evtchn_close(a, pa), 0);
    assert_false(pending(a, pa));
    assert_int_equal(status_of(a, pa), EVTCHNSTAT_closed);
    assert_int_equal(evtchn_close(a, pa), -EINVAL);
    assert_int_equal(evtchn_status(b, pb, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.remote_domain, a->id);
    assert_int_equal(evtchn_send(b, pb), 0);
    assert_false(pending(a, pa));
    assert_int_equal(evtchn_bind_interdomain(a, b, pb, &again), 0);
    assert_int_equal(again, pa);
}

static void closing_what_is_no_port_is_refused(void **state)
{
    (void)state;
    assert_int_equal(evtchn_close(a, 0), -EINVAL);
    assert_int_equal(evtchn_close(a, 7), -EINVAL);
    assert_int_equal(evtchn_close(a, UINT32_MAX), -EINVAL);
}

static void a_virq_has_one_port_per_vcpu(void **state)
{
    uint32_t p0, p1, p;

    (void)state;
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &p0), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &p), -EEXIST);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 1, &p1), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 2, &p), -ENOENT);
    assert_int_equal(evtchn_bind_virq(a, EVTCHN_NR_VIRQS, 0, &p), -EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_CON_RING, 1, &p), -EINVAL);
    evtchn_send_virq(a->vcpus[0], VIRQ_TIMER);
    assert_true(pending(a, p0));
    assert_false(pending(a, p1));
    evtchn_send_virq(a->vcpus[0], VIRQ_DEBUG);
    assert_int_equal(fake_injected(a->vcpus[0]), 1);
    assert_int_equal(evtchn_bind_vcpu(a, p0, 1), -EINVAL);
    assert_int_equal(evtchn_close(a, p0), 0);
    evtchn_send_virq(a->vcpus[0], VIRQ_TIMER);
    assert_false(pending(a, p0));
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &p), 0);
}

static void a_global_virq_goes_to_dom0_or_to_its_handler(void **state)
{
    uint32_t pa, pb;

    (void)state;
    evtchn_send_global_virq(VIRQ_DOM_EXC);   /* before there is a dom0 */
    dom0 = a;
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &pa), 0);
    assert_int_equal(evtchn_bind_virq(b, VIRQ_DOM_EXC, 0, &pb), 0);
    evtchn_send_global_virq(VIRQ_DOM_EXC);
    assert_true(pending(a, pa));
    assert_false(pending(b, pb));
    guest_take_all(a, 0);

    assert_int_equal(evtchn_set_virq_handler(b, VIRQ_TIMER), -EINVAL);
    assert_int_equal(evtchn_set_virq_handler(b, EVTCHN_NR_VIRQS), -EINVAL);
    assert_int_equal(evtchn_set_virq_handler(b, VIRQ_DOM_EXC), 0);
    assert_int_equal(evtchn_set_virq_handler(b, VIRQ_DOM_EXC), 0);
    evtchn_send_global_virq(VIRQ_DOM_EXC);
    assert_false(pending(a, pa));
    assert_true(pending(b, pb));

    /* With b it goes back to dom0. */
    assert_int_equal(evtchn_domain_destroy(b, preempt_pending), 0);
    assert_int_equal(evtchn_set_virq_handler(b, VIRQ_DOM_EXC), -ESRCH);
    evtchn_send_global_virq(VIRQ_DOM_EXC);
    assert_true(pending(a, pa));
    assert_int_equal(b->refs, 2);   /* the test's, and that of its shared info page */
}

static void a_global_virq_can_be_moved_to_another_vcpu(void **state)
{
    struct evtchn_port_status s;
    uint32_t p;

    (void)state;
    dom0 = a;
    assert_int_equal(evtchn_bind_virq(a, VIRQ_CON_RING, 0, &p), 0);
    assert_int_equal(evtchn_bind_vcpu(a, p, 1), 0);
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[1], GFN(1), 0), 0);
    guest_take_all(a, 1);
    evtchn_send_global_virq(VIRQ_CON_RING);
    assert_int_equal(fake_injected(a->vcpus[1]), 1);
    assert_int_equal(fake_injected(a->vcpus[0]), 0);
    assert_int_equal(evtchn_status(a, p, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_virq);
    assert_int_equal(s.virq, VIRQ_CON_RING);
    assert_int_equal(s.vcpu, 1);
    assert_int_equal(evtchn_close(a, p), 0);
    assert_int_equal(a->vcpus[0]->evtchn.virq_port[VIRQ_CON_RING], 0);
}

static void an_ipi_stays_with_its_vcpu(void **state)
{
    uint32_t p;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(a, 2, &p), -ENOENT);
    assert_int_equal(evtchn_bind_ipi(a, 1, &p), 0);
    assert_int_equal(evtchn_bind_vcpu(a, p, 0), -EINVAL);
    assert_int_equal(evtchn_bind_vcpu(a, p, 9), -ENOENT);
    /* vCPU 1 has no place for its vcpu_info yet: nothing is told, and nothing lost. */
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(fake_injected(a->vcpus[1]), 0);
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[1], GFN(1), 64), 0);
    assert_int_equal(fake_injected(a->vcpus[1]), 1);
    assert_true(pending(a, p));
}

static void a_moved_vcpu_info_takes_its_content_along_and_marks_everything(void **state)
{
    struct vcpu_info *new = (void *)((char *)fake_page(a, 2) + 128);

    (void)state;
    info(a, 0)->time.version = 6;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(2), 128), 0);
    assert_ptr_equal(info(a, 0), new);
    assert_int_equal(new->time.version, 6);
    assert_int_equal(new->evtchn_upcall_pending, 1);
    assert_true(new->evtchn_pending_sel == ~UINT64_C(0));
    assert_int_equal(fake_injected(a->vcpus[0]), 1);
    assert_int_equal(frame_refs(fake_mfn(a, 2)), 2);
    assert_true(evtchn_upcall_pending(a->vcpus[0]));
}

static void a_bad_place_for_vcpu_info_is_refused(void **state)
{
    struct vcpu *v = a->vcpus[0];

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(1), 4), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(1), PAGE_SIZE - 40), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(1), UINT32_MAX - 7), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(FAKE_GFNS), 0), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(200), 0), -EINVAL);
    fake_set_type(a, 3, P2M_RAM_RO);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(3), 0), -EINVAL);
    a->vcpus[1]->power = VCPU_ON;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[1], GFN(1), 0), -EINVAL);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(1), 0), 0);
    assert_int_equal(evtchn_register_vcpu_info(v, GFN(2), 0), -EINVAL);
    assert_int_equal(frame_refs(fake_mfn(a, 2)), 1);
}

static void a_poller_is_woken_by_its_port_alone(void **state)
{
    struct vcpu *v = b->vcpus[3];
    uint32_t p, q;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(b, 0, &p), 0);
    assert_int_equal(evtchn_bind_ipi(b, 0, &q), 0);
    evtchn_poll_begin(v, p);
    assert_int_equal(evtchn_port_pending(b, p), 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(fake_kicked(v), 0);
    bitmap_set(shared(b)->evtchn_mask, p);   /* pollers see masked ports, too */
    assert_int_equal(evtchn_send(b, p), 0);
    assert_int_equal(fake_kicked(v), 1);
    assert_false(evtchn_polling(v));
    assert_int_equal(evtchn_port_pending(b, p), 1);
    assert_int_equal(b->evtchn.pollers, 0);
    evtchn_poll_end(v);
    evtchn_poll_begin(v, EVTCHN_POLL_ANY);
    guest_take_all(b, 0);
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(fake_kicked(v), 1);
    evtchn_poll_begin(v, p);
    evtchn_poll_begin(v, q);
    assert_int_equal(b->evtchn.pollers, 1);
    evtchn_poll_end(v);
    evtchn_poll_end(v);
    assert_int_equal(b->evtchn.pollers, 0);
    evtchn_poll_begin(v, 0);   /* waits for nothing but its time-out */
    evtchn_poll_set_timeout(v, 0);
    assert_false(v->evtchn.poll_timeout.queued);
    evtchn_poll_set_timeout(v, 1000);
    assert_true(v->evtchn.poll_timeout.queued && timer_expires(&v->evtchn.poll_timeout) == 1000);
    v->evtchn.poll_timeout.fire(v->evtchn.poll_timeout.data);
    assert_int_equal(fake_kicked(v), 1);
    evtchn_poll_cancel(v);
    assert_false(v->evtchn.poll_timeout.queued || evtchn_polling(v));
    evtchn_poll_begin(v, 0);
    assert_int_equal(evtchn_send(b, p), 0);
    assert_true(evtchn_polling(v));
    evtchn_poll_end(v);
    assert_int_equal(b->evtchn.pollers, 0);
    assert_int_equal(evtchn_port_pending(b, 9999), -EINVAL);
    assert_int_equal(evtchn_port_pending(b, q + 1), 0);
}

static unsigned notified;
static void on_notify(struct domain *d, uint32_t port)
{
    assert_ptr_equal(d, a);
    notified = port;
}

static void the_hypervisors_port_is_out_of_the_guests_reach(void **state)
{
    struct evtchn_port_status s;
    uint32_t p, q;

    (void)state;
    assert_int_equal(evtchn_alloc_consumer(a, b->id, on_notify, &p), 0);
    assert_int_equal(evtchn_send(a, p), -EINVAL);
    assert_int_equal(evtchn_close(a, p), -EINVAL);
    assert_int_equal(evtchn_bind_vcpu(a, p, 1), -EINVAL);
    assert_int_equal(evtchn_status(a, p, &s), -EACCES);
    assert_int_equal(evtchn_set_priority(a, p, 1), -EINVAL);
    assert_int_equal(evtchn_unmask(a, p), 0);
    evtchn_notify(a, p);   /* nobody there yet */
    assert_int_equal(evtchn_bind_interdomain(b, a, p, &q), 0);
    guest_take_all(b, 0);
    notified = 0;
    assert_int_equal(evtchn_send(b, q), 0);
    assert_int_equal(notified, p);
    assert_false(pending(a, p));
    evtchn_notify(a, p);
    assert_true(pending(b, q));
    assert_int_equal(evtchn_reset(a, preempt_pending), 0);
    evtchn_free_consumer(a, p);
    assert_int_equal(status_of(b, q), EVTCHNSTAT_unbound);
    evtchn_free_consumer(a, p);
    evtchn_notify(a, p);
    evtchn_notify(a, 5000);
}

static void a_preempted_reset_goes_on_and_closes_everything(void **state)
{
    uint32_t p, q;
    int calls = 0, err;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(evtchn_alloc_unbound(b, a->id, &q), 0);
        assert_int_equal(evtchn_bind_interdomain(a, b, q, &p), 0);
    }
    fake_preempt_every(1);
    do {
        err = evtchn_reset(a, preempt_pending);
        calls++;
    } while (err == -ERESTART);
    assert_int_equal(err, 0);
    assert_true(calls > 2);
    for (p = 1; p < 256; p++)
        assert_int_equal(status_of(a, p), EVTCHNSTAT_closed);
    assert_int_equal(status_of(b, q), EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_alloc_unbound(a, b->id, &p), 0);
}

static int destroy_events(struct domain *d)
{
    int err;

    do
        err = evtchn_domain_destroy(d, preempt_pending);
    while (err == -ERESTART);
    return err;
}

/* The caller of a reset that was interrupted need not come back; its remains are no business of the destroy's. */
static void a_reset_never_finished_hides_no_port_from_destroy(void **state)
{
    uint32_t p, q, first_p, first_q;

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        connect_domains(&p, &q);
    fake_preempt_every(1);
    assert_int_equal(evtchn_reset(a, preempt_pending), -ERESTART);
    connect_domains(&first_p, &first_q);
    assert_int_equal(first_p, 1);
    assert_int_equal(destroy_events(a), 0);
    assert_int_equal(a->evtchn.ports_used, 0);
    assert_int_equal(status_of(b, first_q), EVTCHNSTAT_unbound);
    assert_int_equal(status_of(b, q), EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_send(b, first_q), 0);
}

/* Two vCPUs reset at once, each preempted at every turn: one is through while the other is in the middle. */
static void resets_at_once_do_not_keep_each_other_from_the_end(void **state)
{
    uint32_t p, q;
    int first, second;

    (void)state;
    for (unsigned i = 0; i < 300; i++)
        connect_domains(&p, &q);
    fake_preempt_every(1);
    do {
        first = evtchn_reset(a, preempt_pending);
        second = evtchn_reset(a, preempt_pending);
    } while (first == -ERESTART || second == -ERESTART);
    assert_int_equal(first, 0);
    assert_int_equal(second, 0);
    assert_int_equal(a->evtchn.ports_used, 0);
    assert_int_equal(a->refs, 2);   /* the test's, and that of its shared info page */
}

static void a_connection_holds_both_domains(void **state)
{
    uint32_t pa, pb;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(a->refs, 3);
    assert_int_equal(b->refs, 3);
    assert_int_equal(evtchn_close(b, pb), 0);
    assert_int_equal(a->refs, 2);
    assert_int_equal(b->refs, 2);
}

static void a_dying_domain_gets_no_ports_and_lets_its_peers_go(void **state)
{
    uint32_t pa, pb, p;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(evtchn_alloc_unbound(b, a->id, &p), 0);
    assert_int_equal(evtchn_domain_destroy(b, preempt_pending), 0);
    assert_int_equal(evtchn_bind_ipi(b, 0, &p), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, b, p, &p), -EINVAL);
    assert_int_equal(status_of(a, pa), EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(evtchn_register_vcpu_info(b->vcpus[1], GFN(1), 0), -EINVAL);
    assert_int_equal(evtchn_init_control(b, 0, GFN(1), 0), -EINVAL);
    assert_int_equal(evtchn_reset(b, preempt_pending), 0);
}

/* ---- Everything at once ---- */

static void assert_consistent(struct domain **d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t used = 0;

        for (uint32_t number = 0; number <= d[i]->evtchn.max_port; number++) {
            struct port *p = port_lookup(d[i], number);

            if (!p || p->state == PORT_FREE)
                continue;
            used++;
            assert_int_not_equal(number, 0);
            if (p->state == PORT_INTERDOMAIN) {
                assert_ptr_equal(p->peer.port->peer.port, p);
                assert_ptr_equal(p->peer.port->peer.domain, d[i]);
                assert_int_equal(p->peer.port->state, PORT_INTERDOMAIN);
            }
            if (p->state == PORT_VIRQ)
                assert_int_equal(d[i]->vcpus[virq_is_global(p->virq) ? 0 : p->vcpu]->evtchn.virq_port[p->virq], number);
        }
        assert_int_equal(used, d[i]->evtchn.ports_used);
        for (unsigned v = 0; v < d[i]->max_vcpus; v++)
            for (unsigned virq = 0; virq < EVTCHN_NR_VIRQS; virq++) {
                uint32_t number = d[i]->vcpus[v]->evtchn.virq_port[virq];

                assert_true(!number || port_lookup(d[i], number)->state == PORT_VIRQ);
            }
    }
}

static void random_step(struct domain **d, unsigned n)
{
    struct domain *x = d[fake_random_below(n)], *y = d[fake_random_below(n)];
    uint32_t port = fake_random_below(40), other = fake_random_below(40), out;
    unsigned v = fake_random_below(5);
    struct evtchn_port_status s;

    switch (fake_random_below(16)) {
    case 0: evtchn_alloc_unbound(x, y->id, &out); break;
    case 1: evtchn_bind_interdomain(x, y, port, &out); break;
    case 2: evtchn_bind_virq(x, fake_random_below(EVTCHN_NR_VIRQS + 2), v, &out); break;
    case 3: evtchn_bind_ipi(x, v, &out); break;
    case 4: case 5: evtchn_close(x, port); break;
    case 6: evtchn_status(x, port, &s); break;
    case 7: evtchn_bind_vcpu(x, port, v); break;
    case 8: evtchn_unmask(x, port); break;
    case 9: evtchn_send_virq(x->vcpus[0], fake_random_below(EVTCHN_NR_VIRQS)); break;
    case 10: evtchn_init_control(x, v, GFN(4 + v), 8 * fake_random_below(600)); break;
    case 11: evtchn_expand_array(x, GFN(fake_random_below(20))); break;
    case 12: evtchn_set_priority(x, port, fake_random_below(18)); break;
    case 13: evtchn_poll_begin(x->vcpus[0], other); break;
    case 14: if (fake_random_below(20) == 0) evtchn_reset(x, preempt_pending); break;
    default: evtchn_send(x, port); break;
    }
}

static void random_operations_keep_every_invariant(void **state)
{
    struct domain *d[3] = { a, b, domain_new(3, 1, 60) };

    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        fake_random_seed(seed);
        for (unsigned step = 0; step < 3000; step++) {
            random_step(d, 3);
            if (step % 16 == 0)
                assert_consistent(d, 3);
        }
    }
    domain_end(d[2]);
    assert_consistent(d, 2);
}

/* Two guests connect, send and close at the same time, from both ends. */
static void *pull(void *end)
{
    struct domain *x = end, *y = x == a ? b : a;
    uint32_t p, q;

    for (unsigned i = 0; i < 20000; i++) {
        if (evtchn_alloc_unbound(x, y->id, &p) == 0 && i % 4 == 0)
            evtchn_close(x, p);
        for (uint32_t n = 1; n < 6; n++) {
            evtchn_bind_interdomain(x, y, n, &q);
            evtchn_send(x, n);
            evtchn_port_pending(x, n);
        }
        evtchn_close(x, 1 + i % 8);
        evtchn_close(x, 1 + (i * 5) % 16);
    }
    return NULL;
}

static void both_ends_at_once(void **state)
{
    struct domain *d[2] = { a, b };
    pthread_t other;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, pull, b), 0);
    pull(a);
    pthread_join(other, NULL);
    assert_consistent(d, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ports_are_numbered_from_one_up_to_the_limit),
        TEST(two_level_has_4095_ports_whatever_the_domain_may),
        TEST(a_domain_without_ports_gets_none),
        TEST(no_memory_for_ports_is_an_error_and_leaves_nothing),
        TEST(connecting_makes_two_ends_and_tells_the_connecting_one),
        TEST(only_the_invited_domain_connects_and_only_once),
        TEST(a_domain_connects_with_itself),
        TEST(a_send_sets_the_bit_the_selector_and_the_upcall_once),
        TEST(a_masked_port_waits_for_its_unmask),
        TEST(what_cannot_be_sent_to_is_refused),
        TEST(closing_one_end_leaves_the_other_waiting_for_the_same_domain),
        TEST(closing_what_is_no_port_is_refused),
        TEST(a_virq_has_one_port_per_vcpu),
        TEST(a_global_virq_goes_to_dom0_or_to_its_handler),
        TEST(a_global_virq_can_be_moved_to_another_vcpu),
        TEST(an_ipi_stays_with_its_vcpu),
        TEST(a_moved_vcpu_info_takes_its_content_along_and_marks_everything),
        TEST(a_bad_place_for_vcpu_info_is_refused),
        TEST(a_poller_is_woken_by_its_port_alone),
        TEST(the_hypervisors_port_is_out_of_the_guests_reach),
        TEST(a_preempted_reset_goes_on_and_closes_everything),
        TEST(a_reset_never_finished_hides_no_port_from_destroy),
        TEST(resets_at_once_do_not_keep_each_other_from_the_end),
        TEST(a_connection_holds_both_domains),
        TEST(a_dying_domain_gets_no_ports_and_lets_its_peers_go),
        TEST(random_operations_keep_every_invariant),
        TEST(both_ends_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
