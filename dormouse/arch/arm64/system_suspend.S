// SPDX-License-Identifier: Apache-2.0
/* The way into a suspend and back (system_suspend.h). Nothing is written before the MMU is on, as in entry.S. */
#include "dormouse/arch/arm64/asm.h"

    .text
    .global system_suspend
system_suspend:
    stp     x19, x20, [x0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    stp     x29, x30, [x0, #80]
    mov     x2, sp
    mrs     x3, tpidr_el1
    stp     x2, x3, [x0, #96]
    mov     x2, x0                  // the context
    mov     w0, w1
    adr_l   x1, woken
    hvc     #0
    ret                             // it was refused

woken:
    mov     x19, x0
    mrs     x20, CurrentEL
    mrs     x21, daif
    mrs     x22, sctlr_el1
    bl      mmu_on
    stp     x19, x20, [x19, #112]
    stp     x21, x22, [x19, #128]
    ldp     x2, x0, [x19, #96]
    mov     sp, x2
    bl      cpu_registers
    mov     x0, x19
    ldp     x19, x20, [x0]
    ldp     x21, x22, [x0, #16]
    ldp     x23, x24, [x0, #32]
    ldp     x25, x26, [x0, #48]
    ldp     x27, x28, [x0, #64]
    ldp     x29, x30, [x0, #80]
    mov     x0, #0
    ret
