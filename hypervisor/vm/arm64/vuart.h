// SPDX-License-Identifier: Apache-2.0
/*
 * The emulated SBSA UART (`vuart = "sbsa_uart"`): a PL011 subset whose other end is a xenconsoled ring
 * (xen/include/public/io/console.h) in a page of the guest that dom0 maps.
 */
#pragma once

#include "lib/base.h"
#include "arch/lock.h"

struct domain;
struct xencons_interface;

#define VUART_BASE 0x22000000u   /* GUEST_PL011_BASE of xen/include/public/arch-arm.h */
#define VUART_SIZE 0x1000u       /* GUEST_PL011_SIZE */
#define VUART_SPI  32u           /* GUEST_VPL011_SPI */

struct vuart {
    struct spinlock lock;
    bool claimed GUARDED_BY(lock);    /* initialised, or being so: once in a domain's life */
    /* in the direct map; a reference to its frame is held. NULL: no UART */
    struct xencons_interface *ring GUARDED_BY(lock);
    mfn_t ring_frame GUARDED_BY(lock);
    uint32_t port GUARDED_BY(lock);   /* event channel to the console back end */
    uint32_t interrupt_mask GUARDED_BY(lock), raw_interrupts GUARDED_BY(lock);
    bool line GUARDED_BY(lock);       /* of the interrupt */
};

/*
 * XEN_DOMCTL_vuart_op init: back end domain, the ring's guest frame; the port comes back. -EINVAL: the frame is not the
 * domain's RAM.
 * -EBUSY: it has one. Or the error of the event channel, the interrupt (reserved for good) or the register window.
 */
int vuart_init(struct domain *d, domid_t console_domid, gfn_t ring, uint32_t *port);
/* Idempotent. */
void vuart_destroy(struct domain *d);

struct record_kind;
extern const struct record_kind vuart_record;
