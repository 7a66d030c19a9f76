// SPDX-License-Identifier: Apache-2.0
/*
 * A device has two rings, and for each direction a few pages through which frames are copied. The back end may use
 * these, and nothing else, from the handshake until it is gone.
 *
 * `lock` of a device protects its rings. A waiting thread takes answers; the interrupt only wakes.
 */
#include "dormouse/xen/net.h"
#include "dormouse/core/lock.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/frontend.h"
#include "dormouse/xen/grant.h"
#include "dormouse/xen/net_ring.h"
#include "dormouse/xen/value.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { PAGES = 2 + 2 * NET_BUFFERS };

struct net {
    struct frontend frontend;
    struct spinlock lock;
    struct net_ring ring;
    char *pages;                    /* the two rings, buffers to send, buffers to receive */
    grant_ref_t refs[PAGES];
    bool shared;                    /* the pages are granted */
    unsigned connections, told;     /* how many there were, and how many net_receive() has told of */
    uint8_t mac[6];
};

static struct net devices[NET_DEVICES];

static struct net *net_of(struct frontend *f)
{
    return container_of(f, struct net, frontend);
}

static char *page_of(const struct net *n, unsigned page)
{
    return n->pages + page * PAGE_SIZE;
}

static char *send_page(const struct net *n, unsigned buffer) { return page_of(n, 2 + buffer); }
static char *receive_page(const struct net *n, unsigned buffer) { return page_of(n, 2 + NET_BUFFERS + buffer); }

/* Puts queued buffers into the rings. */
static void issue(struct net *n)
{
    bool enabled = spin_lock_irq(&n->lock);
    bool wanted = net_ring_issue(&n->ring);

    spin_unlock_irq(&n->lock, enabled);
    if (wanted)
        evtchn_send(n->frontend.port);
}

/* --- The handshake --- */

static int tell(struct net *n)
{
    const char *path = n->frontend.path;
    const struct {
        const char *name;
        uint64_t value;
    } nodes[] = {
        { "tx-ring-ref", n->refs[0] }, { "rx-ring-ref", n->refs[1] }, { "event-channel", n->frontend.port },
        { "request-rx-copy", 1 }, { "feature-rx-notify", 1 },
    };
    int error = 0;

    for (unsigned i = 0; !error && i < ARRAY_SIZE(nodes); i++)
        error = xenbus_write_number(path, nodes[i].name, nodes[i].value);
    return error;
}

static int offer(struct frontend *f)
{
    struct net *n = net_of(f);
    int error;

    net_ring_prepare(page_of(n, 0), page_of(n, 1));
    error = grant_give_pages(f->backend_domain, n->pages, PAGES, n->refs);
    if (error)
        return error;
    n->shared = true;
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        n->ring.send[i].ref = n->refs[2 + i];
        n->ring.receive[i].ref = n->refs[2 + NET_BUFFERS + i];
    }
    return tell(n);
}

static int connected(struct frontend *f)
{
    struct net *n = net_of(f);
    char mac[24];
    int error = xenbus_read_in(f->path, "mac", mac, sizeof(mac));

    if (error < 0 || !value_mac(mac, n->mac))
        return -EINVAL;
    bool enabled = spin_lock_irq(&n->lock);
    net_ring_attach(&n->ring, page_of(n, 0), page_of(n, 1));
    n->connections++;
    spin_unlock_irq(&n->lock, enabled);
    issue(n);
    return 0;
}

static void closing(struct frontend *f)
{
    struct net *n = net_of(f);
    bool enabled = spin_lock_irq(&n->lock);

    net_ring_detach(&n->ring);
    spin_unlock_irq(&n->lock, enabled);
}

static bool disconnected(struct frontend *f)
{
    struct net *n = net_of(f);
    bool shared = n->shared;

    n->shared = false;
    return !shared || grant_take_back_pages(PAGES, n->refs);
}

static const struct frontend_ops ops = {
    .kind = "vif", .offered = XenbusStateConnected, .offer = offer, .connected = connected,
    .closing = closing, .disconnected = disconnected, .given_up = closing,
};

static bool settled(void *arg)
{
    const struct net *n = arg;

    return n->connections || frontend_is_given_up(&n->frontend);
}

struct net *net_open(unsigned number)
{
    struct net *n = &devices[number];

    if (number >= NET_DEVICES || n->pages)
        return NULL;
    *n = (struct net){ .lock = SPINLOCK_INIT };
    net_ring_init(&n->ring);
    n->pages = pages_alloc(PAGES);
    if (!n->pages || frontend_start(&n->frontend, &ops, number))
        return NULL;
    wait_until(&n->frontend.moved, settled, n, NEVER);
    return frontend_is_given_up(&n->frontend) ? NULL : n;
}

const uint8_t *net_mac(const struct net *n) { return n->mac; }

/* --- Frames --- */

static bool may_send(void *arg)
{
    const struct net *n = arg;

    for (unsigned i = 0; i < NET_BUFFERS; i++)
        if (n->ring.send[i].state == NET_FREE)
            return true;
    return frontend_is_given_up(&n->frontend) || net_ring_has_answers(&n->ring);
}

/* A buffer to send from; NET_BUFFERS: none is free. */
static unsigned send_take(struct net *n)
{
    bool enabled = spin_lock_irq(&n->lock);
    const char *lie = net_ring_collect_sent(&n->ring);
    unsigned buffer = lie ? NET_BUFFERS : net_ring_take(&n->ring);

    spin_unlock_irq(&n->lock, enabled);
    if (lie)
        frontend_give_up(&n->frontend, lie);
    return buffer;
}

int net_send(struct net *n, const void *frame, size_t length, bool blank)
{
    unsigned buffer;

    if (length > NET_FRAME_MAX)
        return -EINVAL;
    while (!frontend_is_given_up(&n->frontend) && (buffer = send_take(n)) == NET_BUFFERS)
        wait_until(&n->frontend.moved, may_send, n, NEVER);
    if (frontend_is_given_up(&n->frontend))
        return -EIO;
    memcpy(send_page(n, buffer), frame, length);
    bool enabled = spin_lock_irq(&n->lock);
    net_ring_send(&n->ring, buffer, (uint16_t)length, blank);
    spin_unlock_irq(&n->lock, enabled);
    issue(n);
    return 0;
}

static bool may_receive(void *arg)
{
    const struct net *n = arg;

    return frontend_is_given_up(&n->frontend) || n->told != n->connections || net_ring_has_answers(&n->ring);
}

/* As net_ring_receive(); sent packets free their buffers on the way. */
static int packet_take(struct net *n, struct net_packet *packet)
{
    bool enabled = spin_lock_irq(&n->lock);
    const char *lie = net_ring_collect_sent(&n->ring);
    int got = lie ? -EIO : net_ring_receive(&n->ring, packet, &lie);

    spin_unlock_irq(&n->lock, enabled);
    if (got < 0)
        frontend_give_up(&n->frontend, lie);
    wake(&n->frontend.moved);
    return got;
}

static void packet_give_back(struct net *n, unsigned buffer)
{
    bool enabled = spin_lock_irq(&n->lock);

    net_ring_give_back(&n->ring, buffer);
    spin_unlock_irq(&n->lock, enabled);
    issue(n);
}

int net_receive(struct net *n, void *frame, size_t size, bool *whole)
{
    struct net_packet packet;

    for (;;) {
        wait_until(&n->frontend.moved, may_receive, n, NEVER);
        if (frontend_is_given_up(&n->frontend))
            return -EIO;
        if (n->told != n->connections) {
            n->told = n->connections;
            return 0;
        }
        if (packet_take(n, &packet) == 1)
            break;
    }
    size_t length = min_u64(packet.length, size);
    memcpy(frame, receive_page(n, packet.buffer) + packet.offset, length);
    *whole = packet.checksummed;
    packet_give_back(n, packet.buffer);
    return (int)length;
}
