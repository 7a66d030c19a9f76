// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that is one instruction long, as far as it matters: it notes the physical counter, which QEMU starts at 0 with
 * the machine, says `first N` (N in hexadecimal ticks) on the hypervisor's console and switches the machine off. Built
 * with SLEEPS, it suspends to RAM, and N is how long it was away, from the call's instruction to its entry point's
 * first.
 */
    .section .head, "ax"
    .globl _start
_start:
    b       first
    .long   0
    .quad   0
    .quad   image_size
    .quad   0xa
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0
first:
#ifdef SLEEPS
    isb
    mrs     x18, cntpct_el0
    movz    x0, #0xc400, lsl #16    // PSCI SYSTEM_SUSPEND, SMC64
    movk    x0, #0xe
    adr     x1, 0f
    mov     x2, x18                 // the one register that comes back
    hvc     #0
    b       3f                      // it was refused: N is 0
0:  mrs     x19, cntpct_el0
    sub     x19, x19, x0
    b       4f
3:  mov     x19, #0
4:
#else
    mrs     x19, cntpct_el0
#endif
    adr     x20, digits
    mov     x21, #16
1:  ror     x19, x19, #60           // the next four bits from the top
    and     x22, x19, #0xf
    cmp     x22, #10
    add     x23, x22, #'0'
    add     x24, x22, #('a' - 10)
    csel    x22, x23, x24, lo
    strb    w22, [x20], #1
    subs    x21, x21, #1
    b.ne    1b
    mov     x0, #0                  // CONSOLEIO_write (xen/include/public/xen.h)
    mov     x1, #(text_end - text)
    adr     x2, text
    mov     x16, #18                // __HYPERVISOR_console_io
    hvc     #0xea1
    movz    x0, #0x8400, lsl #16    // PSCI SYSTEM_OFF
    movk    x0, #8
    hvc     #0
2:  b       2b
text:
    .ascii  "first "
digits:
    .ascii  "................\n"
text_end:
    .balign 4096
