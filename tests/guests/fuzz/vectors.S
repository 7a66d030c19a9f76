// SPDX-License-Identifier: Apache-2.0
/*
 * A hypercall that can be left unfinished: the hypervisor stops a long one for an interrupt by going back to its `hvc`,
 * and nothing makes a guest call again. So these vectors look at where an interrupt came from before they hand it to
 * Dormouse's.
 */
    .text
    .global hypercall_abandonable
hypercall_abandonable:
    mov     x5, x1
    mov     x6, x0
    ldr     x16, [x6]
    ldp     x0, x1, [x6, #8]
    ldp     x2, x3, [x6, #24]
    ldr     x4, [x6, #40]
call:
    hvc     #0xea1
    ret
abandoned:
    mov     x0, #-1000
    ret

    .macro hand_on offset
    .balign 128
    b       vectors + \offset
    .endm

    .balign 2048
    .global fuzz_vectors
fuzz_vectors:
    hand_on 0x000
    hand_on 0x080
    hand_on 0x100
    hand_on 0x180
    hand_on 0x200
    .balign 128
    stp     x0, x1, [sp, #-16]!
    mrs     x0, elr_el1
    adr     x1, call
    cmp     x0, x1
    b.ne    1f
    cbz     x5, 1f
    adr     x0, abandoned
    msr     elr_el1, x0
1:  ldp     x0, x1, [sp], #16
    b       vectors + 0x280
    hand_on 0x300
    hand_on 0x380
    hand_on 0x400
    hand_on 0x480
    hand_on 0x500
    hand_on 0x580
    hand_on 0x600
    hand_on 0x680
    hand_on 0x700
    hand_on 0x780

    // The program of a vCPU that is started only to go off. PSCI CPU_OFF is 0x84000002.
    .global flicker
flicker:
    mov     w0, #2
    movk    w0, #0x8400, lsl #16
    hvc     #0
    b       flicker
