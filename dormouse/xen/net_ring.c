// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: requests - responses of a ring is the number of buffers of its direction that are ISSUED in its queue, and
 * less than it has entries. Of the shared pages each value is read once.
 */
#include "dormouse/xen/net_ring.h"
#include "lib/errno.h"
#include "lib/string.h"

_Static_assert(offsetof(struct netif_tx_sring, ring) + NET_RING_ENTRIES * sizeof(union netif_tx_sring_entry) <= 4096 &&
               offsetof(struct netif_rx_sring, ring) + NET_RING_ENTRIES * sizeof(union netif_rx_sring_entry) <= 4096 &&
               (int)NET_BUFFERS < (int)NET_RING_ENTRIES, "a ring never is full");

void net_ring_init(struct net_ring *r)
{
    memset(r, 0, sizeof(*r));
}

static void *tx_page(char *pages, unsigned queue) { return pages + 2 * queue * PAGE_SIZE; }
static void *rx_page(char *pages, unsigned queue) { return pages + (2 * queue + 1) * PAGE_SIZE; }

void net_ring_prepare(char *pages, unsigned nr_queues)
{
    for (unsigned i = 0; i < nr_queues; i++) {
        struct netif_tx_sring *tx = memset(tx_page(pages, i), 0, PAGE_SIZE);
        struct netif_rx_sring *rx = memset(rx_page(pages, i), 0, PAGE_SIZE);

        tx->req_event = tx->rsp_event = 1;
        rx->req_event = rx->rsp_event = 1;
    }
}

void net_ring_attach(struct net_ring *r, char *pages, unsigned nr_queues)
{
    for (unsigned i = 0; i < nr_queues; i++)
        r->queues[i] = (struct net_queue){ .tx = tx_page(pages, i), .rx = rx_page(pages, i) };
    __atomic_store_n(&r->nr_queues, nr_queues, __ATOMIC_RELEASE);   /* net_ring_has_answers() takes no lock */
    for (unsigned i = 0; i < NET_BUFFERS; i++)
        if (r->receive[i].state == NET_FREE)
            r->receive[i].state = NET_QUEUED;
}

static unsigned queue_again(struct net_buffer *buffers)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        if (buffers[i].state == NET_ISSUED) {
            buffers[i].state = NET_QUEUED;
            n++;
        }
    }
    return n;
}

unsigned net_ring_detach(struct net_ring *r)
{
    __atomic_store_n(&r->nr_queues, 0, __ATOMIC_RELAXED);
    queue_again(r->receive);
    return queue_again(r->send);
}

/* ring.h: a back end that asked to be told of one among the new ones is told. */
static bool publish(RING_IDX *produced, const RING_IDX *event, RING_IDX before, RING_IDX now)
{
    if (now == before)
        return false;
    STORE_BEFORE_LOADS(produced, now);
    return now - __atomic_load_n(event, __ATOMIC_SEQ_CST) < now - before;
}

static void send_issue(struct net_ring *r)
{
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        struct net_buffer *b = &r->send[i];

        if (b->state != NET_QUEUED)
            continue;
        b->state = NET_ISSUED;
        b->queue = b->flow % r->nr_queues;
        struct net_queue *q = &r->queues[b->queue];
        q->tx->ring[q->tx_requests++ & (NET_RING_ENTRIES - 1)].req = (struct netif_tx_request){
            .gref = b->ref, .flags = b->flags, .id = (uint16_t)i, .size = b->length,
        };
    }
}

/* The queue that has fewest buffers for packets to come. */
static unsigned neediest(const struct net_ring *r)
{
    unsigned found = 0;

    for (unsigned i = 1; i < r->nr_queues; i++)
        if (r->queues[i].rx_requests - r->queues[i].rx_responses <
            r->queues[found].rx_requests - r->queues[found].rx_responses)
            found = i;
    return found;
}

static void receive_issue(struct net_ring *r)
{
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        struct net_buffer *b = &r->receive[i];

        if (b->state != NET_QUEUED)
            continue;
        b->state = NET_ISSUED;
        b->queue = neediest(r);
        struct net_queue *q = &r->queues[b->queue];
        q->rx->ring[q->rx_requests++ & (NET_RING_ENTRIES - 1)].req = (struct netif_rx_request){
            .id = (uint16_t)i, .gref = b->ref,
        };
    }
}

unsigned net_ring_issue(struct net_ring *r)
{
    RING_IDX tx_before[NET_QUEUES], rx_before[NET_QUEUES];
    unsigned told = 0;

    for (unsigned i = 0; i < r->nr_queues; i++) {
        tx_before[i] = r->queues[i].tx_requests;
        rx_before[i] = r->queues[i].rx_requests;
    }
    if (r->nr_queues) {
        send_issue(r);
        receive_issue(r);
    }
    for (unsigned i = 0; i < r->nr_queues; i++) {
        struct net_queue *q = &r->queues[i];

        if (publish(&q->tx->req_prod, &q->tx->req_event, tx_before[i], q->tx_requests))
            told |= 1u << 2 * i;
        if (publish(&q->rx->req_prod, &q->rx->req_event, rx_before[i], q->rx_requests))
            told |= 2u << 2 * i;
    }
    return told;
}

static const char *collect_sent(struct net_ring *r, unsigned queue)
{
    struct net_queue *q = &r->queues[queue];
    RING_IDX end;

    do {
        end = __atomic_load_n(&q->tx->rsp_prod, __ATOMIC_ACQUIRE);
        if (end - q->tx_responses > q->tx_requests - q->tx_responses)
            return "more answers than packets";
        for (; q->tx_responses != end; q->tx_responses++) {
            const union netif_tx_sring_entry *entry = &q->tx->ring[q->tx_responses & (NET_RING_ENTRIES - 1)];
            uint16_t id = __atomic_load_n(&entry->rsp.id, __ATOMIC_RELAXED);

            if (id >= NET_BUFFERS || r->send[id].state != NET_ISSUED || r->send[id].queue != queue)
                return "an answer to no packet, or a second one";
            r->send[id].state = NET_FREE;
        }
        STORE_BEFORE_LOADS(&q->tx->rsp_event, end + 1);
    } while (__atomic_load_n(&q->tx->rsp_prod, __ATOMIC_SEQ_CST) != end);
    return NULL;
}

const char *net_ring_collect_sent(struct net_ring *r)
{
    const char *lie = NULL;

    for (unsigned i = 0; !lie && i < r->nr_queues; i++)
        lie = collect_sent(r, i);
    return lie;
}

unsigned net_ring_take(struct net_ring *r)
{
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        if (r->send[i].state == NET_FREE) {
            r->send[i].state = NET_TAKEN;
            return i;
        }
    }
    return NET_BUFFERS;
}

void net_ring_send(struct net_ring *r, unsigned buffer, uint16_t length, unsigned flow, bool blank)
{
    r->send[buffer].flow = flow;
    r->send[buffer].flags = NETTXF_data_validated | (blank ? NETTXF_csum_blank : 0);
    r->send[buffer].length = length;
    r->send[buffer].state = NET_QUEUED;
}

bool net_ring_has_answers(const struct net_ring *r)
{
    for (unsigned i = 0; i < __atomic_load_n(&r->nr_queues, __ATOMIC_ACQUIRE); i++) {
        const struct net_queue *q = &r->queues[i];

        if (__atomic_load_n(&q->tx->rsp_prod, __ATOMIC_SEQ_CST) != q->tx_responses ||
            __atomic_load_n(&q->rx->rsp_prod, __ATOMIC_SEQ_CST) != q->rx_responses)
            return true;
    }
    return false;
}

static const char *packet_check(struct net_ring *r, unsigned queue, const struct netif_rx_response *answer)
{
    if (answer->id >= NET_BUFFERS || r->receive[answer->id].state != NET_ISSUED ||
        r->receive[answer->id].queue != queue)
        return "a packet in no buffer, or in one that it has given back";
    if (answer->flags & (NETRXF_more_data | NETRXF_extra_info | NETRXF_gso_prefix))
        return "a packet in pieces, which it was not offered";
    if (answer->status > 0 && answer->offset + (unsigned)answer->status > PAGE_SIZE)
        return "a packet that ends beyond its buffer";
    return NULL;
}

static int receive(struct net_ring *r, unsigned queue, struct net_packet *packet, const char **lie)
{
    struct net_queue *q = &r->queues[queue];

    for (;;) {
        RING_IDX end = __atomic_load_n(&q->rx->rsp_prod, __ATOMIC_ACQUIRE);
        struct netif_rx_response answer;

        *lie = "more packets than buffers";
        if (end - q->rx_responses > q->rx_requests - q->rx_responses)
            return -EIO;
        if (end == q->rx_responses)
            return 0;
        memcpy(&answer, &q->rx->ring[q->rx_responses & (NET_RING_ENTRIES - 1)], sizeof(answer));
        __asm__ volatile("" ::: "memory");          /* the copy is looked at, not the page again */
        *lie = packet_check(r, queue, &answer);
        if (*lie)
            return -EIO;
        q->rx_responses++;
        /* the next waiter looks once more, and from then on is told */
        STORE_BEFORE_LOADS(&q->rx->rsp_event, q->rx_responses + 1);
        r->receive[answer.id].state = NET_TAKEN;
        if (answer.status <= 0) {                   /* the back end had none for us after all */
            net_ring_give_back(r, answer.id);
            continue;
        }
        *packet = (struct net_packet){
            .buffer = answer.id, .offset = answer.offset, .length = (uint16_t)answer.status,
            .checksummed = answer.flags & (NETRXF_data_validated | NETRXF_csum_blank),
        };
        return 1;
    }
}

int net_ring_receive(struct net_ring *r, struct net_packet *packet, const char **lie)
{
    int got = 0;

    for (unsigned i = 0; !got && i < r->nr_queues; i++)
        got = receive(r, (r->turn + i) % r->nr_queues, packet, lie);
    r->turn++;
    return got;
}

void net_ring_give_back(struct net_ring *r, unsigned buffer)
{
    r->receive[buffer].state = NET_QUEUED;
}
