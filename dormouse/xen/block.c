// SPDX-License-Identifier: Apache-2.0
/*
 * A device has a ring, and for each request that it may have a few pages through which its data is copied. The back end
 * may use ring and pages, and nothing else, from the handshake until it is gone: the grants are persistent, whether it
 * keeps them mapped or not.
 *
 * `lock` of a device protects its ring. A waiting thread takes all answers that there are; the interrupt only wakes. So
 * when the guest sleeps answers may stand in the ring; in a new domain they are not looked at: the ring was saved while
 * the old back end was at work, and a page of data perhaps before it had come.
 */
#include "dormouse/xen/block.h"
#include "dormouse/core/lock.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/thread.h"
#include "dormouse/xen/block_ring.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/frontend.h"
#include "dormouse/xen/grant.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include <xen/io/protocols.h>

enum { RING_ORDER_MAX = 1, RING_PAGES_MAX = 1 << RING_ORDER_MAX, XVD_MAJOR = 202 };
#define SECTORS_MOST (BIT(63) / BLOCK_SECTOR)

struct block {
    struct frontend frontend;
    char name[8];
    struct spinlock lock;
    struct block_ring ring;
    char *data;                     /* BLOCK_SLOT_PAGES for each slot */
    char *ring_pages;
    unsigned ring_order;            /* how large the ring is that was offered */
    grant_ref_t ring_refs[RING_PAGES_MAX];
    unsigned shared_ring_pages;     /* how many pages of the ring, */
    unsigned shared_slots;          /* and of how many slots, are granted */
    bool ready;                     /* it has been connected once */
    uint64_t sectors, block_sectors;
    uint64_t discard_sectors;       /* 0: not offered */
    bool flush, readonly;
};

static struct block devices[BLOCK_DEVICES];
static unsigned device_count;

static struct block *block_of(struct frontend *f)
{
    return container_of(f, struct block, frontend);
}

static char *slot_data(const struct block *b, const struct block_slot *slot)
{
    return b->data + (size_t)(slot - b->ring.slots) * BLOCK_SLOT_PAGES * PAGE_SIZE;
}

/* --- The handshake --- */

static int share(struct block *b, unsigned ring_pages)
{
    domid_t to = b->frontend.backend_domain;
    int error = grant_give_pages(to, b->ring_pages, ring_pages, b->ring_refs);

    if (error)
        return error;
    b->shared_ring_pages = ring_pages;
    for (; b->shared_slots < BLOCK_SLOTS; b->shared_slots++) {
        struct block_slot *slot = &b->ring.slots[b->shared_slots];

        error = grant_give_pages(to, slot_data(b, slot), BLOCK_SLOT_PAGES, slot->refs);
        if (error)
            return error;
    }
    return 0;
}

static int tell(struct block *b, unsigned order)
{
    const char *path = b->frontend.path;
    int error = xenbus_write_number(path, "ring-page-order", order);

    for (unsigned i = 0; !error && i < 1u << order; i++) {
        char name[16];

        snprintf(name, sizeof(name), "ring-ref%u", i);
        error = xenbus_write_number(path, name, b->ring_refs[i]);
    }
    if (!error && !order)
        error = xenbus_write_number(path, "ring-ref", b->ring_refs[0]);
    if (!error)
        error = xenbus_write_number(path, "event-channel", b->frontend.ports[0]);
    if (!error)
        error = xenbus_write_in(path, "protocol", XEN_IO_PROTO_ABI_NATIVE);
    return error ? error : xenbus_write_number(path, "feature-persistent", 1);
}

static int offer(struct frontend *f)
{
    struct block *b = block_of(f);
    uint64_t order = 0;
    int error;

    xenbus_read_number(f->backend, "max-ring-page-order", UINT32_MAX, &order);
    order = min_u64(order, RING_ORDER_MAX);
    block_ring_prepare(b->ring_pages, PAGE_SIZE << order);
    b->ring_order = (unsigned)order;
    error = share(b, 1u << order);
    return error ? error : tell(b, (unsigned)order);
}

/* A parameter need not be there, but has to make sense if it is. */
static int parameter(struct frontend *f, const char *name, uint64_t most, uint64_t otherwise, uint64_t *value)
{
    int error = xenbus_read_number(f->backend, name, most, value);

    if (error == -ENOENT) {
        *value = otherwise;
        return 0;
    }
    return error;
}

static int parameters_read(struct block *b)
{
    struct frontend *f = &b->frontend;
    uint64_t block_bytes, info, flush, discard, granularity;
    int error = xenbus_read_number(f->backend, "sectors", SECTORS_MOST, &b->sectors);

    if (!error)
        error = parameter(f, "sector-size", PAGE_SIZE, BLOCK_SECTOR, &block_bytes);
    if (!error)
        error = parameter(f, "info", UINT32_MAX, 0, &info);
    if (!error)
        error = parameter(f, "feature-flush-cache", 1, 0, &flush);
    if (!error)
        error = parameter(f, "feature-discard", 1, 0, &discard);
    if (!error)
        error = parameter(f, "discard-granularity", UINT32_MAX, block_bytes, &granularity);
    if (error)
        return error;
    if (block_bytes < BLOCK_SECTOR || block_bytes & (block_bytes - 1) || granularity & (BLOCK_SECTOR - 1))
        return -EINVAL;
    b->block_sectors = block_bytes / BLOCK_SECTOR;
    b->readonly = info & VDISK_READONLY;
    b->flush = flush;
    b->discard_sectors = discard ? max_u64(granularity / BLOCK_SECTOR, 1) : 0;
    return 0;
}

static void notify(struct block *b, bool wanted)
{
    if (wanted)
        evtchn_send(b->frontend.ports[0]);
}

static int connected(struct frontend *f)
{
    struct block *b = block_of(f);
    bool again = b->ready;
    int error = parameters_read(b);

    if (error)
        return error;
    bool enabled = spin_lock_irq(&b->lock);
    block_ring_attach(&b->ring, b->ring_pages, PAGE_SIZE << b->ring_order);
    bool wanted = block_ring_issue(&b->ring);
    unsigned n = b->ring.requests;
    b->ready = true;
    spin_unlock_irq(&b->lock, enabled);
    notify(b, wanted);
    if (again)
        print("dormouse: %s: connected again, requests issued again: %u\n", b->name, n);
    return 0;
}

static void stopping(struct frontend *f)
{
    struct block *b = block_of(f);
    bool enabled = spin_lock_irq(&b->lock);

    block_ring_stop(&b->ring);
    spin_unlock_irq(&b->lock, enabled);
}

/* The threads that wait for the answers take them. */
static bool is_drained(void *arg)
{
    return block_ring_is_drained(&block_of(arg)->ring);
}

static void closing(struct frontend *f)
{
    struct block *b = block_of(f);
    bool enabled = spin_lock_irq(&b->lock);

    block_ring_detach(&b->ring);
    spin_unlock_irq(&b->lock, enabled);
}

static bool disconnected(struct frontend *f)
{
    struct block *b = block_of(f);
    bool all = grant_take_back_pages(b->shared_ring_pages, b->ring_refs);

    b->shared_ring_pages = 0;
    while (b->shared_slots)
        all &= grant_take_back_pages(BLOCK_SLOT_PAGES, b->ring.slots[--b->shared_slots].refs);
    return all;
}

static void given_up(struct frontend *f)
{
    struct block *b = block_of(f);
    bool enabled = spin_lock_irq(&b->lock);

    block_ring_fail(&b->ring, -EIO);
    spin_unlock_irq(&b->lock, enabled);
}

static const struct frontend_ops ops = {
    .kind = "vbd", .ports = 1, .offered = XenbusStateInitialised, .offer = offer, .connected = connected,
    .stopping = stopping, .is_drained = is_drained, .closing = closing, .disconnected = disconnected,
    .given_up = given_up,
};

static bool settled(void *arg)
{
    const struct block *b = arg;

    return b->ready || frontend_is_given_up(&b->frontend);
}

/* A number of vbd-interface.txt: major 202, sixteen minors for each disk. */
static bool number_of(const char *name, unsigned *number)
{
    if (strncmp(name, "xvd", 3) || name[3] < 'a' || name[3] > 'p' || name[4])
        return false;
    *number = XVD_MAJOR << 8 | (unsigned)(name[3] - 'a') << 4;
    return true;
}

struct block *block_open(const char *name)
{
    struct block *b = &devices[device_count];
    unsigned number;

    if (device_count == BLOCK_DEVICES || !number_of(name, &number))
        return NULL;
    *b = (struct block){ .lock = SPINLOCK_INIT };
    snprintf(b->name, sizeof(b->name), "%s", name);
    block_ring_init(&b->ring);
    b->ring.handle = (blkif_vdev_t)number;
    b->data = pages_alloc(BLOCK_SLOTS * BLOCK_SLOT_PAGES);
    b->ring_pages = pages_alloc(RING_PAGES_MAX);
    if (!b->data || !b->ring_pages)
        return NULL;
    device_count++;
    if (frontend_start(&b->frontend, &ops, number))
        return NULL;
    wait_until(&b->frontend.moved, settled, b, NEVER);
    return frontend_is_given_up(&b->frontend) ? NULL : b;
}

uint64_t block_sectors(const struct block *b) { return b->sectors; }
bool block_is_readonly(const struct block *b) { return b->readonly; }

/* --- Requests --- */

/* Takes all answers, and puts queued requests into the room that they left. */
static void collect(struct block *b)
{
    bool enabled = spin_lock_irq(&b->lock);
    const char *lie = block_ring_collect(&b->ring);
    bool wanted = !lie && block_ring_issue(&b->ring);

    spin_unlock_irq(&b->lock, enabled);
    notify(b, wanted);
    wake(&b->frontend.moved);
    if (lie)
        frontend_give_up(&b->frontend, lie);
}

static bool is_done(const struct block_slot *slot)
{
    return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_DONE;
}

struct wait_for {
    struct block *b;
    struct block_slot *slot;
};

static bool slot_moved(void *arg)
{
    const struct wait_for *w = arg;

    return is_done(w->slot) || block_ring_has_answers(&w->b->ring);
}

static void slot_wait(struct block *b, struct block_slot *slot)
{
    struct wait_for w = { .b = b, .slot = slot };

    while (!is_done(slot)) {
        wait_until(&b->frontend.moved, slot_moved, &w, NEVER);
        collect(b);
    }
}

static bool may_take(void *arg)
{
    const struct block *b = arg;

    for (unsigned i = 0; i < BLOCK_SLOTS; i++)
        if (__atomic_load_n(&b->ring.slots[i].state, __ATOMIC_RELAXED) == SLOT_FREE)
            return true;
    return frontend_is_given_up(&b->frontend);
}

/* NULL: the device is given up, or, without `wait`, no slot is free. */
static struct block_slot *slot_take(struct block *b, bool wait)
{
    struct block_slot *slot = NULL;

    for (;;) {
        bool enabled = spin_lock_irq(&b->lock);
        bool give_up = frontend_is_given_up(&b->frontend);

        if (!give_up)
            slot = block_ring_take(&b->ring);
        spin_unlock_irq(&b->lock, enabled);
        if (slot || give_up || !wait)
            return slot;
        wait_until(&b->frontend.moved, may_take, b, NEVER);
    }
}

static void slot_give(struct block *b, struct block_slot *slot)
{
    block_ring_free(slot);
    wake(&b->frontend.moved);
}

static void slot_queue(struct block *b, struct block_slot *slot)
{
    bool enabled = spin_lock_irq(&b->lock), wanted = false;

    block_ring_queue(&b->ring, slot);
    if (frontend_is_given_up(&b->frontend))
        block_ring_fail(&b->ring, -EIO);
    else
        wanted = block_ring_issue(&b->ring);
    spin_unlock_irq(&b->lock, enabled);
    notify(b, wanted);
}

/*
 * As many requests at once as there are free slots. A thread that has some does not wait for more: all could, and each
 * for the others'.
 */
static unsigned slots_begin(struct block *b, uint8_t operation, uint64_t sector, char *buffer, unsigned sectors,
                            struct block_slot **begun)
{
    unsigned n = 0;

    for (unsigned at = 0; at < sectors && n < BLOCK_SLOTS; n++) {
        struct block_slot *slot = slot_take(b, !n);

        if (!slot)
            break;
        slot->operation = operation;
        slot->sector = sector + at;
        slot->sectors = min_u64(sectors - at, BLOCK_SLOT_SECTORS);
        if (operation == BLKIF_OP_WRITE)
            memcpy(slot_data(b, slot), buffer + (size_t)at * BLOCK_SECTOR, slot->sectors * BLOCK_SECTOR);
        at += (unsigned)slot->sectors;
        slot_queue(b, slot);
        begun[n] = slot;
    }
    return n;
}

/* Of whole blocks of the disk. */
static bool is_range(const struct block *b, uint64_t sector, uint64_t sectors)
{
    return sector <= b->sectors && sectors <= b->sectors - sector && !((sector | sectors) & (b->block_sectors - 1));
}

static int transfer(struct block *b, uint8_t operation, uint64_t sector, char *buffer, unsigned sectors)
{
    struct block_slot *begun[BLOCK_SLOTS];
    int result = 0;

    if (!is_range(b, sector, sectors))
        return -EINVAL;
    while (sectors && !result) {
        unsigned n = slots_begin(b, operation, sector, buffer, sectors, begun);

        if (!n)
            return -EIO;
        for (unsigned i = 0; i < n; i++) {
            struct block_slot *slot = begun[i];

            slot_wait(b, slot);
            if (slot->result)
                result = slot->result;
            else if (operation == BLKIF_OP_READ)
                memcpy(buffer, slot_data(b, slot), slot->sectors * BLOCK_SECTOR);
            buffer += slot->sectors * BLOCK_SECTOR;
            sector += slot->sectors;
            sectors -= (unsigned)slot->sectors;
            slot_give(b, slot);
        }
    }
    return result;
}

int block_read(struct block *b, uint64_t sector, void *buffer, unsigned sectors)
{
    return transfer(b, BLKIF_OP_READ, sector, buffer, sectors);
}

int block_write(struct block *b, uint64_t sector, const void *buffer, unsigned sectors)
{
    return transfer(b, BLKIF_OP_WRITE, sector, (char *)(uintptr_t)buffer, sectors);
}

/* A request that has no data. */
static int order(struct block *b, uint8_t operation, uint64_t sector, uint64_t sectors)
{
    struct block_slot *slot = slot_take(b, true);
    int result;

    if (!slot)
        return -EIO;
    slot->operation = operation;
    slot->sector = sector;
    slot->sectors = sectors;
    slot_queue(b, slot);
    slot_wait(b, slot);
    result = slot->result;
    slot_give(b, slot);
    return result;
}

int block_flush(struct block *b)
{
    return b->flush ? order(b, BLKIF_OP_FLUSH_DISKCACHE, 0, 0) : -EOPNOTSUPP;
}

int block_discard(struct block *b, uint64_t sector, uint64_t sectors)
{
    if (!b->discard_sectors)
        return -EOPNOTSUPP;
    if (!is_range(b, sector, sectors))
        return -EINVAL;
    return order(b, BLKIF_OP_DISCARD, sector, sectors);
}
