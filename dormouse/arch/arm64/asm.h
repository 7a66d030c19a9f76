// SPDX-License-Identifier: Apache-2.0
/*
 * Shared by the assembly files: the values of the translation registers and small macros. Register fields are those of
 * the Arm ARM (DDI 0487), by name.
 */
#pragma once

#define STACK_SIZE   16384          /* as in cpu.h; checked there */

#define FRAME_SIZE   288            /* of struct frame, behind which struct user has kernel_sp */

#define MAIR_VALUE   0x04ff         /* 0: normal write-back; 1: Device-nGnRE */
/* T0SZ 25 (39 bits: one table of 1 GiB entries), inner and outer write-back, inner shareable, TTBR1 off */
#define TCR_VALUE    (25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
/* RES1 bits, I, C, M; no alignment checks; EL1 sees its own WFI and WFE */
#define SCTLR_VALUE \
    (1 << 29 | 1 << 28 | 1 << 23 | 1 << 22 | 1 << 20 | 1 << 18 | 1 << 16 | 1 << 11 | 1 << 12 | 1 << 2 | 1)

#ifdef __ASSEMBLER__
    .macro adr_l reg, sym
    adrp    \reg, \sym
    add     \reg, \reg, :lo12:\sym
    .endm

/* The registers that a function has to keep, on the stack: context_new() knows the order. */
    .macro kept_push
    stp     x29, x30, [sp, #-16]!
    stp     x27, x28, [sp, #-16]!
    stp     x25, x26, [sp, #-16]!
    stp     x23, x24, [sp, #-16]!
    stp     x21, x22, [sp, #-16]!
    stp     x19, x20, [sp, #-16]!
    .endm

    .macro kept_pop
    ldp     x19, x20, [sp], #16
    ldp     x21, x22, [sp], #16
    ldp     x23, x24, [sp], #16
    ldp     x25, x26, [sp], #16
    ldp     x27, x28, [sp], #16
    ldp     x29, x30, [sp], #16
    .endm
#endif
