// SPDX-License-Identifier: Apache-2.0
/*
 * The domain's objects in the hypervisor: event channels, grants, parameters, a watchdog; and pages of its memory,
 * which nobody else writes.
 *
 * With FIFO event channels a queue has events of three ports when the domain is saved. At each look its first is taken
 * and sent again: it has to come behind the last, which only the hypervisor knows.
 */
#include "tests/guests/record/record.h"

#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/grant.h"
#include "dormouse/xen/hypercall.h"
#include "tests/guests/record/words.h"

/* --- The FIFO form --- */

enum { WORDS = PAGE_SIZE / sizeof(event_word_t), QUEUE = 3, QUEUED = 3 };
#define BIT_OF(name) (1u << EVTCHN_FIFO_##name)

static struct evtchn_fifo_control_block control[RECORD_VCPUS] __attribute__((aligned(4096)));
static event_word_t event_words[WORDS] __attribute__((aligned(4096)));
static evtchn_port_t queued[QUEUED];   /* in the order of the queue */
static uint32_t head;
static bool is_fifo;

static void fifo_begin(void)
{
    struct evtchn_expand_array e = { .array_gfn = (uintptr_t)event_words >> PAGE_SHIFT };

    for (unsigned i = 0; i < WORDS; i++)
        event_words[i] = BIT_OF(MASKED);
    for (unsigned i = 0; i < RECORD_VCPUS; i++) {
        uintptr_t block = (uintptr_t)&control[i];
        struct evtchn_init_control c = { .control_gfn = block >> PAGE_SHIFT, .offset = block % PAGE_SIZE, .vcpu = i };

        if (event_channel_op(EVTCHNOP_init_control, &c))
            panic("record: no FIFO event channels");
    }
    if (event_channel_op(EVTCHNOP_expand_array, &e))
        panic("record: no event words");
    is_fifo = true;
}

static void queue_fill(void)
{
    for (unsigned i = 0; i < QUEUED; i++) {
        struct evtchn_set_priority s;

        if (evtchn_bind_ipi(0, &queued[i]))
            panic("record: no port to queue");
        s = (struct evtchn_set_priority){ .port = queued[i], .priority = QUEUE };
        event_channel_op(EVTCHNOP_set_priority, &s);
        __atomic_fetch_and(&event_words[queued[i]], ~BIT_OF(MASKED), __ATOMIC_SEQ_CST);
        evtchn_send(queued[i]);
    }
}

/* Takes the first event off the queue, as the header's design asks: its link together with LINKED. */
static evtchn_port_t queue_take(void)
{
    uint32_t port = head ? head : control[0].head[QUEUE], was;

    was = __atomic_fetch_and(&event_words[port], ~(BIT_OF(LINKED) | BIT_OF(PENDING) | EVTCHN_FIFO_LINK_MASK),
                             __ATOMIC_SEQ_CST);
    head = was & EVTCHN_FIFO_LINK_MASK;
    return port;
}

static void queue_turn(void)
{
    evtchn_port_t first = queue_take(), last = queued[QUEUED - 1];
    uint32_t link;

    if (first != queued[0] || head != queued[1])
        wrong("the first of the queue is port", 0, queued[0], first);
    evtchn_send(first);
    link = event_words[last] & EVTCHN_FIFO_LINK_MASK;
    if (link != first)
        wrong("behind port", last, first, link);
    if ((event_words[first] & ~EVTCHN_FIFO_LINK_MASK) != (BIT_OF(PENDING) | BIT_OF(LINKED)))
        wrong("event word", first, BIT_OF(PENDING) | BIT_OF(LINKED), event_words[first]);
    for (unsigned i = 0; i + 1 < QUEUED; i++)
        queued[i] = queued[i + 1];
    queued[QUEUED - 1] = first;
}

/* --- Ports in either form --- */

static evtchn_port_t unbound, ipi, virq, polled, waited;

unsigned port_polled(void) { return polled; }
unsigned port_waited(void) { return waited; }
void port_waited_send(void) { evtchn_send(waited); }

static bool is_pending(evtchn_port_t port)
{
    return is_fifo ? event_words[port] & BIT_OF(PENDING) : evtchn_pending(port);
}

void port_waited_clear(void)
{
    if (is_fifo)
        __atomic_fetch_and(&event_words[waited], ~BIT_OF(PENDING), __ATOMIC_SEQ_CST);
    else
        evtchn_clear(waited);
}

static void ports_fill(void)
{
    struct evtchn_bind_vcpu move = { .vcpu = 2 };

    if (evtchn_alloc_unbound(0, &unbound) || evtchn_bind_ipi(1, &ipi) || evtchn_bind_virq(VIRQ_DEBUG, 0, &virq) ||
        evtchn_alloc_unbound(7, &polled) || evtchn_bind_ipi(7, &waited))
        panic("record: no ports");
    move.port = unbound;
    event_channel_op(EVTCHNOP_bind_vcpu, &move);
    evtchn_send(ipi);   /* masked: it stays pending */
}

static void ports_see(void)
{
    for (evtchn_port_t port = 1; port < 16; port++) {
        struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

        event_channel_op(EVTCHNOP_status, &s);
        see("port's state", port, s.status);
        see("port's vCPU", port, s.vcpu);
        if (s.status == EVTCHNSTAT_unbound)
            see("port's remote", port, s.u.unbound.dom);
        if (s.status == EVTCHNSTAT_virq)
            see("port's VIRQ", port, s.u.virq);
        if (port != waited)
            see("port pending", port, is_pending(port));
    }
    see("evtchn_mask", 0, shared_info->evtchn_mask[0]);
    see("a sent port that is pending", ipi, is_pending(ipi));
    if (is_fifo)
        queue_turn();
}

/* --- Grants --- */

enum { REF = 40 };

static void grants_fill(void)
{
    if (grant_init())
        panic("record: no grant table");
    grant_table[REF] = (struct grant_entry_v1){ .domid = 3, .frame = 0x40001 };
    grant_table[REF].flags = GTF_permit_access;
}

static void grants_see(void)
{
    see("grant's flags", REF, grant_table[REF].flags);
    see("grant's domain", REF, grant_table[REF].domid);
    see("grant's frame", REF, grant_table[REF].frame);
}

/* --- Pages, and a watchdog that has long not run out --- */

enum { PAGES = 24, EMPTY_PAGES = 4, WATCHDOG_S = 100000 };

static uint64_t pages[PAGES][PAGE_SIZE / 8] __attribute__((aligned(4096)));
static uint64_t empty[EMPTY_PAGES][PAGE_SIZE / 8] __attribute__((aligned(4096)));
static struct sched_watchdog watchdog = { .timeout = WATCHDOG_S };

static uint64_t word_of(unsigned page, unsigned i) { return (uint64_t)(page + 1) << 32 | i; }

static void pages_fill(void)
{
    long id = sched_op(SCHEDOP_watchdog, &watchdog);

    if (id <= 0)
        panic("record: no watchdog");
    watchdog.id = (uint32_t)id;
    for (unsigned page = 0; page < PAGES; page++)
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            pages[page][i] = word_of(page, i);
}

static void pages_look(void)
{
    for (unsigned page = 0; page < PAGES; page++)
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            if (pages[page][i] != word_of(page, i))
                wrong("word of a page", page, word_of(page, i), pages[page][i]);
    for (unsigned page = 0; page < EMPTY_PAGES; page++)
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            if (empty[page][i])
                wrong("word of an empty page", page, 0, empty[page][i]);
}

/* --- All --- */

void things_fill(bool fifo)
{
    if (fifo)
        fifo_begin();
    ports_fill();
    if (fifo)
        queue_fill();
    grants_fill();
    pages_fill();
}

void things_see(void)
{
    ports_see();
    grants_see();
    see("watchdog set again", watchdog.id, (uint64_t)sched_op(SCHEDOP_watchdog, &watchdog));
    pages_look();
    see("HVM_PARAM_CONSOLE_PFN", 0, hvm_param(HVM_PARAM_CONSOLE_PFN));
}

/* The new domain has neither; the toolstack's parameter stays. */
void things_see_the_loss(void)
{
    for (evtchn_port_t port = 1; port < 16; port++) {
        struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

        if (event_channel_op(EVTCHNOP_status, &s) == 0 && s.status != EVTCHNSTAT_closed)
            wrong("a port that was given up", port, EVTCHNSTAT_closed, s.status);
    }
    if (grant_table[REF].flags)
        wrong("a grant that was given up", REF, 0, grant_table[REF].flags);
    if (!hvm_param(HVM_PARAM_CONSOLE_PFN))
        wrong("HVM_PARAM_CONSOLE_PFN", 0, 1, 0);
    pages_look();
}
