// SPDX-License-Identifier: Apache-2.0
/*
 * An arm64 Image that runs at EL2, with RAM mapped 1:1 as normal memory and the rest as devices. It is linked to where
 * the firmware is expected to put it, which is a test too: nothing works from anywhere else.
 */
#include "arch/gprs.h"
#include "firmware/test/probe.h"

#define MAIR_VALUE  0xff00
#define TCR_VALUE   ((1 << 31) | (1 << 23) | (2 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | 25)
#define SCTLR_ON    0x30c51835
#define CPTR_OPEN   0x32ff
#define HCR_RW      (1 << 31)
#define ESR_EC_HVC  0x16
#define PTE_BLOCK   ((1 << 10) | (3 << 8) | 1)
#define PTE_NORMAL  (1 << 2)
#define PTE_XN      (1 << 54)

    .arch_extension fp
    .arch_extension simd

    .section .head, "ax"
    .globl  head
head:
    b       start
    .long   0
    .quad   0                       // text_offset
    .quad   probe_size
    .quad   0xa
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

start:
    orr     x9, x1, x2              // booting.rst: x1 to x3 are zero
    orr     x9, x9, x3
    cbnz    x9, .
    mov     x20, x0
    bl      settle
    ldr     x0, =bss_start
    ldr     x1, =bss_end
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0], #16
    b       1b
2:  ldr     x0, =stack_top
    mov     sp, x0
    mov     x0, x20
    bl      probe_main
    b       .

/* Sets the registers that C needs. Clobbers x9. */
settle:
    ldr     x9, =HCR_RW
    msr     hcr_el2, x9
    mov     x9, #CPTR_OPEN
    msr     cptr_el2, x9
    ldr     x9, =MAIR_VALUE
    msr     mair_el2, x9
    ldr     x9, =TCR_VALUE
    msr     tcr_el2, x9
    ldr     x9, =level1
    msr     ttbr0_el2, x9
    ldr     x9, =vectors
    msr     vbar_el2, x9
    isb
    tlbi    alle2
    dsb     nsh
    isb
    ldr     x9, =SCTLR_ON
    msr     sctlr_el2, x9
    isb
    ret

/* x0: struct arrival. Clobbers x9. */
    .macro  note_arrival
    store_x0_x30 x0
    mrs     x9, sctlr_el2
    str     x9, [x0, #ARRIVAL_SCTLR]
    mrs     x9, cptr_el2
    str     x9, [x0, #ARRIVAL_CPTR]
    mrs     x9, currentel
    str     x9, [x0, #ARRIVAL_LEVEL]
    mrs     x9, daif
    str     x9, [x0, #ARRIVAL_DAIF]
    mov     x9, sp
    str     x9, [x0, #ARRIVAL_SP]
    mov     x9, #CPTR_OPEN
    msr     cptr_el2, x9
    isb
    str     q8, [x0, #ARRIVAL_VECTOR]
    .endm

    .globl  probe_call
probe_call:
    ldr     x9, =saved
    stp     x19, x20, [x9, #0]
    stp     x21, x22, [x9, #16]
    stp     x23, x24, [x9, #32]
    stp     x25, x26, [x9, #48]
    stp     x27, x28, [x9, #64]
    stp     x29, x30, [x9, #80]
    mov     x10, sp
    str     x10, [x9, #96]
    dup     v8.2d, x4
    .irp    n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    mov     x\n, x4
    .endr
    smc     #0
    // SMCCC 1.1 keeps x4 to x17 too
    .irp    n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    cmp     x\n, x4
    b.ne    .
    .endr
give_back:
    ldr     x9, =saved
    ldp     x19, x20, [x9, #0]
    ldp     x21, x22, [x9, #16]
    ldp     x23, x24, [x9, #32]
    ldp     x25, x26, [x9, #48]
    ldp     x27, x28, [x9, #64]
    ldp     x29, x30, [x9, #80]
    ldr     x10, [x9, #96]
    mov     sp, x10
    ret

    .globl  probe_hvc
probe_hvc:
    mov     x0, xzr
    hvc     #0
    ret

    .globl  probe_entry_back
probe_entry_back:
    note_arrival
    mov     x20, x0
    bl      note_and_settle
    ldr     x0, =CAME_BACK
    b       give_back

note_and_settle:
    mov     x21, x30
    bl      note_system_registers
    bl      settle
    br      x21

/* Keeps the registers that C asks for afterwards and settle overwrites. */
note_system_registers:
    ldr     x9, =seen_system_registers
    mrs     x10, vbar_el2
    str     x10, [x9]
    mrs     x10, ttbr0_el2
    str     x10, [x9, #8]
    mrs     x10, mair_el2
    str     x10, [x9, #16]
    mrs     x10, tcr_el2
    str     x10, [x9, #24]
    ret

    .globl  probe_entry_cpu
probe_entry_cpu:
    mov     x19, x0
    str     x0, [x0, #CPU_CONTEXT]
    add     x0, x0, #CPU_ARRIVAL
    note_arrival
    bl      settle
    ldr     x9, [x19]
    mov     sp, x9
    mov     x29, xzr
    mov     x0, x19
    ldr     x9, [x19, #CPU_RUN]
    blr     x9
    b       .

    .balign 2048
vectors:
    .rept   16
    .balign 128
    b       trapped
    .endr
trapped:
    mrs     x9, esr_el2
    lsr     x10, x9, #26
    cmp     x10, #ESR_EC_HVC        // probe_hvc's: its return address is behind it
    b.ne    1f
    mov     x0, #1
    eret
1:  ldr     x0, =trap_stack_top
    mov     sp, x0
    bl      probe_trapped

    .ltorg

    .section .rodata.tables, "a"
    .balign 4096
level1:
    .quad   PTE_BLOCK + PTE_XN
    .quad   (1 << 30) + PTE_BLOCK + PTE_NORMAL
    .quad   (2 << 30) + PTE_BLOCK + PTE_NORMAL
    .fill   509, 8, 0

    .section .bss, "aw", %nobits
    .balign 16
saved:
    .skip   112
    .globl  seen_system_registers
seen_system_registers:
    .skip   32
    .skip   16384
stack_top:
    .skip   4096
trap_stack_top:
