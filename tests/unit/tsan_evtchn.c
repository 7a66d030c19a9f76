// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c hypervisor/vm/evtchn/evtchn.c hypervisor/vm/evtchn/port.c hypervisor/vm/evtchn/twolevel.c hypervisor/vm/evtchn/fifo.c hypervisor/vm/evtchn/deliver.c hypervisor/vm/evtchn/virq.c */
/*
 * Event channels from several vCPUs of two domains at once: opened, connected, sent through, polled, closed and reset in both
 * forms, with resets whose caller does not come back, and each domain in turn destroyed while the other goes on.
 */
#include "tsan.h"

#include "lib/bitmap.h"
#include "vm/evtchn/internal.h"

#define ROUNDS  12
#define THREADS 4      /* two vCPUs of each domain */
#define STEPS   3000
#define PORTS   24     /* those that are played with */
#define PAGES   8
#define CONTROL 2      /* gfns, two each */
#define ARRAY   4

static struct domain *domains[2];
static uint32_t console[2];   /* the hypervisor's port of each */

/* Held for reading while a vCPU of the domain is in a hypercall, for writing by whoever pauses it for good. */
static pthread_rwlock_t running[2] = { PTHREAD_RWLOCK_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER };
static bool paused[2];

static void on_notify(struct domain *d, uint32_t port)
{
    CHECK(port == console[d == domains[1]]);
}

static struct domain *domain_new(unsigned n)
{
    struct domain *d = fake_domain((domid_t)(n + 1), 2, PAGES);

    CHECK(evtchn_domain_init(d, 300) == 0);
    for (unsigned i = 0; i < 2; i++)
        evtchn_vcpu_init(d->vcpus[i]);
    CHECK(evtchn_alloc_consumer(d, (domid_t)(2 - n), on_notify, &console[n]) == 0);
    return d;
}

/* What the guest itself does to the memory that it shares with us. */
static void guest_touches(struct domain *d)
{
    struct shared_info *shared = d->shared_info.page;
    unsigned port = below(PORTS);
    uint32_t *word = (uint32_t *)fake_page(d, ARRAY) + port;

    bitmap_clear_atomic(shared->evtchn_pending, port);
    if (below(4) == 0)
        bitmap_set_atomic(shared->evtchn_mask, port);
    __atomic_store_n(&shared->vcpu_info[0].evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(word, below(2) ? ~((1u << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK) : below(UINT32_MAX),
                       __ATOMIC_SEQ_CST);
}

static void guest_changes_form(struct domain *d, unsigned vcpu)
{
    switch (below(4)) {
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
        evtchn_reset(d, sometimes);   /* and never gone on with */
        break;
    }
}

static void guest_polls(struct domain *d, unsigned n, unsigned vcpu)
{
    evtchn_poll_begin(d->vcpus[vcpu], below(3) ? below(PORTS) : EVTCHN_POLL_ANY);
    CHECK(evtchn_port_pending(d, console[n]) == 0);
    if (below(2))
        evtchn_poll_end(d->vcpus[vcpu]);
}

static void guest_step(struct domain *d, struct domain *peer, unsigned n, unsigned vcpu)
{
    uint32_t port = below(PORTS), out;

    switch (below(16)) {
    case 0: evtchn_alloc_unbound(d, peer->id, &out); break;
    case 1: evtchn_alloc_unbound(d, d->id, &out); break;
    case 2: evtchn_bind_interdomain(d, below(4) ? peer : d, port, &out); break;
    case 3: evtchn_bind_virq(d, below(EVTCHN_NR_VIRQS), vcpu, &out); break;
    case 4: evtchn_bind_ipi(d, vcpu, &out); break;
    case 5: evtchn_close(d, port); break;
    case 6: evtchn_bind_vcpu(d, port, below(3)); break;
    case 7: evtchn_unmask(d, port); break;
    case 8: evtchn_set_priority(d, port, below(17)); break;
    case 9: guest_polls(d, n, vcpu); break;
    case 10: guest_changes_form(d, vcpu); break;
    case 11: guest_touches(d); break;
    case 12: evtchn_notify(d, console[n]); break;
    default: evtchn_send(d, port); break;
    }
}

/* What a privileged domain may do to one that is not its own, also while that one dies. */
static void toolstack_step(struct domain *d, domid_t remote)
{
    struct evtchn_port_status status;
    uint32_t out;

    switch (below(5)) {
    case 0: evtchn_alloc_unbound(d, remote, &out); break;
    case 1: evtchn_status(d, below(PORTS), &status); break;
    case 2: evtchn_reset(d, sometimes); break;
    case 3: evtchn_upcall_pending(d->vcpus[0]); break;
    default: evtchn_send_virq(d->vcpus[below(2)], below(EVTCHN_NR_VIRQS)); break;
    }
}

static void play(unsigned thread)
{
    unsigned n = thread / 2;

    for (unsigned i = 0; i < STEPS; i++) {
        if (below(16) == 0)
            toolstack_step(domains[!n], domains[n]->id);
        pthread_rwlock_rdlock(&running[n]);
        if (!paused[n])
            guest_step(domains[n], domains[!n], n, thread % 2);
        pthread_rwlock_unlock(&running[n]);
    }
}

static void destroy(unsigned n)
{
    int err;

    pthread_rwlock_wrlock(&running[n]);
    paused[n] = true;
    pthread_rwlock_unlock(&running[n]);
    evtchn_free_consumer(domains[n], console[n]);
    do
        err = evtchn_domain_destroy(domains[n], sometimes);
    while (err == -ERESTART);
    CHECK(err == 0);
    CHECK(domains[n]->evtchn.ports_used == 0);
}

/* Every reference that a port had is gone: what is left is the creator's. */
static void end(unsigned n)
{
    struct domain *d = domains[n];

    fake_assert_refs(d, PAGES, 1);
    fake_domain_release(d);
    CHECK(d->refs == 1);
    evtchn_domain_free(d);
    fake_domain_free(d);
}

int main(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct tsan_thread threads[THREADS];
        unsigned first = round % 2;

        fake_reset();
        thread_random = round + 1;
        for (unsigned n = 0; n < 2; n++) {
            domains[n] = domain_new(n);
            paused[n] = false;
        }
        tsan_start(threads, THREADS, play, round * THREADS + 1);
        destroy(first);
        tsan_join(threads, THREADS);
        destroy(!first);
        for (unsigned n = 0; n < 2; n++)
            end(n);
        fake_assert_nothing_left();
    }
    printf("%u rounds\n", ROUNDS);
    return 0;
}
