// SPDX-License-Identifier: Apache-2.0
/*
 * Exceptions. Everything runs on SP_EL1 of its vCPU. A synchronous exception saves all registers, so that the
 * handler may look at and change any of them (trap.h, struct frame). An interrupt saves only the registers that C may
 * destroy: the bench measures its cost, too.
 */
#include "arch/gprs.h"
#include "dormouse/arch/arm64/asm.h"

    .macro full_entry kind
    sub     sp, sp, #288
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    pairs_x4_x29 stp, sp
    mov     x1, #\kind
    b       full_trap
    .endm

    .balign 2048
    .global vectors
vectors:
    // from EL1 with SP_EL0, which Dormouse never uses
    .balign 128
    full_entry 0
    .balign 128
    full_entry 1
    .balign 128
    full_entry 2
    .balign 128
    full_entry 3
    // from EL1 with SP_EL1
    .balign 128
    full_entry 4
    .balign 128
    b       irq
    .balign 128
    full_entry 6
    .balign 128
    full_entry 7
    // from EL0: AArch64, then AArch32
    .balign 128
    full_entry 8
    .balign 128
    b       irq
    .balign 128
    full_entry 10
    .balign 128
    full_entry 11
    .balign 128
    full_entry 12
    .balign 128
    full_entry 13
    .balign 128
    full_entry 14
    .balign 128
    full_entry 15
    .balign 128

full_trap:
    add     x2, sp, #288
    stp     x30, x2, [sp, #240]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #256]
    mrs     x2, esr_el1
    mrs     x3, far_el1
    stp     x2, x3, [sp, #272]
    mov     x0, sp
    bl      trap_handle
    ldp     x2, x3, [sp, #256]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    load_x0_x30 sp
    add     sp, sp, #288
    eret

irq:
    sub     sp, sp, #192
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    stp     x0, x1, [sp, #160]
    bl      irq_handle
    ldp     x0, x1, [sp, #160]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    ldp     x18, x30, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    add     sp, sp, #192
    eret

/*
 * user_run(struct user *): machine/user.h. Exceptions from EL0 find SP_EL1 as it is here.
 */
    .global user_run
user_run:
    kept_push
    mov     x1, sp
    str     x1, [x0, #FRAME_SIZE]
    mov     x30, x0
    ldp     x0, x1, [x30, #248]         // sp, elr
    ldr     x2, [x30, #264]             // spsr
    msr     sp_el0, x0
    msr     elr_el1, x1
    msr     spsr_el1, x2
    load_x0_x30 x30
    eret

/* user_leave(struct user *, event) */
    .global user_leave
user_leave:
    ldr     x2, [x0, #FRAME_SIZE]
    mov     sp, x2
    mov     x0, x1
    kept_pop
    ret
