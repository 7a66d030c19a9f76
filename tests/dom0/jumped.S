// SPDX-License-Identifier: Apache-2.0
/*
 * The system that tests/dom0/jump.c has the host jump into: one page of code and one of memory (struct jumped) behind
 * it, at EL2 with the MMU off. It writes down how it was entered, takes one more step of its sum, and goes back;
 * entered again, it goes on where it left.
 */
#define ENTRIES 0
#define BACK    8
#define GO_ON   16
#define RESULT  24
#define FOUND   32
#define SUM     96

    .section .rodata
    .global jumped_program, jumped_program_end
    .balign 4096
jumped_program:
    adr     x19, jumped_program
    add     x19, x19, #4096
    orr     x4, x0, x1
    orr     x4, x4, x2
    orr     x4, x4, x3
    mrs     x5, CurrentEL
    stp     x4, x5, [x19, #FOUND]
    mrs     x4, sctlr_el2
    mrs     x5, daif
    stp     x4, x5, [x19, #FOUND + 16]
    mrs     x4, cntvoff_el2
    mrs     x5, cnthp_ctl_el2
    stp     x4, x5, [x19, #FOUND + 32]
    mrs     x4, hcr_el2
    mrs     x5, cptr_el2
    stp     x4, x5, [x19, #FOUND + 48]
    ldr     x4, [x19, #ENTRIES]
    add     x4, x4, #1
    str     x4, [x19, #ENTRIES]
    ldr     x4, [x19, #GO_ON]
    cbz     x4, 1f
    br      x4

1:  mov     x20, #0
    mov     x21, #1
2:  add     x22, x20, x21           // Fibonacci's numbers
    mov     x20, x21
    mov     x21, x22
    str     x20, [x19, #RESULT]
    stp     x20, x21, [x19, #SUM]
    adr     x4, 3f
    str     x4, [x19, #GO_ON]
    ldr     x4, [x19, #BACK]
    br      x4
3:  ldp     x20, x21, [x19, #SUM]
    b       2b
jumped_program_end:
