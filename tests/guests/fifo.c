// SPDX-License-Identifier: Apache-2.0
/*
 * Event channels in the FIFO form (xen/include/public/event_channel.h): one word per port, linked into a queue per
 * priority. This guest drains its queues itself; Dormouse's own 2-level upcall is put aside.
 */
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "tests/guests/tap.h"

enum { WORDS_PER_PAGE = 1024, ARRAY_PAGES = 2 };

static struct evtchn_fifo_control_block control __attribute__((aligned(4096)));
static event_word_t array[ARRAY_PAGES][WORDS_PER_PAGE] __attribute__((aligned(4096)));
static evtchn_port_t console;       /* whose events come whenever dom0 has read some of it */
static uint32_t heads[EVTCHN_FIFO_MAX_QUEUES];
static volatile unsigned order[16], orders;

static event_word_t *word(evtchn_port_t port) { return &array[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE]; }
static bool has(evtchn_port_t port, unsigned bit) { return __atomic_load_n(word(port), __ATOMIC_ACQUIRE) >> bit & 1; }
static void set(evtchn_port_t port, unsigned bit) { __atomic_fetch_or(word(port), 1u << bit, __ATOMIC_SEQ_CST); }
static void clear(evtchn_port_t port, unsigned bit) { __atomic_fetch_and(word(port), ~(1u << bit), __ATOMIC_SEQ_CST); }

/* Takes one event off a queue; the link is cleared together with LINKED, as the header's design asks. */
static void consume(unsigned priority)
{
    uint32_t head = heads[priority] ? heads[priority] : __atomic_load_n(&control.head[priority], __ATOMIC_ACQUIRE);
    event_word_t w = __atomic_load_n(word(head), __ATOMIC_ACQUIRE), next;

    do
        next = w & ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
    while (!__atomic_compare_exchange_n(word(head), &w, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    heads[priority] = w & EVTCHN_FIFO_LINK_MASK;
    if (!heads[priority])
        __atomic_fetch_and(&control.ready, ~(1u << priority), __ATOMIC_SEQ_CST);
    if (has(head, EVTCHN_FIFO_PENDING) && !has(head, EVTCHN_FIFO_MASKED)) {
        clear(head, EVTCHN_FIFO_PENDING);
        if (head != console && orders < ARRAY_SIZE(order))
            order[orders++] = head;
    }
}

static void upcall(unsigned intid)
{
    (void)intid;
    vcpu_info_of(0)->evtchn_upcall_pending = 0;
    for (uint32_t ready; (ready = __atomic_exchange_n(&control.ready, 0, __ATOMIC_SEQ_CST)); )
        while (ready) {
            unsigned q = (unsigned)__builtin_ctz(ready);

            do
                consume(q);
            while (heads[q]);
            ready &= ready - 1;
        }
}

static long init_control(uint32_t vcpu, uint32_t offset, uint64_t gfn)
{
    struct evtchn_init_control c = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    long r = event_channel_op(EVTCHNOP_init_control, &c);

    if (!r)
        expect_equal("link_bits", c.link_bits, EVTCHN_FIFO_LINK_BITS);
    return r;
}

static long expand(void *page)
{
    struct evtchn_expand_array e = { .array_gfn = (uintptr_t)page >> PAGE_SHIFT };

    return event_channel_op(EVTCHNOP_expand_array, &e);
}

static long set_priority(evtchn_port_t port, unsigned priority)
{
    struct evtchn_set_priority p = { .port = port, .priority = priority };

    return event_channel_op(EVTCHNOP_set_priority, &p);
}

static void set_up(void)
{
    uint64_t gfn = (uintptr_t)&control >> PAGE_SHIFT;

    expect_true("expand_before_init_is_refused", expand(array[0]) < 0);
    expect_true("control_block_for_no_vcpu", init_control(500, 0, gfn) < 0);
    expect_equal("control_block_that_is_not_aligned", init_control(0, 3, gfn), -EINVAL);
    expect_equal("control_block_that_leaves_its_page", init_control(0, 4096 - 8, gfn), -EINVAL);
    expect_equal("control_block_that_is_not_there", init_control(0, 0, 0x30000), -EINVAL);
    expect_equal("init_control", init_control(0, 0, gfn), 0);
    expect_true("control_block_is_set_once", init_control(0, 0, gfn) < 0);
    expect_equal("array_page_that_is_not_there", expand((void *)0x30000000ul), -EINVAL);
    expect_equal("expand_array", expand(array[0]), 0);
}

static void events(void)
{
    evtchn_port_t p, q, r;

    evtchn_bind_ipi(0, &p);
    evtchn_bind_ipi(0, &q);
    evtchn_bind_ipi(0, &r);
    set(p, EVTCHN_FIFO_MASKED);
    expect_equal("unmask", evtchn_unmask(p), 0);
    evtchn_unmask(q);
    evtchn_unmask(r);
    expect_true("unmasked_by_the_call", !has(p, EVTCHN_FIFO_MASKED));

    orders = 0;
    evtchn_send(p);
    expect_true("an_event_arrives", wait_until(orders == 1, 1000) && order[0] == p);
    expect_equal("its_word_is_clean", *word(p), 0);

    irq_disable();
    orders = 0;
    evtchn_send(q);
    evtchn_send(p);
    evtchn_send(q);
    expect_true("a_sent_event_is_pending_and_linked", has(q, EVTCHN_FIFO_PENDING) && has(q, EVTCHN_FIFO_LINKED));
    expect_equal("the_queue_of_its_priority_is_ready", control.ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    expect_equal("the_first_is_the_head", control.head[EVTCHN_FIFO_PRIORITY_DEFAULT], q);
    expect_equal("it_links_to_the_second", *word(q) & EVTCHN_FIFO_LINK_MASK, p);
    irq_enable();
    expect_true("both_arrive_once_in_order", wait_until(orders == 2, 1000) && order[0] == q && order[1] == p);

    expect_equal("set_priority", set_priority(r, EVTCHN_FIFO_PRIORITY_MAX), 0);
    expect_equal("priority_beyond_the_last", set_priority(r, EVTCHN_FIFO_PRIORITY_MIN + 1), -EINVAL);
    expect_equal("priority_of_a_port_beyond_the_last", set_priority(1u << 20, 3), -EINVAL);
    irq_disable();
    orders = 0;
    evtchn_send(p);
    evtchn_send(r);
    expect_equal("two_queues_are_ready", control.ready,
                 1u << EVTCHN_FIFO_PRIORITY_DEFAULT | 1u << EVTCHN_FIFO_PRIORITY_MAX);
    irq_enable();
    expect_true("the_urgent_one_arrives_first", wait_until(orders == 2, 1000) && order[0] == r && order[1] == p);

    set(p, EVTCHN_FIFO_MASKED);
    orders = 0;
    evtchn_send(p);
    expect_true("masked_it_is_pending_but_not_linked", has(p, EVTCHN_FIFO_PENDING) && !has(p, EVTCHN_FIFO_LINKED));
    expect_true("and_does_not_arrive", !wait_until(orders, 20));
    expect_equal("unmask_delivers", evtchn_unmask(p), 0);
    expect_true("what_was_pending", wait_until(orders == 1, 1000) && order[0] == p);

    evtchn_close(p);
    evtchn_close(q);
    evtchn_close(r);
}

/* A port beyond the first array page has no word, and so no events, until the second page is there. */
static void second_page(void)
{
    static evtchn_port_t ports[WORDS_PER_PAGE + 8];
    unsigned n = 0;

    while (n < ARRAY_SIZE(ports) && !evtchn_bind_ipi(0, &ports[n]))
        n++;
    expect_equal("more_ports_than_a_page_has_words", n, ARRAY_SIZE(ports));
    evtchn_port_t p = ports[n - 1];
    expect_true("the_last_is_beyond_the_first_page", p >= WORDS_PER_PAGE);
    evtchn_send(p);     /* lost or kept, it does no harm */
    expect_equal("expand_again", expand(array[1]), 0);
    evtchn_unmask(p);
    (void)wait_until(false, 20);
    orders = 0;
    evtchn_send(p);
    expect_true("then_its_events_arrive", wait_until(orders == 1, 1000) && order[0] == p);
    while (n)
        evtchn_close(ports[--n]);
}

static evtchn_port_t other_end(evtchn_port_t port)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

    event_channel_op(EVTCHNOP_status, &s);
    return s.u.interdomain.port;
}

/*
 * Reset closes every port of this domain; the other ends, in dom0, stay and wait. Bound again in the order of their
 * numbers, xenstore's port and the console's are as they were, and the console can go on.
 */
static void reset_to_2_level(void)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };
    evtchn_port_t store = hvm_param(HVM_PARAM_STORE_EVTCHN);
    evtchn_port_t store_end = other_end(store), console_end = other_end(console), p, first, second;

    console_flush();
    long reset = event_channel_op(EVTCHNOP_reset, &r);
    bool in_order = store < console;
    evtchn_bind_interdomain(0, in_order ? store_end : console_end, &first);
    evtchn_bind_interdomain(0, in_order ? console_end : store_end, &second);

    expect_equal("reset", reset, 0);
    expect_equal("reset_leaves_fifo", set_priority(first, 3), -ENOSYS);
    expect_true("ports_are_given_anew",
                first == (in_order ? store : console) && second == (in_order ? console : store));
    evtchn_bind_ipi(0, &p);
    irq_disable();
    evtchn_unmask(p);
    evtchn_send(p);
    expect_true("2_level_bits_are_used_again", evtchn_pending(p));
    evtchn_clear(p);
    irq_enable();
}

void guest_main(void)
{
    console = (evtchn_port_t)hvm_param(HVM_PARAM_CONSOLE_EVTCHN);
    tap_begin("fifo");
    irq_register(platform.evtchn_intid, upcall);
    set_up();
    events();
    second_page();
    reset_to_2_level();
    tap_end();
}
