// SPDX-License-Identifier: Apache-2.0
/*
 * A network device's two rings (xen/include/public/io/netif.h): which buffers the back end has, and how far its answers
 * can be believed. Pure: no lock (net.c's), no hypercall. A buffer is a page that the back end may use all the time;
 * its number is the request's id. A packet is in one buffer: more is not offered to the back end.
 */
#pragma once
#include "dormouse/xen/xen.h"
#include "lib/base.h"
#include <xen/io/ring.h>
#include <xen/io/netif.h>

enum { NET_BUFFERS = 64, NET_RING_ENTRIES = 256 };     /* for each direction; entries of a page, in either ring */

struct net_buffer {
    enum net_buffer_state {
        NET_FREE,
        NET_TAKEN,                  /* its taker's */
        NET_QUEUED,                 /* to be issued as soon as there is a ring */
        NET_ISSUED,                 /* the back end's */
    } state;
    grant_ref_t ref;
    uint16_t length, flags;         /* of the packet to send; NETTXF_* */
};

struct net_packet {
    unsigned buffer;                /* which one, TAKEN */
    uint16_t offset, length;        /* in its page */
    bool checksummed;               /* it is whole, or was made by our own host, which leaves the checksum blank */
};

struct net_ring {
    struct netif_tx_sring *tx;      /* both NULL: none */
    struct netif_rx_sring *rx;
    RING_IDX tx_requests, tx_responses, rx_requests, rx_responses;
    struct net_buffer send[NET_BUFFERS], receive[NET_BUFFERS];
};

void net_ring_init(struct net_ring *r);
/* Makes empty rings of two pages, before the back end sees them. */
void net_ring_prepare(void *tx, void *rx);
/* The rings that were prepared there are in use from now on, and all free buffers are queued for packets to come. */
void net_ring_attach(struct net_ring *r, void *tx, void *rx);
/*
 * The back end's buffers are queued again: of a packet that it may have sent nobody knows, and twice is better than
 * never. How many those are.
 */
unsigned net_ring_detach(struct net_ring *r);

/* Puts queued buffers into the rings. True: the back end wants to be told. */
bool net_ring_issue(struct net_ring *r);

/* NULL, or in what way the back end lies. Buffers that were sent are free. */
const char *net_ring_collect_sent(struct net_ring *r);
/* A free buffer to send from, or NET_BUFFERS. */
unsigned net_ring_take(struct net_ring *r);
/* With `blank` the back end completes its checksum. */
void net_ring_send(struct net_ring *r, unsigned buffer, uint16_t length, bool blank);

/* Something may have come, or a buffer may have become free. */
bool net_ring_has_answers(const struct net_ring *r);
/* 1: a packet; 0: none has come; -EIO: the back end lies, *lie says in what way. */
int net_ring_receive(struct net_ring *r, struct net_packet *packet, const char **lie);
/* The packet has been looked at. */
void net_ring_give_back(struct net_ring *r, unsigned buffer);
