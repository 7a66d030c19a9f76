// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: requests - responses of a ring is the number of buffers of its direction that are ISSUED, and less than it
 * has entries. Of the shared pages each value is read once.
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

void net_ring_prepare(void *tx, void *rx)
{
    struct netif_tx_sring *t = memset(tx, 0, PAGE_SIZE);
    struct netif_rx_sring *x = memset(rx, 0, PAGE_SIZE);

    t->req_event = t->rsp_event = 1;
    x->req_event = x->rsp_event = 1;
}

void net_ring_attach(struct net_ring *r, void *tx, void *rx)
{
    r->tx = tx;
    r->rx = rx;
    r->tx_requests = r->tx_responses = r->rx_requests = r->rx_responses = 0;
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
    r->tx = NULL;
    r->rx = NULL;
    queue_again(r->receive);
    return queue_again(r->send);
}

/* ring.h: a back end that asked to be told of one among the new ones is told. */
static bool publish(RING_IDX *produced, const RING_IDX *event, RING_IDX before, RING_IDX now)
{
    if (now == before)
        return false;
    __atomic_store_n(produced, now, __ATOMIC_SEQ_CST);
    return now - __atomic_load_n(event, __ATOMIC_SEQ_CST) < now - before;
}

static bool send_issue(struct net_ring *r)
{
    RING_IDX before = r->tx_requests;

    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        struct net_buffer *b = &r->send[i];

        if (b->state != NET_QUEUED)
            continue;
        b->state = NET_ISSUED;
        r->tx->ring[r->tx_requests++ & (NET_RING_ENTRIES - 1)].req = (struct netif_tx_request){
            .gref = b->ref, .flags = b->flags, .id = (uint16_t)i, .size = b->length,
        };
    }
    return publish(&r->tx->req_prod, &r->tx->req_event, before, r->tx_requests);
}

static bool receive_issue(struct net_ring *r)
{
    RING_IDX before = r->rx_requests;

    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        struct net_buffer *b = &r->receive[i];

        if (b->state != NET_QUEUED)
            continue;
        b->state = NET_ISSUED;
        r->rx->ring[r->rx_requests++ & (NET_RING_ENTRIES - 1)].req = (struct netif_rx_request){
            .id = (uint16_t)i, .gref = b->ref,
        };
    }
    return publish(&r->rx->req_prod, &r->rx->req_event, before, r->rx_requests);
}

bool net_ring_issue(struct net_ring *r)
{
    bool told;

    if (!r->tx)
        return false;
    told = send_issue(r);
    return receive_issue(r) || told;
}

const char *net_ring_collect_sent(struct net_ring *r)
{
    RING_IDX end;

    if (!r->tx)
        return NULL;
    do {
        end = __atomic_load_n(&r->tx->rsp_prod, __ATOMIC_ACQUIRE);
        if (end - r->tx_responses > r->tx_requests - r->tx_responses)
            return "more answers than packets";
        for (; r->tx_responses != end; r->tx_responses++) {
            const union netif_tx_sring_entry *entry = &r->tx->ring[r->tx_responses & (NET_RING_ENTRIES - 1)];
            uint16_t id = __atomic_load_n(&entry->rsp.id, __ATOMIC_RELAXED);

            if (id >= NET_BUFFERS || r->send[id].state != NET_ISSUED)
                return "an answer to no packet, or a second one";
            r->send[id].state = NET_FREE;
        }
        __atomic_store_n(&r->tx->rsp_event, end + 1, __ATOMIC_SEQ_CST);
    } while (__atomic_load_n(&r->tx->rsp_prod, __ATOMIC_SEQ_CST) != end);
    return NULL;
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

void net_ring_send(struct net_ring *r, unsigned buffer, uint16_t length, bool blank)
{
    r->send[buffer].flags = NETTXF_data_validated | (blank ? NETTXF_csum_blank : 0);
    r->send[buffer].length = length;
    r->send[buffer].state = NET_QUEUED;
}

bool net_ring_has_answers(const struct net_ring *r)
{
    const struct netif_tx_sring *tx = r->tx;
    const struct netif_rx_sring *rx = r->rx;

    return (tx && __atomic_load_n(&tx->rsp_prod, __ATOMIC_SEQ_CST) != r->tx_responses) ||
           (rx && __atomic_load_n(&rx->rsp_prod, __ATOMIC_SEQ_CST) != r->rx_responses);
}

static const char *packet_check(struct net_ring *r, const struct netif_rx_response *answer)
{
    if (answer->id >= NET_BUFFERS || r->receive[answer->id].state != NET_ISSUED)
        return "a packet in no buffer, or in one that it has given back";
    if (answer->flags & (NETRXF_more_data | NETRXF_extra_info | NETRXF_gso_prefix))
        return "a packet in pieces, which it was not offered";
    if (answer->status > 0 && answer->offset + (unsigned)answer->status > PAGE_SIZE)
        return "a packet that ends beyond its buffer";
    return NULL;
}

int net_ring_receive(struct net_ring *r, struct net_packet *packet, const char **lie)
{
    while (r->rx) {
        RING_IDX end = __atomic_load_n(&r->rx->rsp_prod, __ATOMIC_ACQUIRE);
        struct netif_rx_response answer;

        *lie = "more packets than buffers";
        if (end - r->rx_responses > r->rx_requests - r->rx_responses)
            return -EIO;
        if (end == r->rx_responses)
            return 0;
        memcpy(&answer, &r->rx->ring[r->rx_responses & (NET_RING_ENTRIES - 1)], sizeof(answer));
        __asm__ volatile("" ::: "memory");          /* the copy is looked at, not the page again */
        *lie = packet_check(r, &answer);
        if (*lie)
            return -EIO;
        r->rx_responses++;
        /* the next waiter looks once more, and from then on is told */
        __atomic_store_n(&r->rx->rsp_event, r->rx_responses + 1, __ATOMIC_SEQ_CST);
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
    return 0;
}

void net_ring_give_back(struct net_ring *r, unsigned buffer)
{
    r->receive[buffer].state = NET_QUEUED;
}
