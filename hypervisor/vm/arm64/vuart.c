// SPDX-License-Identifier: Apache-2.0
/*
 * SBSA Generic UART (Arm BSA DEN0094C, appendix B), as a guest sees it: the register subset of a PL011 (DDI 0183G,
 * chapter 3) that is always on. Its FIFOs are the two halves of the ring.
 *
 * The guest and the back end can write anything into the ring: its indices are read once, and count only after they
 * were found sane (at most a ring apart). Receive interrupts are levels: up while characters wait. The transmit
 * interrupt rises when characters have gone out, or room appears, and stays until it is cleared.
 */
#include "vm/arm64/vuart.h"

#include <xen/io/console.h>

#include "arch/barrier.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/mmio.h"
#include "vm/records.h"
#include "vm/vcpu.h"
#include "vm/vgic/vgic.h"

#define UARTDR   0x000
#define UARTFR   0x018
#define UARTIMSC 0x038
#define UARTRIS  0x03c
#define UARTMIS  0x040
#define UARTICR  0x044

#define FR_BUSY  (1u << 3)
#define FR_RXFE  (1u << 4)
#define FR_TXFF  (1u << 5)
#define FR_RXFF  (1u << 6)
#define FR_TXFE  (1u << 7)

#define INT_RX   (1u << 4)
#define INT_TX   (1u << 5)
#define INT_RT   (1u << 6)
#define INT_ALL  0x7ffu

#define IN_SIZE  ((uint32_t)sizeof(((struct xencons_interface *)0)->in))
#define OUT_SIZE ((uint32_t)sizeof(((struct xencons_interface *)0)->out))

static uint32_t index_read(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Characters for the guest. A ring that makes no sense holds none. */
static uint32_t in_waiting(const struct xencons_interface *r)
{
    uint32_t n = index_read(&r->in_prod) - index_read(&r->in_cons);

    return n <= IN_SIZE ? n : 0;
}

/* Characters for the back end. A ring that makes no sense is full. */
static uint32_t out_waiting(const struct xencons_interface *r)
{
    uint32_t n = index_read(&r->out_prod) - index_read(&r->out_cons);

    return n <= OUT_SIZE ? n : OUT_SIZE;
}

/* Receive levels from the ring, and the line from both registers. */
static void interrupts_update(struct domain *d, struct vuart *u) REQUIRES(u->lock)
{
    bool line;

    u->raw_interrupts &= ~(INT_RX | INT_RT);
    if (in_waiting(u->ring))
        u->raw_interrupts |= INT_RX | INT_RT;
    line = u->raw_interrupts & u->interrupt_mask;
    if (line == u->line)
        return;
    u->line = line;
    vgic_set_line(d, NULL, VUART_SPI, line);
}

/* True if the back end wants to know: it waits for room, or for the end of its output. */
static bool receive(struct vuart *u, uint64_t *value) REQUIRES(u->lock)
{
    struct xencons_interface *r = u->ring;
    uint32_t waiting = in_waiting(r), cons = index_read(&r->in_cons);

    *value = 0;
    if (!waiting)
        return false;
    *value = (uint8_t)__atomic_load_n(&r->in[cons % IN_SIZE], __ATOMIC_RELAXED);
    __atomic_store_n(&r->in_cons, cons + 1, __ATOMIC_RELEASE);
    return waiting == IN_SIZE || waiting == 1;
}

/* A character that does not fit is lost, as on a UART whose user does not look at TXFF. */
static bool transmit(struct vuart *u, uint64_t value) REQUIRES(u->lock)
{
    struct xencons_interface *r = u->ring;
    uint32_t waiting = out_waiting(r), prod = index_read(&r->out_prod);

    if (waiting == OUT_SIZE)
        return false;
    __atomic_store_n(&r->out[prod % OUT_SIZE], (char)value, __ATOMIC_RELAXED);
    __atomic_store_n(&r->out_prod, prod + 1, __ATOMIC_RELEASE);
    if (waiting < OUT_SIZE / 2)
        u->raw_interrupts |= INT_TX;
    return true;
}

/*
 * BUSY only while the ring is full: bytes in it have left the guest, and a driver that waits for the end of BUSY is
 * not to wait for dom0.
 */
static uint32_t flags(const struct xencons_interface *r)
{
    uint32_t in = in_waiting(r), out = out_waiting(r);

    return (in == 0 ? FR_RXFE : 0) | (in == IN_SIZE ? FR_RXFF : 0) | (out == 0 ? FR_TXFE : 0) |
           (out == OUT_SIZE ? FR_TXFF | FR_BUSY : 0);
}

/* Both: true if the back end is to be told. Registers that are not there read as 0 and ignore writes. */
static bool register_read(struct vuart *u, uint64_t offset, uint64_t *value) REQUIRES(u->lock)
{
    *value = 0;
    switch (offset) {
    case UARTDR:
        return receive(u, value);
    case UARTFR:
        *value = flags(u->ring);
        break;
    case UARTIMSC:
        *value = u->interrupt_mask;
        break;
    case UARTRIS:
        *value = u->raw_interrupts;
        break;
    case UARTMIS:
        *value = u->raw_interrupts & u->interrupt_mask;
        break;
    default:
        break;
    }
    return false;
}

static bool register_write(struct vuart *u, uint64_t offset, uint64_t value) REQUIRES(u->lock)
{
    switch (offset) {
    case UARTDR:
        return transmit(u, value);
    case UARTIMSC:
        u->interrupt_mask = (uint32_t)value & INT_ALL;
        break;
    case UARTICR:
        u->raw_interrupts &= ~(uint32_t)value;
        break;
    default:
        break;
    }
    return false;
}

static bool vuart_access(struct vcpu *v, struct mmio_access *a, void *context)
{
    struct domain *d = v->domain;
    struct vuart *u = context;
    uint32_t port = 0;

    if (a->size > 4)
        return false;
    spin_lock(&u->lock);
    if (!u->ring) {
        a->value = a->write ? a->value : 0;
    } else {
        bool tell = a->write ? register_write(u, a->offset, a->value) : register_read(u, a->offset, &a->value);

        interrupts_update(d, u);
        port = tell ? u->port : 0;
    }
    spin_unlock(&u->lock);
    if (!a->write)
        a->value &= UINT32_MAX >> (32 - 8 * a->size);
    if (port)
        evtchn_notify(d, port);
    return true;
}

/* The back end has read or written the ring. */
static void vuart_event(struct domain *d, uint32_t port)
{
    struct vuart *u = &d->vuart;

    spin_lock(&u->lock);
    if (u->ring && port == u->port) {
        if (out_waiting(u->ring) < OUT_SIZE / 2)
            u->raw_interrupts |= INT_TX;
        interrupts_update(d, u);
    }
    spin_unlock(&u->lock);
}

static bool vuart_claim(struct vuart *u, bool claim)
{
    bool before;

    spin_lock(&u->lock);
    before = u->claimed;
    u->claimed = claim;
    spin_unlock(&u->lock);
    return before;
}

static void vuart_start(struct vuart *u, mfn_t frame, uint32_t port)
{
    spin_lock(&u->lock);
    u->ring_frame = frame;
    u->port = port;
    u->ring = mfn_to_virt(frame);
    spin_unlock(&u->lock);
}

/* The interrupt and the window come last: they cannot be taken back. */
static int vuart_connect(struct domain *d, domid_t console_domid, mfn_t frame, uint32_t *port)
{
    int err = evtchn_alloc_consumer(d, console_domid, vuart_event, port);

    if (err)
        return err;
    err = vgic_reserve_spi(d, VUART_SPI);
    if (!err)
        err = mmio_add_region(d, VUART_BASE, VUART_SIZE, vuart_access, &d->vuart);
    if (err)
        evtchn_free_consumer(d, *port);
    else
        vuart_start(&d->vuart, frame, *port);
    return err;
}

int vuart_init(struct domain *d, domid_t console_domid, gfn_t ring, uint32_t *port)
{
    mfn_t frame;
    int err;

    if (vuart_claim(&d->vuart, true))
        return -EBUSY;
    err = p2m_get_frame_to_write(&d->p2m, ring, false, &frame) ? 0 : -EINVAL;
    if (!err) {
        err = vuart_connect(d, console_domid, frame, port);
        if (err)
            frame_put_writer(frame);
    }
    if (err)
        vuart_claim(&d->vuart, false);
    return err;
}

void vuart_destroy(struct domain *d)
{
    struct vuart *u = &d->vuart;
    struct xencons_interface *ring;
    mfn_t frame;
    uint32_t port;

    spin_lock(&u->lock);
    ring = u->ring;
    frame = u->ring_frame;
    port = u->port;
    u->ring = NULL;
    u->claimed = true;
    spin_unlock(&u->lock);
    if (!ring)
        return;
    evtchn_free_consumer(d, port);
    frame_put_writer(frame);
}

/*
 * --- Its record: the registers. The ring is the guest's memory, and its place and the port to the back end are the
 * toolstack's for the new domain. ---
 */

struct vuart_record_v1 {
    uint32_t there;              /* 0: there is none, and all else is 0 */
    uint32_t interrupt_mask, raw_interrupts, line;
};

static int registers_save(void *object, unsigned instance, struct record_writer *w)
{
    struct vuart *u = &((struct domain *)object)->vuart;
    struct vuart_record_v1 r = { 0 };

    (void)instance;
    spin_lock(&u->lock);
    if (u->ring)
        r = (struct vuart_record_v1){ 1, u->interrupt_mask, u->raw_interrupts, u->line };
    spin_unlock(&u->lock);
    record_write(w, &r, sizeof(r));
    return 0;
}

static bool is_there(struct vuart *u)
{
    bool there;

    spin_lock(&u->lock);
    there = u->ring;
    spin_unlock(&u->lock);
    return there;
}

static int registers_check(void *object, unsigned instance, struct record_reader *in)
{
    struct vuart_record_v1 r;
    bool there = is_there(&((struct domain *)object)->vuart);

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (r.there > 1 || r.line > 1 || (r.interrupt_mask | r.raw_interrupts) & ~INT_ALL ||
        (!r.there && (r.interrupt_mask | r.raw_interrupts | r.line)))
        return record_refuse(in, -EBADMSG, "has a state that an emulated UART cannot be in");
    if (r.there == there)
        return 0;
    return record_refuse(in, -EINVAL, r.there ? "is of a domain with an emulated UART, which the new one has not"
                                              : "is of a domain without an emulated UART, which the new one has");
}

/*
 * The interrupt is restored already. Input that came through the ring meanwhile raises it as ever; that there was room
 * again was told once, and stays.
 */
static int registers_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain *d = object;
    struct vuart *u = &d->vuart;
    struct vuart_record_v1 r;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    spin_lock(&u->lock);
    if (u->ring) {
        u->interrupt_mask = r.interrupt_mask;
        u->raw_interrupts |= r.raw_interrupts;
        u->line = r.line;
        interrupts_update(d, u);
    }
    spin_unlock(&u->lock);
    return 0;
}

const struct record_kind vuart_record = {
    .name = "VUART", .id = RECORD_VUART, .version = 1, .since = 2, .count = record_count_one,
    .save = registers_save, .check = registers_check, .restore = registers_restore,
};
