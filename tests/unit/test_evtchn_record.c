// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c record/record.c hypervisor/vm/evtchn/evtchn.c hypervisor/vm/evtchn/port.c */
/* sources: hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c hypervisor/vm/evtchn/deliver.c */
/* sources: hypervisor/vm/evtchn/virq.c hypervisor/vm/evtchn/record.c */
/*
 * Event channels of a domain, saved and restored into a new one with the same memory: what its guest finds there, what
 * it does not if it has given its ports up, and what a stream that was changed anywhere can do.
 */
#include "evtchn_domains.h"

#include <stdlib.h>

#include "record/record.h"
#include "vm/records.h"

enum { CONTROL_GFN = 4, ARRAY_GFN = 8, INFO_GFN = 1, INFO_OFFSET = 64 };

static const struct record_kind *const kinds[] = { &evtchn_vcpu_record, &evtchn_record };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };
static bool given_up;
static unsigned char stream[4096];
static size_t size;
static struct record_fault fault;
static struct domain *c;      /* the new one */

bool domain_awaits_resume(struct domain *d) { (void)d; return given_up; }
unsigned record_count_one(const void *d) { (void)d; return 1; }
unsigned record_count_vcpus(const void *d) { return ((const struct domain *)d)->max_vcpus; }
bool record_place_is_ram(struct domain *d, gfn_t gfn) { return gfn.gfn < PAGES && fake_type(d, gfn.gfn) == P2M_RAM_RW; }
bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    return record_place_is_ram(d, gfn) && fake_mfn(d, gfn.gfn).mfn == mfn.mfn;
}

static int start(void **state)
{
    setup(state);
    given_up = false;
    c = domain_new(3, 2, 1023);
    return 0;
}

static int end(void **state)
{
    domain_end(c);
    return teardown(state);
}

static int save(void)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };
    int error = records_save(&table, a, &w, &fault);

    size = w.used;
    return error;
}

static void copy_memory(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        memcpy(fake_page(c, i), fake_page(a, i), PAGE_SIZE);
    memcpy(shared(c), shared(a), PAGE_SIZE);
}

static int restore(const void *from, size_t n)
{
    bool begun;

    return records_restore(&table, c, from, n, &begun, &fault);
}

static void fifo_start(struct domain *d)
{
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(evtchn_init_control(d, i, GFN(CONTROL_GFN + i), 8 * i), 0);
    assert_int_equal(evtchn_expand_array(d, GFN(ARRAY_GFN)), 0);
}

static event_word_t *word_of(struct domain *d, uint32_t port) { return (event_word_t *)fake_page(d, ARRAY_GFN) + port; }

/* A guest's upcall: the next event of the default priority, or 0. */
static uint32_t next_event(struct domain *d, uint32_t *head)
{
    struct evtchn_fifo_control_block *block = fake_page(d, CONTROL_GFN);
    uint32_t port = *head ? *head : block->head[EVTCHN_FIFO_PRIORITY_DEFAULT], was;

    if (!(block->ready & 1u << EVTCHN_FIFO_PRIORITY_DEFAULT))
        return 0;
    was = __atomic_fetch_and(word_of(d, port),
                             ~((1u << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK | 1u << EVTCHN_FIFO_PENDING),
                             __ATOMIC_SEQ_CST);
    *head = was & EVTCHN_FIFO_LINK_MASK;
    if (!*head)
        __atomic_fetch_and(&block->ready, ~(1u << EVTCHN_FIFO_PRIORITY_DEFAULT), __ATOMIC_SEQ_CST);
    return port;
}

static struct evtchn_port_status status_of(struct domain *d, uint32_t port)
{
    struct evtchn_port_status s;

    assert_int_equal(evtchn_status(d, port, &s), 0);
    return s;
}

static void ports_are_what_they_were_and_peers_connect_again(void **state)
{
    uint32_t ipi, virq, timer, unbound, inter, theirs, fresh;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(a, 1, &ipi), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DEBUG, 1, &virq), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 0, &timer), 0);
    assert_int_equal(evtchn_alloc_unbound(a, 7, &unbound), 0);
    assert_int_equal(evtchn_bind_vcpu(a, unbound, 1), 0);
    connect_domains(&inter, &theirs);
    assert_int_equal(evtchn_close(a, timer), 0);
    assert_int_equal(save(), 0);
    copy_memory();
    assert_int_equal(restore(stream, size), 0);

    assert_int_equal(status_of(c, ipi).status, EVTCHNSTAT_ipi);
    assert_int_equal(status_of(c, ipi).vcpu, 1);
    assert_int_equal(status_of(c, virq).virq, VIRQ_DEBUG);
    assert_int_equal(status_of(c, unbound).remote_domain, 7);
    assert_int_equal(status_of(c, unbound).vcpu, 1);
    assert_int_equal(status_of(c, timer).status, EVTCHNSTAT_closed);
    assert_int_equal(status_of(c, inter).status, EVTCHNSTAT_unbound);
    assert_int_equal(status_of(c, inter).remote_domain, b->id);
    evtchn_send_virq(c->vcpus[1], VIRQ_DEBUG);
    assert_true(pending(c, virq));
    assert_int_equal(evtchn_bind_interdomain(b, c, inter, &fresh), 0);
    assert_int_equal(evtchn_bind_ipi(c, 0, &fresh), 0);
    assert_int_equal(fresh, timer);
}

static void a_port_that_the_toolstack_has_opened_already_is_that_one(void **state)
{
    uint32_t store, same, other;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, 2, &store), 0);
    assert_int_equal(evtchn_bind_vcpu(a, store, 1), 0);
    assert_int_equal(save(), 0);
    assert_int_equal(evtchn_alloc_unbound(c, 2, &same), 0);
    assert_int_equal(same, store);
    assert_int_equal(evtchn_bind_interdomain(b, c, same, &other), 0);
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(status_of(c, store).status, EVTCHNSTAT_interdomain);
    assert_int_equal(status_of(c, store).vcpu, 1);
}

static void a_port_that_is_something_else_already_is_refused(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, 2, &port), 0);
    assert_int_equal(save(), 0);
    assert_int_equal(evtchn_bind_ipi(c, 0, &port), 0);
    assert_int_equal(restore(stream, size), -EBUSY);
    assert_string_equal(fault.why, "has a port that the new domain uses for something else");
}

/* Of a, whose FIFO is empty: the ports p[0..n-1], bound to its vCPU 0. */
static void start_queues(uint32_t *p, unsigned n)
{
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    fifo_start(a);
    guest_take_all(a, 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(evtchn_bind_ipi(a, 0, &p[i]), 0);
}

static void queues_go_on_and_what_came_behind_the_save_is_on_them(void **state)
{
    uint32_t p[5], head = 0;

    (void)state;
    start_queues(p, 5);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(evtchn_send(a, p[i]), 0);
    assert_int_equal(save(), 0);
    for (unsigned i = 2; i < 4; i++)
        assert_int_equal(evtchn_send(a, p[i]), 0);
    copy_memory();
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(evtchn_send(c, p[4]), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(next_event(c, &head), p[i]);
    assert_int_equal(next_event(c, &head), 0);
}

/* A queue that was empty then has a head, and no tail that the record knows of. */
static void events_that_came_behind_the_save_of_an_empty_queue_are_on_it(void **state)
{
    uint32_t p[4], head = 0;

    (void)state;
    start_queues(p, 4);
    assert_int_equal(evtchn_send(a, p[0]), 0);
    assert_int_equal(next_event(a, &head), p[0]);
    assert_int_equal(save(), 0);
    for (unsigned i = 1; i < 3; i++)
        assert_int_equal(evtchn_send(a, p[i]), 0);
    copy_memory();
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(evtchn_send(c, p[3]), 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(next_event(c, &head), p[i]);
    assert_int_equal(next_event(c, &head), 0);
}

/* The other way round the event is lost with its sender; those before it are not. */
static void an_event_that_memory_does_not_know_of_costs_no_other(void **state)
{
    uint32_t p[3], head = 0;

    (void)state;
    start_queues(p, 3);
    assert_int_equal(evtchn_send(a, p[0]), 0);
    copy_memory();
    assert_int_equal(evtchn_send(a, p[1]), 0);
    assert_int_equal(save(), 0);
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(evtchn_send(c, p[2]), 0);
    assert_int_equal(next_event(c, &head), p[0]);
    assert_int_equal(next_event(c, &head), p[2]);
    assert_int_equal(next_event(c, &head), 0);
}

static void links_that_go_in_a_circle_end_somewhere(void **state)
{
    uint32_t p[2];

    (void)state;
    fifo_start(a);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(evtchn_bind_ipi(a, 0, &p[i]), 0);
        assert_int_equal(evtchn_send(a, p[i]), 0);
    }
    assert_int_equal(save(), 0);
    copy_memory();
    *word_of(c, p[1]) |= p[0];
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(evtchn_send(c, p[0]), 0);
}

/* An event between the save of the records and that of memory: the flag would keep every later upcall away. */
static void an_upcall_that_only_memory_knows_of_comes(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    guest_take_all(a, 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    given_up = true;
    assert_int_equal(save(), 0);
    assert_int_equal(evtchn_send(a, port), 0);
    copy_memory();
    fake_injected(c->vcpus[0]);
    assert_int_equal(restore(stream, size), 0);
    assert_ptr_equal(info(c, 0), (char *)fake_page(c, INFO_GFN) + INFO_OFFSET);
    assert_true(info(c, 0)->evtchn_upcall_pending);
    assert_int_equal(fake_injected(c->vcpus[0]), 1);
    assert_int_equal(fake_injected(c->vcpus[1]), 0);
}

static void who_has_given_its_ports_up_has_none_but_keeps_its_vcpu_info(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[1], GFN(INFO_GFN), 0), 0);
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    given_up = true;
    assert_int_equal(save(), 0);
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(evtchn_port_pending(c, port), -EINVAL);
    assert_null(c->evtchn.fifo);
    assert_ptr_equal(info(c, 1), fake_page(c, INFO_GFN));
    assert_int_equal(evtchn_register_vcpu_info(c->vcpus[1], GFN(INFO_GFN), 0), -EINVAL);
    assert_int_equal(restore(stream, size), -EBUSY);
}

/* It came while the new domain's vcpu_info was elsewhere: the bit alone, set already, would be told to nobody. */
static void an_event_for_the_new_domain_is_told_where_its_guest_looks(void **state)
{
    uint32_t store, sender;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    guest_take_all(a, 0);
    given_up = true;
    assert_int_equal(save(), 0);
    copy_memory();
    assert_int_equal(evtchn_alloc_unbound(c, 2, &store), 0);
    assert_int_equal(evtchn_bind_interdomain(b, c, store, &sender), 0);
    assert_int_equal(evtchn_send(b, sender), 0);
    fake_injected(c->vcpus[0]);
    assert_int_equal(restore(stream, size), 0);
    assert_true(pending(c, store));
    assert_true(bitmap_test(&info(c, 0)->evtchn_pending_sel, store / 64));
    assert_true(info(c, 0)->evtchn_upcall_pending);
    assert_int_equal(fake_injected(c->vcpus[0]), 1);
}

static void what_the_guest_has_no_memory_for_any_more_is_not_saved(void **state)
{
    (void)state;
    fifo_start(a);
    fake_set_type(a, ARRAY_GFN, P2M_INVALID);
    assert_int_equal(save(), -EINVAL);
    assert_string_equal(fault.kind, "EVTCHN");
    fake_set_type(a, ARRAY_GFN, P2M_RAM_RW);
    fake_set_type(a, CONTROL_GFN, P2M_INVALID);
    assert_int_equal(save(), -EINVAL);
    assert_string_equal(fault.kind, "EVTCHN_VCPU");
    fake_set_type(a, CONTROL_GFN, P2M_RAM_RW);
}

/* It could not look there: it is as if it had registered none. */
static void who_gave_its_vcpu_info_away_has_none_any_more(void **state)
{
    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    fake_set_type(a, INFO_GFN, P2M_INVALID);
    assert_int_equal(save(), 0);
    fake_set_type(a, INFO_GFN, P2M_RAM_RW);
    assert_int_equal(restore(stream, size), 0);
    assert_ptr_equal(c->vcpus[0]->evtchn.info, &shared(c)->vcpu_info[0]);
    assert_int_equal(evtchn_register_vcpu_info(c->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
}

static void open_port(struct domain *d, uint32_t number)
{
    struct port *p;

    spin_lock(&d->evtchn.lock);
    assert_int_equal(port_take(d, number, &p), 0);
    spin_lock(&p->lock);
    p->remote = 7;
    port_open(d, p, PORT_UNBOUND);
    spin_unlock(&p->lock);
    spin_unlock(&d->evtchn.lock);
}

/* Its guest has asked for more ports than it has words for, as yet. */
static void a_port_beyond_the_2_level_form_comes_back_without_event_words(void **state)
{
    struct domain *many = domain_new(4, 2, 8191), *again = domain_new(5, 2, 8191);
    struct record_writer w = { stream, sizeof(stream), 0, NULL };
    bool begun;

    (void)state;
    assert_int_equal(evtchn_init_control(many, 0, GFN(CONTROL_GFN), 0), 0);
    open_port(many, 5000);
    assert_int_equal(records_save(&table, many, &w, &fault), 0);
    assert_int_equal(records_restore(&table, again, stream, w.used, &begun, &fault), 0);
    assert_int_equal(status_of(again, 5000).status, EVTCHNSTAT_unbound);
    domain_end(again);
    domain_end(many);
}

enum { TABLE_AT = 24 + 2 * (16 + 88), TABLE_LENGTH_AT = TABLE_AT + 4, TABLE_VERSION_AT = TABLE_AT + 8,
       TABLE_FORM_AT = TABLE_AT + 24 };

/* As Torpor 0.1 wrote it: the form is not said. */
static void make_version_1(void)
{
    uint32_t length;

    memcpy(&length, stream + TABLE_LENGTH_AT, sizeof(length));
    length -= 8;
    memcpy(stream + TABLE_LENGTH_AT, &length, sizeof(length));
    memcpy(stream + TABLE_VERSION_AT, &(uint32_t){ 1 }, sizeof(uint32_t));
    memmove(stream + TABLE_FORM_AT, stream + TABLE_FORM_AT + 8, size - TABLE_FORM_AT - 8);
    size -= 8;
}

static void a_record_of_version_1_is_read(void **state)
{
    uint32_t port, head = 0;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(save(), 0);
    make_version_1();
    copy_memory();
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(next_event(c, &head), port);
}

static void a_form_that_there_is_not_is_refused(void **state)
{
    (void)state;
    fifo_start(a);
    assert_int_equal(save(), 0);
    memcpy(stream + TABLE_FORM_AT, &(uint32_t){ 0 }, sizeof(uint32_t));
    assert_int_equal(restore(stream, size), -EBADMSG);
    assert_string_equal(fault.why, "has events in a form that there is not");
}

static void nothing_is_where_the_new_domain_has_no_memory(void **state)
{
    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), 0), 0);
    fifo_start(a);
    assert_int_equal(save(), 0);
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t gfns[] = { INFO_GFN, CONTROL_GFN, ARRAY_GFN };

        fake_set_type(c, gfns[i], P2M_RAM_RO);
        assert_int_equal(restore(stream, size), -EBADMSG);
        fake_set_type(c, gfns[i], P2M_RAM_RW);
    }
    assert_int_equal(restore(stream, size), 0);
}

static void a_failed_allocation_leaves_a_domain_that_can_be_destroyed(void **state)
{
    uint32_t port;
    int failed = 0, error = -ENOMEM;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), 0), 0);
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(save(), 0);
    for (; error; failed++) {
        domain_end(c);
        c = domain_new(3, 2, 1023);
        fake_fail_allocation(failed);
        error = restore(stream, size);
        assert_true(error == 0 || error == -ENOMEM);
    }
    fake_fail_allocation(-1);
    assert_int_equal(failed, 6);   /* two of each vCPU's control block, one for the ports; then none */
}

/*
 * Restored as something or refused; then everything of it can be taken apart, and nothing was touched that is not the
 * domain's.
 */
static void any_bit_may_be_another(void **state)
{
    uint32_t port, theirs;

    (void)state;
    assert_int_equal(evtchn_register_vcpu_info(a->vcpus[0], GFN(INFO_GFN), INFO_OFFSET), 0);
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 1, &port), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DEBUG, 1, &port), 0);
    evtchn_send_virq(a->vcpus[1], VIRQ_DEBUG);
    connect_domains(&port, &theirs);
    assert_int_equal(save(), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        unsigned char *changed = malloc(size);

        memcpy(changed, stream, size);
        changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        copy_memory();
        if (restore(changed, size) == 0)
            for (uint32_t p = 1; p < 8; p++)
                (void)evtchn_send(c, p);
        free(changed);
        domain_end(c);
        c = domain_new(3, 2, 1023);
    }
}

/*
 * --- Another vCPU of dom0's, wherever a lock is let go of and none is held: it holds the new domain's pause, and so
 * may reset it ---
 */

static unsigned unlocks, act_at;
static bool acted;

static void unlocked(void)
{
    if (host_locks_held || unlocks++ < act_at)
        return;
    host_after_unlock = NULL;
    acted = true;
    assert_int_equal(evtchn_reset(c, preempt_pending), 0);
}

static void a_reset_in_the_middle_of_it_leaves_a_domain_that_can_be_destroyed(void **state)
{
    uint32_t port;

    (void)state;
    fifo_start(a);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(save(), 0);
    for (act_at = 0, acted = true; acted; act_at++) {
        copy_memory();
        unlocks = 0;
        acted = false;
        host_after_unlock = unlocked;
        if (restore(stream, size) == 0)
            (void)evtchn_send(c, port);
        host_after_unlock = NULL;
        domain_end(c);
        c = domain_new(3, 2, 1023);
    }
    assert_true(act_at > 8);
}

/* --- The same with a sender to a port that the toolstack opened for the new domain --- */

static uint32_t senders;

static void unlocked_to_send(void)
{
    if (host_locks_held || unlocks++ < act_at)
        return;
    host_after_unlock = NULL;
    acted = true;
    assert_int_equal(evtchn_send(b, senders), 0);
}

/* The first of them in the order of the queue; each one once. */
static unsigned count_events(uint32_t *ports, unsigned most)
{
    uint32_t head = 0, port;
    unsigned n = 0;

    while (n < most && (port = next_event(c, &head)))
        ports[n++] = port;
    return n;
}

static bool is_among(const uint32_t *ports, unsigned n, uint32_t port)
{
    while (n)
        if (ports[--n] == port)
            return true;
    return false;
}

static void an_event_that_comes_in_the_middle_of_it_is_one_more_on_the_queue(void **state)
{
    uint32_t p[3], open, same, found[8];
    unsigned n;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, 2, &open), 0);
    start_queues(p, 3);
    assert_int_equal(evtchn_send(a, p[0]), 0);
    assert_int_equal(save(), 0);
    for (unsigned i = 1; i < 3; i++)
        assert_int_equal(evtchn_send(a, p[i]), 0);   /* memory is saved later */
    for (act_at = 0, acted = true; acted; act_at++) {
        assert_int_equal(evtchn_alloc_unbound(c, 2, &same), 0);
        assert_int_equal(same, open);
        assert_int_equal(evtchn_bind_interdomain(b, c, same, &senders), 0);
        copy_memory();
        unlocks = 0;
        acted = false;
        host_after_unlock = unlocked_to_send;
        assert_int_equal(restore(stream, size), 0);
        host_after_unlock = NULL;
        n = count_events(found, 8);
        assert_int_equal(n, 4);
        for (unsigned i = 0; i < 3; i++)
            assert_true(is_among(found, n, p[i]));
        assert_true(is_among(found, n, open));
        assert_int_equal(evtchn_close(b, senders), 0);
        domain_end(c);
        c = domain_new(3, 2, 1023);
    }
    assert_true(act_at > 8);
}

/* Where it was queued before the record said where it belongs, it would still be the tail. */
static void an_event_that_comes_in_the_middle_of_it_is_on_no_other_queue(void **state)
{
    uint32_t open, same, other;

    (void)state;
    assert_int_equal(evtchn_alloc_unbound(a, 2, &open), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &other), 0);
    fifo_start(a);
    assert_int_equal(evtchn_bind_vcpu(a, open, 1), 0);
    assert_int_equal(evtchn_set_priority(a, open, 3), 0);
    assert_int_equal(save(), 0);
    for (act_at = 0, acted = true; acted; act_at++) {
        struct evtchn_fifo_control_block *block = fake_page(c, CONTROL_GFN);

        assert_int_equal(evtchn_alloc_unbound(c, 2, &same), 0);
        assert_int_equal(evtchn_bind_interdomain(b, c, same, &senders), 0);
        copy_memory();
        unlocks = 0;
        acted = false;
        host_after_unlock = unlocked_to_send;
        assert_int_equal(restore(stream, size), 0);
        host_after_unlock = NULL;
        *word_of(c, open) = 0;   /* the guest has taken it */
        assert_int_equal(evtchn_send(b, senders), 0);
        assert_int_equal(evtchn_send(c, other), 0);
        assert_int_equal(block->head[EVTCHN_FIFO_PRIORITY_DEFAULT], other);
        assert_int_equal(*word_of(c, open) & EVTCHN_FIFO_LINK_MASK, 0);
        assert_int_equal(evtchn_close(b, senders), 0);
        domain_end(c);
        c = domain_new(3, 2, 1023);
    }
    assert_true(act_at > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(ports_are_what_they_were_and_peers_connect_again),
        TEST(a_port_that_the_toolstack_has_opened_already_is_that_one),
        TEST(a_port_that_is_something_else_already_is_refused),
        TEST(queues_go_on_and_what_came_behind_the_save_is_on_them),
        TEST(events_that_came_behind_the_save_of_an_empty_queue_are_on_it),
        TEST(an_event_that_memory_does_not_know_of_costs_no_other),
        TEST(links_that_go_in_a_circle_end_somewhere),
        TEST(an_upcall_that_only_memory_knows_of_comes),
        TEST(who_has_given_its_ports_up_has_none_but_keeps_its_vcpu_info),
        TEST(what_the_guest_has_no_memory_for_any_more_is_not_saved),
        TEST(an_event_for_the_new_domain_is_told_where_its_guest_looks),
        TEST(who_gave_its_vcpu_info_away_has_none_any_more),
        TEST(a_port_beyond_the_2_level_form_comes_back_without_event_words),
        TEST(a_record_of_version_1_is_read),
        TEST(a_form_that_there_is_not_is_refused),
        TEST(nothing_is_where_the_new_domain_has_no_memory),
        TEST(a_failed_allocation_leaves_a_domain_that_can_be_destroyed),
        TEST(any_bit_may_be_another),
        TEST(a_reset_in_the_middle_of_it_leaves_a_domain_that_can_be_destroyed),
        TEST(an_event_that_comes_in_the_middle_of_it_is_one_more_on_the_queue),
        TEST(an_event_that_comes_in_the_middle_of_it_is_on_no_other_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
