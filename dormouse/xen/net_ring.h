// SPDX-License-Identifier: Apache-2.0
/*
 * A network device's rings (xen/include/public/io/netif.h), a pair of them in each queue: which buffers the back end
 * has, and how far its answers can be believed. Pure: no lock (net.c's), no hypercall. A buffer is a page that the back
 * end may use all the time, in any queue; its number is the request's id. A packet is in one buffer: more is not
 * offered to the back end.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include <xen/io/ring.h>
#include <xen/io/netif.h>

enum {
    NET_QUEUES = 2,                 /* at most */
    NET_BUFFERS = 64,               /* for each direction, of all queues */
    NET_RING_ENTRIES = 256,         /* of a page, in either ring */
};

struct net_buffer {
    enum net_buffer_state {
        NET_FREE,
        NET_TAKEN,                  /* its taker's */
        NET_QUEUED,                 /* to be issued as soon as there is a ring */
        NET_ISSUED,                 /* the back end's */
    } state;
    grant_ref_t ref;
    unsigned queue;                 /* where it is issued */
    unsigned flow;                  /* of the packet to send: those of one flow stay in order */
    uint16_t length, flags;         /* of the same; NETTXF_* */
};

struct net_packet {
    unsigned buffer;                /* which one, TAKEN */
    uint16_t offset, length;        /* in its page */
    bool checksummed;               /* it is whole, or was made by our own host, which leaves the checksum blank */
};

struct net_queue {
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
    RING_IDX tx_requests, tx_responses, rx_requests, rx_responses;
};

struct net_ring {
    unsigned nr_queues;             /* 0: there is no back end */
    unsigned turn;                  /* the queue that is looked into first for a packet */
    struct net_queue queues[NET_QUEUES];
    struct net_buffer send[NET_BUFFERS], receive[NET_BUFFERS];
};

void net_ring_init(struct net_ring *r);
/* Makes empty rings, for each queue a page to send by and one to receive by, before the back end sees them. */
void net_ring_prepare(char *pages, unsigned nr_queues);
/*
 * The rings that were prepared there are in use from now on, and all free buffers are queued for packets to come. The
 * pages are looked into, without a lock, also after net_ring_detach().
 */
void net_ring_attach(struct net_ring *r, char *pages, unsigned nr_queues);
/*
 * The back end's buffers are queued again: of a packet that it may have sent nobody knows, and twice is better than
 * never. How many those are.
 */
unsigned net_ring_detach(struct net_ring *r);

/*
 * Puts queued buffers into the rings. Of which of these the back end wants to be told, as a bitmap: 2 * queue is the
 * one to send by, the next one that to receive by.
 */
unsigned net_ring_issue(struct net_ring *r);

/* NULL, or in what way the back end lies. Buffers that were sent are free. */
const char *net_ring_collect_sent(struct net_ring *r);
/* A free buffer to send from, or NET_BUFFERS. */
unsigned net_ring_take(struct net_ring *r);
/* flow: any number, the same for all packets of a conversation. With `blank` the back end completes its checksum. */
void net_ring_send(struct net_ring *r, unsigned buffer, uint16_t length, unsigned flow, bool blank);

/* Something may have come, or a buffer may have become free. Needs no lock. */
bool net_ring_has_answers(const struct net_ring *r);
/* 1: a packet; 0: none has come; -EIO: the back end lies, *lie says in what way. */
int net_ring_receive(struct net_ring *r, struct net_packet *packet, const char **lie);
/* The packet has been looked at. */
void net_ring_give_back(struct net_ring *r, unsigned buffer);
