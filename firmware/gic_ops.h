// SPDX-License-Identifier: Apache-2.0
/*
 * The operations that gicv2.c and gicv3.c give to gic.c, and their distributors' common registers (IHI 0048 4.3, IHI
 * 0069 12.9).
 */
#pragma once

#include "lib/base.h"

#define GICD_CTLR       0x0000
#define GICD_CTLR_GRP0  (1u << 0)
#define GICD_CTLR_GRP1  (1u << 1)   /* EnableGrp1, EnableGrp1NS */
#define GICD_TYPER      0x0004
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_ICPENDR    0x0280
#define GICD_ICACTIVER  0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00

#define KNOCK           15u         /* an SGI; 8 to 15 are the secure world's by convention */
#define ALL_LOWEST      0xffffffffu /* four priorities that no priority mask lets through */
#define PMR_OPEN        0xffu
#define PMR_CLOSED      0x80u       /* no group 1 priority is higher, and the non-secure world may change it */

/*
 * In list registers after a reset: an interrupt that no device has, so it shows where a list register was not
 * overwritten.
 */
#define LR_POISON_INTID 1000u

struct gic_ops {
    void (*init)(void);
    void (*reset_shared)(void);
    void (*reset_private)(void);
    void (*reset_interface)(void);
    void (*listen)(bool all);
    void (*knock)(unsigned cpu);
    void (*listen_for_knock)(bool listen);
    bool (*take_knock)(void);
};

extern const struct gic_ops gicv2_ops, gicv3_ops;

/*
 * The distributor's own part of a reset: SPIs off, level, group 1, nowhere pending or active. Targets are the caller's.
 */
void gicd_reset_spis(void);
/* Private interrupts by a frame of the distributor's layout: the same, and the knock enabled. */
void gicd_reset_private(volatile char *frame);
/* No interrupt of the frame is active: first (0 or 1) to end, in registers of 32 interrupts. */
void gicd_clear_active(volatile char *frame, unsigned first, unsigned end);
/* In registers of 32 interrupts, the private ones included. */
unsigned gicd_words(void);
