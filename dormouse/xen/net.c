// SPDX-License-Identifier: Apache-2.0
/*
 * A device has two rings in each of its queues, and for each direction a few pages through which frames are copied. The
 * back end may use these, and nothing else, from the handshake until it is gone. How many queues there are is the back
 * end's to say, each time anew.
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
#include "lib/print.h"
#include "lib/string.h"

enum { RINGS = 2 * NET_QUEUES, PAGES = RINGS + 2 * NET_BUFFERS };

struct net {
    struct frontend frontend;
    struct spinlock lock;
    struct net_ring ring;
    char *pages;                    /* the rings, buffers to send, buffers to receive */
    unsigned nr_queues;             /* that are offered */
    bool split;                     /* each ring has a port of its own, not each queue */
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

static char *send_page(const struct net *n, unsigned buffer) { return page_of(n, RINGS + buffer); }
static char *receive_page(const struct net *n, unsigned buffer) { return page_of(n, RINGS + NET_BUFFERS + buffer); }

/*
 * Where the back end can have a port for each ring, it gets one. Linux's (6.1, xenvif_connect_data) binds a port, may
 * take its first event before it has noted which interrupt that is, and then ends interrupt 0 instead: the port is
 * masked for good, and if it is for both rings, what is sent by that queue is never seen. One to receive by alone it
 * can do without.
 */
static evtchn_port_t port_of(const struct net *n, unsigned ring)
{
    return n->frontend.ports[n->split ? ring : ring & ~1u];
}

/* Puts queued buffers into the rings. */
static void issue(struct net *n)
{
    bool enabled = spin_lock_irq(&n->lock);
    unsigned wanted = net_ring_issue(&n->ring);

    spin_unlock_irq(&n->lock, enabled);
    for (; wanted; wanted &= wanted - 1)
        evtchn_send(port_of(n, (unsigned)__builtin_ctz(wanted)));
}

/* --- The handshake --- */

static int tell_queue(const struct net *n, unsigned queue, const char *folder)
{
    const unsigned tx = 2 * queue, rx = tx + 1;
    const struct {
        const char *name;
        uint64_t value;
    } nodes[] = {
        { "tx-ring-ref", n->refs[tx] },
        { "rx-ring-ref", n->refs[rx] },
        { n->split ? "event-channel-tx" : "event-channel", port_of(n, tx) },
        { n->split ? "event-channel-rx" : "event-channel", port_of(n, rx) },
    };
    int error = 0;

    for (unsigned i = 0; !error && i < ARRAY_SIZE(nodes); i++)
        error = xenbus_write_number(folder, nodes[i].name, nodes[i].value);
    return error;
}

/* netif.h: the only queue's nodes are in the device's own folder. */
static int tell(const struct net *n)
{
    const char *path = n->frontend.path;
    char folder[sizeof(n->frontend.path) + sizeof("/queue-0")];
    int error = xenbus_write_number(path, "multi-queue-num-queues", n->nr_queues);

    if (!error && n->nr_queues == 1)
        error = tell_queue(n, 0, path);
    for (unsigned i = 0; !error && n->nr_queues > 1 && i < n->nr_queues; i++) {
        snprintf(folder, sizeof(folder), "%s/queue-%u", path, i);
        error = tell_queue(n, i, folder);
    }
    if (!error)
        error = xenbus_write_number(path, "request-rx-copy", 1);
    return error ? error : xenbus_write_number(path, "feature-rx-notify", 1);
}

static int offer(struct frontend *f)
{
    struct net *n = net_of(f);
    uint64_t most = 1, split = 0;
    int error;

    xenbus_read_number(f->backend, "multi-queue-max-queues", UINT32_MAX, &most);
    n->nr_queues = most < NET_QUEUES ? 1 : NET_QUEUES;
    xenbus_read_number(f->backend, "feature-split-event-channels", 1, &split);
    n->split = split;
    net_ring_prepare(page_of(n, 0), n->nr_queues);
    error = grant_give_pages(f->backend_domain, n->pages, PAGES, n->refs);
    if (error)
        return error;
    n->shared = true;
    for (unsigned i = 0; i < NET_BUFFERS; i++) {
        n->ring.send[i].ref = n->refs[RINGS + i];
        n->ring.receive[i].ref = n->refs[RINGS + NET_BUFFERS + i];
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
    net_ring_attach(&n->ring, page_of(n, 0), n->nr_queues);
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
    .kind = "vif", .ports = RINGS, .offered = XenbusStateConnected, .offer = offer, .connected = connected,
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

/* The same for all frames of a conversation: of IPv4's addresses and, where it has no options, its ports. */
static unsigned flow_of(const uint8_t *frame, size_t length)
{
    enum { ETHER_TYPE = 12, ADDRESSES = 26, PORTS_END = 38 };
    unsigned flow = 0;

    if (length >= PORTS_END && frame[ETHER_TYPE] == 8 && frame[ETHER_TYPE + 1] == 0)
        for (unsigned i = ADDRESSES; i < PORTS_END; i++)
            flow += frame[i];
    return flow;
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
    net_ring_send(&n->ring, buffer, (uint16_t)length, flow_of(frame, length), blank);
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
