// SPDX-License-Identifier: Apache-2.0
/*
 * EL2's vectors. While a guest runs, SP_EL2 points to its struct vcpu, whose first member is the register frame: a trap
 * stores the general registers there, changes to the CPU's stack and calls C with the vCPU; C returns the vCPU to go on
 * with. Interrupts stay masked at EL2, so an exception from EL2 itself is a defect.
 */
#include "arch/gprs.h"
#include "arch/layout.h"

#define ESB  hint #16           // by a name that every assembler knows
#define DISR s3_0_c12_c1_1      // DISR_EL1

.macro to_cpu_stack scratch1, scratch2
    mrs     \scratch1, tpidr_el2
    ldr     \scratch2, [\scratch1, #CPU_STACK_TOP]
    mov     sp, \scratch2
    mov     x29, xzr
.endm

/* x4 and up, and where the trap came from, into the frame at sp (struct cpu_regs); x2 is lost. */
.macro store_rest
    pairs_x4_x29 stp, sp
    mrs     x2, elr_el2
    stp     x30, x2, [sp, #240]
    mrs     x2, spsr_el2
    str     x2, [sp, #REGS_PSTATE]
.endm

/*
 * 32 instructions at most. With ras, errors of the guest's accesses are told apart from those of ours (entry/serror.c).
 */
.macro enter_from_guest handler, harden, ras
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    .if \ras
    ESB
    .endif
    .if \harden                     // before any branch that is guessed; the firmware keeps x4 and up (SMCCC 1.1)
    mrs     x1, tpidr_el2
    ldr     w0, [x1, #CPU_WORKAROUND]
    smc     #0
    .endif
    store_rest
    .if \ras
    mrs     x2, DISR
    cbnz    x2, deferred_\handler
    .endif
    mov     x0, sp
    to_cpu_stack x1, x3
    bl      \handler
    .if \ras
    b       return_to_guest_ras
    .else
    b       return_to_guest
    .endif
.endm

/* As above, but first x2, DISR_EL1. */
.macro enter_with_error handler
deferred_\handler:
    mov     x19, sp
    to_cpu_stack x1, x3
    mov     x0, x19
    mov     x1, x2
    bl      serror_deferred
    mov     x0, x19
    bl      \handler
    b       return_to_guest_ras
.endm

    .text
    enter_with_error trap_sync
    enter_with_error trap_irq
    enter_with_error trap_serror

error_of_our_own:               // x0: struct vcpu *; x1: DISR_EL1
    mov     x19, x0
    mov     x0, x1
    bl      serror_of_el2
    mov     x0, x19
return_to_guest_ras:            // x0: struct vcpu *
    ESB
    mrs     x1, DISR
    cbnz    x1, error_of_our_own
    .globl return_to_guest
return_to_guest:                // x0: struct vcpu *
    mov     sp, x0
    ldp     x30, x1, [sp, #240]
    msr     elr_el2, x1
    ldr     x2, [sp, #REGS_PSTATE]
    msr     spsr_el2, x2
    ldp     x2, x3, [sp, #16]
    pairs_x4_x29 ldp, sp
    ldp     x0, x1, [sp, #0]
    eret
    dsb     nsh                 // no speculation past the return
    isb

/*
 * An exception from EL2 itself, a defect: the guest's thread registers serve as scratch. With less than a page of this
 * CPU's stack left, which may be the cause, the report begins at the stack's top again.
 */
.macro enter_from_el2 number
    msr     tpidr_el0, x0
    msr     tpidrro_el0, x1
    mov     x1, #\number
    b       report_el2
.endm

report_el2:                     // x1: which vector
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #CPU_STACK_TOP]
    sub     x0, sp, x0          // the bytes in use, negative
    add     x0, x0, #(CPU_STACK_SIZE - CPU_STACK_GUARD)
    tbz     x0, #63, 1f
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #CPU_STACK_TOP]
    mov     sp, x0
1:  sub     sp, sp, #272
    stp     x2, x3, [sp, #16]
    mrs     x2, tpidr_el0
    mrs     x3, tpidrro_el0
    stp     x2, x3, [sp, #0]
    store_rest
    mov     x0, sp
    bl      trap_from_el2
    b       .

/*
 * A system error at EL2 is a defect unless serror_take() waits for it there: it comes before the isb or right behind
 * it.
 */
.macro serror_from_el2
    msr     tpidr_el0, x0
    msr     tpidrro_el0, x1
    mrs     x0, elr_el2
    adr     x1, serror_window
    sub     x0, x0, x1
    mov     x1, #7
    cmp     x0, #4
    b.hi    report_el2
    mrs     x0, tpidr_el0
    mrs     x1, tpidrro_el0
    eret
    dsb     nsh
    isb
.endm

    .globl serror_take
serror_take:
    msr     daifclr, #4
serror_window:
    isb
    msr     daifset, #4
    ret

.macro vector body:vararg
    .balign 128
    \body
.endm

.macro vector_table harden, ras
    vector enter_from_el2 0             // EL2 with SP_EL0: never used
    vector enter_from_el2 1
    vector enter_from_el2 2
    vector enter_from_el2 3
    vector enter_from_el2 4             // EL2: synchronous
    vector enter_from_el2 5
    vector enter_from_el2 6
    vector serror_from_el2
    vector enter_from_guest trap_sync, \harden, \ras     // AArch64 guest
    vector enter_from_guest trap_irq, \harden, \ras
    vector enter_from_guest trap_irq, \harden, \ras      // FIQ: group 0, which is not ours; the handler finds nothing
    vector enter_from_guest trap_serror, \harden, \ras
    vector enter_from_guest trap_sync, \harden, \ras     // AArch32 (EL0 of a 64-bit guest)
    vector enter_from_guest trap_irq, \harden, \ras
    vector enter_from_guest trap_irq, \harden, \ras
    vector enter_from_guest trap_serror, \harden, \ras
.endm

    .balign 2048
    .globl vectors
vectors:
    vector_table 0, 0

/* For CPUs whose branch predictor remembers what a guest taught it (cpu/speculation.c). */
    .balign 2048
    .globl vectors_hardened
vectors_hardened:
    vector_table 1, 0

/* For CPUs with FEAT_RAS, and those of them. */
    .balign 2048
    .globl vectors_ras
vectors_ras:
    vector_table 0, 1
    .balign 2048
    .globl vectors_ras_hardened
vectors_ras_hardened:
    vector_table 1, 1

/* run_guests_on_stack(stack_top, first): nothing below its frame is needed any more. */
    .text
    .globl run_guests_on_stack
run_guests_on_stack:
    mov     sp, x0
    mov     x29, xzr
    blr     x1
    b       return_to_guest
