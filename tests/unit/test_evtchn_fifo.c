// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/vm/evtchn/evtchn.c hypervisor/vm/evtchn/port.c */
/* sources: hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c hypervisor/vm/evtchn/deliver.c */
/* sources: hypervisor/vm/evtchn/virq.c */
/* Event channels in the FIFO form: what a guest that keeps to the protocol sees, and what one that does not can do. */
#include "evtchn_domains.h"

#define CONTROL_GFN 4   /* and the next one for vCPU 1 */
#define ARRAY_GFN   8

static struct evtchn_fifo_control_block *control(struct domain *d, unsigned v)
{
    return fake_page(d, CONTROL_GFN + v);
}

static event_word_t *word_of(struct domain *d, uint32_t port)
{
    return (event_word_t *)fake_page(d, ARRAY_GFN + port / 1024) + port % 1024;
}

static void fifo_start(struct domain *d)
{
    assert_int_equal(evtchn_init_control(d, 0, GFN(CONTROL_GFN), 0), 0);
    assert_int_equal(evtchn_init_control(d, 1, GFN(CONTROL_GFN + 1), 0), 0);
    assert_int_equal(evtchn_register_vcpu_info(d->vcpus[1], GFN(1), 0), 0);
    assert_int_equal(evtchn_expand_array(d, GFN(ARRAY_GFN)), 0);
    guest_take_all(d, 1);
}

/* A guest's upcall, by the protocol of the header: the next event, or 0. */
static uint32_t fifo_next(struct domain *d, unsigned v, uint32_t heads[16])
{
    struct evtchn_fifo_control_block *c = control(d, v);

    info(d, v)->evtchn_upcall_pending = 0;
    for (unsigned priority = 0; priority < 16; priority++) {
        uint32_t port = heads[priority] ? heads[priority] : c->head[priority];
        event_word_t *word;
        uint32_t was;

        if (!(c->ready & (1u << priority)))
            continue;
        word = word_of(d, port);
        was = __atomic_fetch_and(word, ~((1u << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
        heads[priority] = was & EVTCHN_FIFO_LINK_MASK;
        if (!heads[priority])
            __atomic_fetch_and(&c->ready, ~(1u << priority), __ATOMIC_SEQ_CST);
        if (!(was & (1u << EVTCHN_FIFO_PENDING)) || (was & (1u << EVTCHN_FIFO_MASKED)))
            return fifo_next(d, v, heads);
        __atomic_fetch_and(word, ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
        return port;
    }
    return 0;
}

static void fifo_events_come_in_the_order_sent_and_by_priority(void **state)
{
    uint32_t heads[16] = { 0 }, p[4];

    (void)state;
    fifo_start(a);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(evtchn_bind_ipi(a, 0, &p[i]), 0);
    assert_int_equal(evtchn_set_priority(a, p[3], 0), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(evtchn_send(a, p[3 - (3 - i)]), 0);
    assert_int_equal(fake_injected(a->vcpus[0]), 1);
    assert_int_equal(fifo_next(a, 0, heads), p[3]);
    assert_int_equal(fifo_next(a, 0, heads), p[0]);
    assert_int_equal(evtchn_send(a, p[0]), 0);
    assert_int_equal(fifo_next(a, 0, heads), p[1]);
    assert_int_equal(fifo_next(a, 0, heads), p[2]);
    assert_int_equal(fifo_next(a, 0, heads), p[0]);
    assert_int_equal(fifo_next(a, 0, heads), 0);
}

static void fifo_tail_has_no_link_whatever_the_guest_left_there(void **state)
{
    uint32_t p;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    *word_of(a, p) = 77;
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(*word_of(a, p) & EVTCHN_FIFO_LINK_MASK, 0);
    assert_int_equal(control(a, 0)->head[EVTCHN_FIFO_PRIORITY_DEFAULT], p);
}

static void fifo_mask_unmask_and_pending(void **state)
{
    uint32_t heads[16] = { 0 }, p;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 1, &p), 0);
    *word_of(a, p) = 1u << EVTCHN_FIFO_MASKED;
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(evtchn_port_pending(a, p), 1);
    assert_int_equal(control(a, 1)->ready, 0);
    assert_int_equal(evtchn_unmask(a, p), 0);
    assert_int_equal(fake_injected(a->vcpus[1]), 1);
    assert_int_equal(fifo_next(a, 1, heads), p);
    assert_int_equal(evtchn_port_pending(a, p), 0);
}

static void fifo_event_before_its_word_comes_with_it(void **state)
{
    uint32_t heads[16] = { 0 }, p;

    (void)state;
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(evtchn_unmask(a, p), 0);
    assert_int_equal(evtchn_port_pending(a, p), 1);
    assert_int_equal(fake_injected(a->vcpus[0]), 0);
    assert_int_equal(evtchn_expand_array(a, GFN(ARRAY_GFN)), 0);
    assert_int_equal(fake_injected(a->vcpus[0]), 1);
    assert_int_equal(fifo_next(a, 0, heads), p);
}

static void fifo_bad_pages_are_refused_and_not_kept(void **state)
{
    uint32_t p;

    (void)state;
    assert_int_equal(evtchn_expand_array(a, GFN(ARRAY_GFN)), -EOPNOTSUPP);
    assert_int_equal(evtchn_init_control(a, 2, GFN(CONTROL_GFN), 0), -ENOENT);
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 4), -EINVAL);
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), PAGE_SIZE - 64), -EINVAL);
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), UINT32_MAX - 7), -EINVAL);
    assert_int_equal(evtchn_init_control(a, 0, GFN(150), 0), -EINVAL);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_set_priority(a, p, 3), -ENOSYS);
    for (int n = 0; n < 2; n++) {
        fake_fail_allocation(n);
        assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), -ENOMEM);
    }
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), 0);
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), -EINVAL);
    assert_int_equal(evtchn_expand_array(a, GFN(150)), -EINVAL);
    assert_int_equal(evtchn_set_priority(a, p, 16), -EINVAL);
    assert_int_equal(evtchn_set_priority(a, p + 1, 1), -EINVAL);
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(evtchn_expand_array(a, GFN(ARRAY_GFN)), 0);
    assert_int_equal(evtchn_expand_array(a, GFN(ARRAY_GFN)), -ENOSPC);
}

static void fifo_reset_gives_every_page_back_and_is_two_level_again(void **state)
{
    uint32_t p;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_reset(a, preempt_pending), 0);
    assert_int_equal(frame_refs(fake_mfn(a, CONTROL_GFN)), 1);
    assert_int_equal(frame_refs(fake_mfn(a, ARRAY_GFN)), 1);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_true(pending(a, p));
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), 0);
}

static void fifo_has_131071_ports(void **state)
{
    struct domain *d = domain_new(3, 1, UINT32_MAX);
    uint32_t port, last = 0;

    (void)state;
    assert_int_equal(evtchn_init_control(d, 0, GFN(CONTROL_GFN), 0), 0);
    while (evtchn_alloc_unbound(d, 0, &port) == 0)
        last = port;
    assert_int_equal(last, 131071);
    domain_end(d);
}

static void fifo_port_still_on_a_queue_is_not_given_out_again(void **state)
{
    uint32_t heads[16] = { 0 }, p, q;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(evtchn_close(a, p), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &q), 0);
    assert_int_not_equal(q, p);
    assert_int_equal(fifo_next(a, 0, heads), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &q), 0);
    assert_int_equal(q, p);
}

/* ... and a guest that says so of all of them makes nobody search long. */
static void fifo_search_for_a_port_is_bounded(void **state)
{
    struct domain *d = domain_new(3, 1, UINT32_MAX);
    uint32_t *words = fake_page(d, ARRAY_GFN), p = 0;
    unsigned pages = 0, calls = 0;

    (void)state;
    for (unsigned i = 0; i < 1024; i++)
        words[i] = 1u << EVTCHN_FIFO_LINKED;
    assert_int_equal(evtchn_init_control(d, 0, GFN(CONTROL_GFN), 0), 0);
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(evtchn_expand_array(d, GFN(ARRAY_GFN)), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(evtchn_bind_ipi(d, 0, &p), -ENOSPC);
        assert_true(evtchn_pages(d) - pages <= 9);   /* 1024 ports looked at, in pages of 128 */
        pages = evtchn_pages(d);
    }
    words[700] = 0;   /* of each page the same */
    while (evtchn_bind_ipi(d, 0, &p) && calls < 300)
        calls++;
    assert_int_equal(p % 1024, 700);
    assert_int_equal(evtchn_close(d, p), 0);
    domain_end(d);
}

static void fifo_event_that_changes_queues_does_not_join_them(void **state)
{
    uint32_t heads[16] = { 0 }, p, q;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &p), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &q), 0);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(fifo_next(a, 0, heads), p);
    /* p was the tail of queue 7; now it is on queue 3, and queue 7 has to know that it is empty. */
    assert_int_equal(evtchn_set_priority(a, p, 3), 0);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(evtchn_send(a, q), 0);
    assert_int_equal(control(a, 0)->head[3], p);
    assert_int_equal(control(a, 0)->head[7], q);
    assert_int_equal(*word_of(a, p) & EVTCHN_FIFO_LINK_MASK, 0);
    assert_int_equal(fifo_next(a, 0, heads), p);
    assert_int_equal(fifo_next(a, 0, heads), q);
}

/* A guest that keeps to the protocol loses no event, whatever the order of sends and takes, vCPUs and priorities. */
static void fifo_loses_no_event(void **state)
{
    enum { PORTS = 40 };
    uint32_t heads[2][16] = { { 0 } }, port[PORTS];
    bool sent[1024] = { false };

    (void)state;
    fifo_start(b);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(evtchn_alloc_unbound(b, b->id, &port[i]), 0);
    for (unsigned i = 0; i + 1 < PORTS; i += 2) {
        assert_int_equal(evtchn_close(b, port[i + 1]), 0);
        assert_int_equal(evtchn_bind_interdomain(b, b, port[i], &port[i + 1]), 0);
        sent[port[i + 1]] = true;
    }
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = fake_random_below(PORTS), v = fake_random_below(2);
        uint32_t taken;

        switch (fake_random_below(4)) {
        case 0:
            assert_int_equal(evtchn_send(b, port[i]), 0);
            sent[port[i ^ 1]] = true;
            break;
        case 1:
            assert_int_equal(evtchn_set_priority(b, port[i], fake_random_below(16)), 0);
            assert_int_equal(evtchn_bind_vcpu(b, port[i], v), 0);
            break;
        default:
            taken = fifo_next(b, v, heads[v]);
            assert_true(!taken || sent[taken]);
            sent[taken] = false;
        }
    }
    for (unsigned v = 0; v < 2; v++)
        for (uint32_t taken; (taken = fifo_next(b, v, heads[v])) != 0;)
            sent[taken] = false;
    for (unsigned i = 0; i < 1024; i++)
        assert_false(sent[i]);
}

/* The guest writes rubbish into its words, heads and control block between any two operations. */
static void fifo_survives_a_guest_that_scribbles(void **state)
{
    uint32_t p[20];

    (void)state;
    fifo_start(a);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(evtchn_bind_ipi(a, i & 1, &p[i]), 0);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = fake_random_below(20);

        ((uint32_t *)fake_page(a, ARRAY_GFN))[fake_random_below(32)] = fake_random() << 8 | fake_random_below(256);
        ((uint32_t *)fake_page(a, CONTROL_GFN + (i & 1)))[fake_random_below(32)] = fake_random() << 8;
        evtchn_send(a, p[i]);
        evtchn_unmask(a, p[fake_random_below(20)]);
        evtchn_set_priority(a, p[i], fake_random_below(16));
        if (fake_random_below(8) == 0) {
            evtchn_close(a, p[i]);
            if (evtchn_bind_ipi(a, i & 1, &p[i]))
                p[i] = 0;
        }
    }
}

static void on_notify(struct domain *d, uint32_t port)
{
    (void)d;
    (void)port;
}

/* The hypervisor's ports stay open over a reset, and the guest may poll them. */
static void fifo_goes_while_the_hypervisors_port_is_polled(void **state)
{
    uint32_t p, number;

    (void)state;
    assert_int_equal(evtchn_init_control(b, 0, GFN(CONTROL_GFN), 0), 0);
    while (b->evtchn.ports_used < 700)
        assert_int_equal(evtchn_bind_ipi(b, 0, &p), 0);
    assert_int_equal(evtchn_alloc_consumer(b, a->id, on_notify, &number), 0);
    assert_int_equal(evtchn_reset(b, preempt_pending), 0);
    assert_int_equal(evtchn_port_pending(b, number), 0);
    evtchn_free_consumer(b, number);
}

/* ... whatever its number: the 2-level form has no place for it. */
static void fifo_port_of_the_hypervisors_beyond_two_level_stays_harmless(void **state)
{
    struct domain *d = domain_new(3, 1, UINT32_MAX);
    uint32_t p, number;

    (void)state;
    assert_int_equal(evtchn_init_control(d, 0, GFN(CONTROL_GFN), 0), 0);
    while (evtchn_bind_ipi(d, 0, &p) == 0)
        if (p == 100000)
            break;
    assert_int_equal(evtchn_alloc_consumer(d, a->id, on_notify, &number), 0);
    assert_int_equal(number, 100001);
    assert_int_equal(evtchn_reset(d, preempt_pending), 0);
    assert_int_equal(evtchn_port_pending(d, number), 0);
    evtchn_free_consumer(d, number);
    domain_end(d);
}

/* As Xen has it: a toolstack's or a peer's event may be there before the guest's kernel is. */
static void fifo_begins_with_what_was_pending_in_the_two_level_form(void **state)
{
    uint32_t heads[16] = { 0 }, sent, masked, quiet, inter, theirs;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(a, 0, &sent), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &masked), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &quiet), 0);
    connect_domains(&inter, &theirs);
    guest_take_all(a, 0);
    bitmap_set(shared(a)->evtchn_mask, masked);
    assert_int_equal(evtchn_send(a, sent), 0);
    assert_int_equal(evtchn_send(a, masked), 0);
    assert_int_equal(evtchn_send(b, theirs), 0);
    *word_of(a, masked) = 1u << EVTCHN_FIFO_MASKED;
    assert_int_equal(evtchn_init_control(a, 0, GFN(CONTROL_GFN), 0), 0);
    assert_int_equal(evtchn_port_pending(a, sent), 1);
    assert_int_equal(evtchn_port_pending(a, quiet), 0);
    assert_int_equal(evtchn_init_control(a, 1, GFN(CONTROL_GFN + 1), 0), 0);
    assert_int_equal(evtchn_expand_array(a, GFN(ARRAY_GFN)), 0);
    assert_int_equal(fifo_next(a, 0, heads), sent);
    assert_int_equal(fifo_next(a, 0, heads), inter);
    assert_int_equal(fifo_next(a, 0, heads), 0);
    assert_int_equal(evtchn_unmask(a, masked), 0);
    assert_int_equal(fifo_next(a, 0, heads), masked);
    assert_int_equal(fifo_next(a, 0, heads), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fifo_events_come_in_the_order_sent_and_by_priority),
        TEST(fifo_tail_has_no_link_whatever_the_guest_left_there),
        TEST(fifo_mask_unmask_and_pending),
        TEST(fifo_event_before_its_word_comes_with_it),
        TEST(fifo_begins_with_what_was_pending_in_the_two_level_form),
        TEST(fifo_bad_pages_are_refused_and_not_kept),
        TEST(fifo_reset_gives_every_page_back_and_is_two_level_again),
        TEST(fifo_has_131071_ports),
        TEST(fifo_port_still_on_a_queue_is_not_given_out_again),
        TEST(fifo_search_for_a_port_is_bounded),
        TEST(fifo_event_that_changes_queues_does_not_join_them),
        TEST(fifo_loses_no_event),
        TEST(fifo_survives_a_guest_that_scribbles),
        TEST(fifo_goes_while_the_hypervisors_port_is_polled),
        TEST(fifo_port_of_the_hypervisors_beyond_two_level_stays_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
