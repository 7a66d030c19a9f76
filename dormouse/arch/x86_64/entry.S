// SPDX-License-Identifier: Apache-2.0
/*
 * Where a PV guest begins, and where Xen brings events and faults to (xen/include/public/arch-x86/xen-x86_64.h).
 *
 * The guest's kernel runs in ring 3, as user programs do; Xen knows which of the two it is in. An event or a fault in
 * the kernel comes on the stack that is in use: rcx, r11, an error code where the CPU has one, then rip, cs, rflags,
 * rsp, ss. IF in these rflags is the upcall mask as it was, upside down, and HYPERVISOR_iret puts it back in one step
 * with the rest.
 */
#include "dormouse/arch/x86_64/asm.h"

#define __ASSEMBLY__
#include <xen/elfnote.h>

#define FLAT_KERNEL_SS  0xe02b          // xen-x86_64.h, FLAT_RING3_SS64; checked in space.c

    .macro note type, value:vararg
    .balign 4
    .long   4, 2f - 1f, \type
    .asciz  "Xen"
1:  \value
2:
    .endm

    .section .note.Xen, "a", @note
    note    XEN_ELFNOTE_GUEST_OS, .asciz "Dormouse"
    note    XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note    XEN_ELFNOTE_LOADER, .asciz "generic"
    note    XEN_ELFNOTE_VIRT_BASE, .quad virt_base
    note    XEN_ELFNOTE_ENTRY, .quad _start
    note    XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    note    XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    note    XEN_ELFNOTE_SUSPEND_CANCEL, .quad 1

    .text
    .balign 4096
    .global hypercall_page
hypercall_page:                     // Xen fills it in
    .skip   4096, 0xcc

    .global _start
_start:                             // rsi: the start info
    cld
    leaq    stacks + STACK_SIZE(%rip), %rsp
    movq    %rsi, %rdi
    xorl    %ebp, %ebp
    call    dormouse_main
    ud2

    .global cpu_again
cpu_again:                          // rdi: the stack's top
    movq    %rdi, %rsp
    .global cpu_entry
cpu_entry:                          // every other vCPU, with its stack
    cld
    xorl    %ebp, %ebp
    call    cpu_main
    ud2

    .macro trap vector, error
    .balign 16
    movq    (%rsp), %rcx
    movq    8(%rsp), %r11
    .if \error
    addq    $16, %rsp
    .else
    addq    $8, %rsp
    movq    $0, (%rsp)
    .endif
    pushq   $\vector
    jmp     trap_common
    .endm

/* The fault handlers, TRAP_SIZE bytes each; the error codes' places are those of the CPU (Intel SDM 3, 6.15). */
    .balign TRAP_SIZE
    .global trap_entries
trap_entries:
    .set    vector, 0
    .rept   TRAPS
    .balign TRAP_SIZE
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
    trap    vector, 1
    .else
    trap    vector, 0
    .endif
    .set    vector, vector + 1
    .endr

    .balign 16
    .global upcall_entry
upcall_entry:
    trap    TRAP_UPCALL, 0

    .balign 16
    .global syscall_entry
syscall_entry:
    trap    TRAP_SYSCALL, 0

/*
 * Xen could not load a segment register of ours: that would be a defect here. Below rip it has left ds, es, fs and gs
 * too.
 */
    .balign 16
    .global failsafe_entry
failsafe_entry:
    movq    (%rsp), %rcx
    movq    8(%rsp), %r11
    addq    $40, %rsp
    movq    $0, (%rsp)
    pushq   $TRAP_FAILSAFE

trap_common:
    pushq   %rax
    pushq   %rcx
    pushq   %rdx
    pushq   %rbx
    pushq   %rbp
    pushq   %rsi
    pushq   %rdi
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    cld
    movq    %rsp, %rdi
    movq    %rsp, %rbx
    andq    $-16, %rsp
    call    trap_handle
    movq    %rbx, %rsp
frame_return:                       // rsp: a struct frame
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rdi
    popq    %rsi
    popq    %rbp
    popq    %rbx
    popq    %rdx
    popq    %rcx
    popq    %rax
    addq    $8, %rsp
    movq    $0, (%rsp)              // struct iret_context's flags stand where the error code was
    jmp     hypercall_page + 32 * 23    // __HYPERVISOR_iret: it pushes rcx, r11 and rax itself

/* The registers that a function has to keep: context_new() knows the order. */
    .macro kept_push
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    .endm

    .macro kept_pop
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    .endm

/*
 * user_run(struct user *): machine/user.h. Xen is told that traps of this program find the stack as it is here. The
 * frame serves as the stack while it is popped: with events masked nothing comes upon it.
 */
    .global user_run
user_run:
    kept_push
    movq    %rdi, %rbx
    movq    %rsp, FRAME_SIZE(%rbx)
    movl    $FLAT_KERNEL_SS, %edi
    movq    %rsp, %rsi
    call    hypercall_page + 32 * 3     // __HYPERVISOR_stack_switch
    movq    %rbx, %rsp
    jmp     frame_return

/* user_leave(struct user *, event) */
    .global user_leave
user_leave:
    movq    FRAME_SIZE(%rdi), %rsp
    movl    %esi, %eax
    kept_pop
    ret

/* void context_switch(void **from, void *to): machine/context.h */
    .global context_switch
context_switch:
    kept_push
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    kept_pop
    ret

    .global context_begin
context_begin:                      // rbx: context_new()'s argument
    movq    %rbx, %rdi
    xorl    %ebp, %ebp
    call    thread_begin
    ud2
