// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c tests/unit/threads.c tests/unit/threads_pair.c hypervisor/vm/evtchn/evtchn.c */
/* sources: hypervisor/vm/evtchn/port.c hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c */
/* sources: hypervisor/vm/evtchn/deliver.c hypervisor/vm/evtchn/virq.c */
/*
 * Event channels from several vCPUs of two domains at once: opened, connected, sent through, polled, closed and reset
 * in both forms, with resets whose caller does not come back, and each domain in turn destroyed while the other goes
 * on.
 */
#include "threads_pair.h"

#include "lib/bitmap.h"
#include "vm/evtchn/internal.h"

#define PORTS   24     /* those that are played with */
#define PAGES   8
#define CONTROL 2      /* gfns, two each */
#define ARRAY   4

static uint32_t console[2];   /* the hypervisor's port of each */

static void on_notify(struct domain *d, uint32_t port)
{
    threads_expect(port == console[d == pair_domain(1)]);
}

static void create(struct domain *d, unsigned n)
{
    threads_expect(evtchn_domain_init(d, 300) == 0);
    for (unsigned i = 0; i < 2; i++)
        evtchn_vcpu_init(d->vcpus[i]);
    threads_expect(evtchn_alloc_consumer(d, (domid_t)(2 - n), on_notify, &console[n]) == 0);
}

/* The guest's own acts on the memory that it shares with us. */
static void guest_touches(struct domain *d)
{
    struct shared_info *shared = d->shared_info.page;
    unsigned port = threads_random(PORTS);
    uint32_t *word = (uint32_t *)fake_page(d, ARRAY) + port;

    bitmap_clear_atomic(shared->evtchn_pending, port);
    if (threads_random(4) == 0)
        bitmap_set_atomic(shared->evtchn_mask, port);
    __atomic_store_n(&shared->vcpu_info[0].evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(
        word, threads_random(2) ? ~((1u << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK) : threads_random(UINT32_MAX),
        __ATOMIC_SEQ_CST);
}

static void guest_changes_form(struct domain *d, unsigned vcpu)
{
    switch (threads_random(4)) {
    case 0:
        evtchn_init_control(d, vcpu, GFN(CONTROL + vcpu), 0);
        break;
    case 1:
        evtchn_expand_array(d, GFN(ARRAY));
        break;
    case 2:
        evtchn_register_vcpu_info(d->vcpus[vcpu], GFN(ARRAY + 1 + vcpu), 64);
        break;
    default:
        evtchn_reset(d, threads_preempt);   /* and never gone on with */
        break;
    }
}

static void guest_polls(struct domain *d, unsigned n, unsigned vcpu)
{
    evtchn_poll_begin(d->vcpus[vcpu], threads_random(3) ? threads_random(PORTS) : EVTCHN_POLL_ANY);
    threads_expect(evtchn_port_pending(d, console[n]) == 0);
    if (threads_random(2))
        evtchn_poll_end(d->vcpus[vcpu]);
}

static void guest_step(struct domain *d, struct domain *peer, unsigned n, unsigned vcpu)
{
    uint32_t port = threads_random(PORTS), out;

    switch (threads_random(16)) {
    case 0: evtchn_alloc_unbound(d, peer->id, &out); break;
    case 1: evtchn_alloc_unbound(d, d->id, &out); break;
    case 2: evtchn_bind_interdomain(d, threads_random(4) ? peer : d, port, &out); break;
    case 3: evtchn_bind_virq(d, threads_random(EVTCHN_NR_VIRQS), vcpu, &out); break;
    case 4: evtchn_bind_ipi(d, vcpu, &out); break;
    case 5: evtchn_close(d, port); break;
    case 6: evtchn_bind_vcpu(d, port, threads_random(3)); break;
    case 7: evtchn_unmask(d, port); break;
    case 8: evtchn_set_priority(d, port, threads_random(17)); break;
    case 9: guest_polls(d, n, vcpu); break;
    case 10: guest_changes_form(d, vcpu); break;
    case 11: guest_touches(d); break;
    case 12: evtchn_notify(d, console[n]); break;
    default: evtchn_send(d, port); break;
    }
}

/* A privileged domain's acts on one that is not its own, also while that one dies. */
static void toolstack_step(struct domain *d, domid_t remote)
{
    struct evtchn_port_status status;
    uint32_t out;

    switch (threads_random(5)) {
    case 0: evtchn_alloc_unbound(d, remote, &out); break;
    case 1: evtchn_status(d, threads_random(PORTS), &status); break;
    case 2: evtchn_reset(d, threads_preempt); break;
    case 3: evtchn_upcall_pending(d->vcpus[0]); break;
    default: evtchn_send_virq(d->vcpus[threads_random(2)], threads_random(EVTCHN_NR_VIRQS)); break;
    }
}

static int destroy(struct domain *d, unsigned n)
{
    if (console[n])
        evtchn_free_consumer(d, console[n]);
    console[n] = 0;
    return evtchn_domain_destroy(d, threads_preempt);
}

/* Every reference that a port had is gone: the rest are the creator's. */
static void check(struct domain *d)
{
    threads_expect(d->evtchn.ports_used == 0);
    fake_assert_refs(d, PAGES, 1);
}

int main(void)
{
    static const struct pair_play play = {
        .pages = PAGES,
        .create = create,
        .step = guest_step,
        .step_outside = toolstack_step,
        .destroy = destroy,
        .check = check,
        .free = evtchn_domain_free,
    };

    return pair_main(&play);
}
