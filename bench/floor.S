// SPDX-License-Identifier: Apache-2.0
/*
 * The floor: the least that a hypervisor for one guest could do on this machine, for the same guest binary to be
 * measured on. It starts at EL2, maps the machine to EL1 as it is, and answers there:
 *
 * - a synchronous trap saves and restores x0 to x30, for any of them may be asked for. Of calls it knows PSCI_VERSION
 *   and SYSTEM_OFF, and refuses all others; a read of an unmapped address is zero; an SGI, to whomever, goes into list
 *   register 0;
 * - an interrupt, which can only be the virtual timer's, saves the few registers that it needs and goes into list
 *   register 1 with its physical one, so that the guest's end of it ends both.
 *
 * There are no checks, no locks and no second vCPU, and EL2's own MMU is off: what a hypervisor takes beyond this is
 * what it is for. GIC is 2 or 3; addresses are those of QEMU's virt machine, register names those of IHI 0048, IHI 0069
 * and the Arm ARM.
 */
#include "arch/gprs.h"

#define GICD_CTLR           0x08000000
#define GICD_ISENABLER0     0x08000100
#define GICC_CTLR           0x08010000
#define GICC_PMR            0x4
#define GICC_IAR            0xc
#define GICC_EOIR           0x10
#define GICH_HCR            0x08030000
#define GICH_LR0            0x08030100
#define GICR_WAKER          0x080a0014
#define GICR_IGROUPR0       0x080b0080
#define GICR_ISENABLER0     0x080b0100

#define TIMER               27
#define SGIR_OFFSET         0xf00

#define ESR_EC_HVC64        0x16
#define ESR_EC_SYS64        0x18
#define ESR_EC_DABT_LOW     0x24

    .macro mov_l reg, value
    movz    \reg, #((\value) & 0xffff)
    movk    \reg, #((\value) >> 16 & 0xffff), lsl #16
    .endm

    .section .payload, "aw"
    .incbin "build/bench/costs.img"

    .text
    .globl _start
_start:
    adr     x0, vectors
    msr     vbar_el2, x0
    adr     x0, stage2
    msr     vttbr_el2, x0
    // VTCR_EL2: 39 bits from level 1, write-back, 40 bits out
    mov_l   x0, 25 | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1 << 31
    msr     vtcr_el2, x0
    mov_l   x0, 1 << 0 | 1 << 3 | 1 << 4 | 1 << 31  // HCR_EL2: VM, FMO, IMO, RW
    msr     hcr_el2, x0
    mov     x0, #3                                  // CNTHCTL_EL2: EL1 has counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                             // CPTR_EL2: its ones, and no trap
    msr     cptr_el2, x0
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mov_l   x0, 0x30d00800                          // SCTLR_EL1: its ones, MMU off
    msr     sctlr_el1, x0
    isb
    tlbi    alle1
    dsb     sy
    bl      gic_init
    adr     x0, saved
    mov     sp, x0
    mov     x0, #0x3c5                              // EL1h, all masked
    msr     spsr_el2, x0
    mov     x0, #0x40000000
    msr     elr_el2, x0
    adr     x0, tree
    eret

/* The timer's interrupt on, and an end of it that only drops its priority. */
#if GIC == 3
gic_init:
    mov     x0, #0xf
    msr     icc_sre_el2, x0
    isb
    mov_l   x0, GICD_CTLR
    mov     w1, #(1 << 4 | 1 << 1)                  // ARE, group 1
    str     w1, [x0]
    mov_l   x0, GICR_WAKER
    str     wzr, [x0]
1:  ldr     w1, [x0]
    tbnz    w1, #2, 1b                              // ChildrenAsleep
    mov_l   x0, GICR_IGROUPR0
    mov     w1, #-1
    str     w1, [x0]
    mov_l   x0, GICR_ISENABLER0
    mov     w1, #(1 << TIMER)
    str     w1, [x0]
    mov     x0, #0xff
    msr     icc_pmr_el1, x0
    mov     x0, #2                                  // EOImode
    msr     icc_ctlr_el1, x0
    mov     x0, #1
    msr     icc_igrpen1_el1, x0
    msr     ich_hcr_el2, x0
    isb
    ret
#else
gic_init:
    mov_l   x0, GICD_CTLR
    mov     w1, #1
    str     w1, [x0]
    mov_l   x0, GICD_ISENABLER0
    mov     w1, #(1 << TIMER)
    str     w1, [x0]
    mov_l   x0, GICC_CTLR
    mov     w1, #0xff
    str     w1, [x0, #GICC_PMR]
    mov     w1, #(1 << 9 | 1)                       // EOImode, enable
    str     w1, [x0]
    mov_l   x0, GICH_HCR
    mov     w1, #1
    str     w1, [x0]
    ret
#endif

sync:
    store_x0_x30 sp
    mrs     x0, esr_el2
    lsr     x1, x0, #26
    cmp     x1, #ESR_EC_HVC64
    b.eq    call
    mrs     x2, elr_el2
    add     x2, x2, #4
    msr     elr_el2, x2
    cmp     x1, #ESR_EC_DABT_LOW
    b.eq    access
#if GIC == 3
    cmp     x1, #ESR_EC_SYS64       // the one register that traps: ICC_SGI1R_EL1
    b.ne    .
    ubfx    x0, x0, #5, #5
    ldr     x0, [sp, x0, lsl #3]
    ubfx    x0, x0, #24, #4
    movz    x1, #0x50a0, lsl #48    // pending, group 1, priority 0xa0
    orr     x0, x0, x1
    msr     ich_lr0_el2, x0
    b       leave
#else
    b       .
#endif

call:
    ldr     w0, [sp]
    mov_l   w1, 0x84000000          // PSCI_VERSION
    cmp     w0, w1
    b.ne    1f
    mov_l   x0, 0x10001
    str     x0, [sp]
    b       leave
1:  add     w1, w1, #8              // SYSTEM_OFF
    cmp     w0, w1
    b.ne    2f
    smc     #0
2:  mov     x0, #-1
    str     x0, [sp]
    b       leave

access:
    ubfx    x1, x0, #16, #5         // ESR_EL2.SRT
    tbnz    w0, #6, 1f              // ESR_EL2.WnR
    str     xzr, [sp, x1, lsl #3]
    b       leave
1:
#if GIC == 2
    mrs     x2, far_el2
    and     x2, x2, #0xfff
    cmp     x2, #SGIR_OFFSET
    b.ne    leave
    ldr     x0, [sp, x1, lsl #3]
    and     w0, w0, #0xf
    mov_l   w1, 0x1a000000          // pending, priority 0xa0
    orr     w0, w0, w1
    mov_l   x1, GICH_LR0
    str     w0, [x1]
#endif

leave:
    load_x0_x30 sp
    eret

irq:
    stp     x0, x1, [sp]
#if GIC == 3
    mrs     x0, icc_iar1_el1
    movz    x1, #0x70a0, lsl #48    // pending, hardware, group 1, priority 0xa0
    orr     x1, x1, x0
    orr     x1, x1, x0, lsl #32
    msr     ich_lr1_el2, x1
    msr     icc_eoir1_el1, x0
#else
    str     x2, [sp, #16]
    mov_l   x2, GICC_CTLR
    ldr     w0, [x2, #GICC_IAR]
    mov_l   w1, 0x9a000000          // hardware, pending, priority 0xa0
    orr     w1, w1, w0
    orr     w1, w1, w0, lsl #10
    str     w0, [x2, #GICC_EOIR]
    mov_l   x2, GICH_LR0
    str     w1, [x2, #4]
    ldr     x2, [sp, #16]
#endif
    ldp     x0, x1, [sp]
    eret

/* From EL2 itself: nothing is expected. From EL1: calls, accesses and interrupts. */
    .balign 2048
vectors:
    .rept   8
    .balign 128
    b       .
    .endr
    .balign 128
    b       sync
    .balign 128
    b       irq
    .rept   6
    .balign 128
    b       .
    .endr

/* Level 1, a GiB each: devices, and memory. Anything else traps. */
    .balign 4096
stage2:
    .quad   0 << 30 | 1 << 54 | 1 << 10 | 3 << 6 | 1
    .quad   1 << 30 | 1 << 10 | 3 << 8 | 3 << 6 | 0xf << 2 | 1
    .skip   510 * 8

    .balign 16
saved:
    .skip   32 * 8                  // x31 is where a load into xzr goes

    .balign 8
tree:
#if GIC == 3
    .incbin "build/bench/gic3.dtb"
#else
    .incbin "build/bench/gic2.dtb"
#endif
