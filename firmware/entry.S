// SPDX-License-Identifier: Apache-2.0
/*
 * Out of reset into C, from SMC into C and back, and down to the non-secure world.
 *
 * The firmware's address space is the identity, by tables that are constants: the flash is executable, secure RAM is
 * data, devices are devices, and RAM is the non-secure world's and reached as such (NS), so that the caches of both
 * worlds speak of the same lines. With no translation everything would be device memory, which libfdt's unaligned
 * accesses do not go with, nor exclusives.
 *
 * Every CPU that is at EL3 has TPIDR_EL3 = its struct cpu and SP_EL3 = the top of its stack, less the part in use.
 */
#include "arch/gprs.h"
#include "firmware/cpu.h"
#include "firmware/machine.h"

#define STACK_SHIFT     14

// MAIR_EL3: 0 is Device-nGnRnE, 1 is normal, write-back
#define MAIR_VALUE      0xff00
// 39-bit addresses from level 1, inner shareable write-back walks, 40-bit physical
#define TCR_VALUE       ((1 << 31) | (1 << 23) | (2 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | 25)
#define SCTLR_OFF       0x30c50830
// and MMU, D-cache, stack alignment, I-cache, writable is never executable
#define SCTLR_ON        (SCTLR_OFF | (1 << 0) | (1 << 2) | (1 << 3) | (1 << 12) | (1 << 19))

#define PTE_TABLE       3
#define PTE_BLOCK       ((1 << 10) | (3 << 8) | (1 << 6) | 1)
#define PTE_NORMAL      (1 << 2)
#define PTE_NS          (1 << 5)
#define PTE_READ_ONLY   (1 << 7)
#define PTE_XN          (1 << 54)
#define BLOCK_SHIFT     21
#define GIB_SHIFT       30

#define SPSR_EL2H       0x3c9       // all interrupts masked
#define GICD_CTLR_GRP0  0           // a bit number
#define POISON          0xdeadfa11deadfa15

    .section .reset, "ax"
    .globl reset
reset:
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el3, x0
    msr     cptr_el3, xzr           // libfdt uses floating-point registers
    adr     x0, vectors
    msr     vbar_el3, x0
    bl      enable_mmu

    mrs     x0, mpidr_el1
    ubfx    x1, x0, #8, #16         // affinity 1 and 2
    and     x19, x0, #0xff
    cbnz    x1, nobody
    cmp     x19, #MAX_CPUS
    b.hs    nobody
    ldr     x0, =cpus
    mov     x1, #STRUCT_CPU_SIZE
    madd    x20, x19, x1, x0
    ldr     x0, =stacks
    add     x1, x19, #1
    add     x21, x0, x1, lsl #STACK_SHIFT
    cbnz    x19, secondary

    ldr     x0, =data_start
    ldr     x1, =data_end
    ldr     x2, =data_load
1:  cmp     x0, x1
    b.hs    2f
    ldp     x3, x4, [x2], #16
    stp     x3, x4, [x0], #16
    b       1b
2:  ldr     x0, =bss_start
    ldr     x1, =bss_end
3:  cmp     x0, x1
    b.hs    4f
    stp     xzr, xzr, [x0], #16
    b       3b
4:  adr     x22, firmware_start
    b       into_c

// The sign to go on is in the distributor, which a reset of the machine clears (gic.h); RAM keeps its content from
// before.
secondary:
    ldr     x0, =MACHINE_GICD
5:  wfe                             // not for an event: it gives an emulated CPU's host time to the first one
    ldr     w1, [x0]
    tbz     w1, #GICD_CTLR_GRP0, 5b
    dmb     sy
    adr     x22, firmware_start_secondary

into_c:
    msr     tpidr_el3, x20
    str     x21, [x20]              // stack_top
    mov     sp, x21
    mov     x29, xzr
    br      x22

// More CPUs than there are places for; the device tree's are counted in C.
nobody:
    wfi
    b       nobody

enable_mmu:
    ldr     x0, =MAIR_VALUE
    msr     mair_el3, x0
    ldr     x0, =TCR_VALUE
    msr     tcr_el3, x0
    ldr     x0, =level1
    msr     ttbr0_el3, x0
    isb
    tlbi    alle3
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, =SCTLR_ON
    msr     sctlr_el3, x0
    isb
    ret

    .ltorg

/* --- Exceptions --- */

    .macro  vector to
    .balign 128
    b       \to
    .endm

    .balign 2048
vectors:
    .rept   8                       // from EL3 itself
    vector  unexpected
    .endr
    .rept   2                       // from below, AArch64 and AArch32
    vector  smc_entry
    vector  unexpected
    vector  unexpected
    vector  unexpected
    .endr

unexpected:
    mrs     x0, tpidr_el3           // the stack's content is of no interest any more, its end may be
    ldr     x0, [x0]
    mov     sp, x0
    bl      exception_unexpected

smc_entry:
    sub     sp, sp, #256
    store_x0_x30 sp
    mov     x29, xzr
    mov     x0, sp
    bl      smc_handle
    load_x0_x30 sp
    add     sp, sp, #256
    eret

/* enter_nonsecure(entry, context, fill): see entry.h. The stack is empty again: the next entry is by SMC. */
    .globl  enter_nonsecure
enter_nonsecure:
    mrs     x4, tpidr_el3
    ldr     x4, [x4]
    mov     sp, x4
    msr     elr_el3, x0
    mov     x4, #SPSR_EL2H
    msr     spsr_el3, x4
    mov     x0, x1
    mov     x1, x2
    mov     x3, x2
    ldr     x4, =POISON
    .irp    n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    mov     x\n, x4
    .endr
    clrex
    eret

    .arch_extension fp
    .arch_extension simd
.macro poison_vector n
    dup     v\n\().2d, x0
.endm
    .globl  forget_vectors
forget_vectors:
    ldr     x0, =POISON
    .set    n, 0
    .altmacro
    .rept   32
    poison_vector %n
    .set    n, n + 1
    .endr
    .noaltmacro
    mov     x0, #0x3c00000          // DN, FZ, round towards zero
    msr     fpcr, x0
    mov     x0, #0x8f               // exceptions seen
    msr     fpsr, x0
    ret

    .arch_extension sve
    .globl  forget_sve
forget_sve:
    setffr
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ptrue   p\n\().b
    .endr
    ret

    .ltorg

/* --- The address space --- */

    .section .rodata.tables, "a"
    .balign 4096
level1:
    .quad   level2 + PTE_TABLE
    .set    gib, 1
    .rept   255                     // as far as the machine's RAM can reach
    .quad   (gib << GIB_SHIFT) + PTE_BLOCK + PTE_NORMAL + PTE_NS + PTE_XN
    .set    gib, gib + 1
    .endr
    .fill   256, 8, 0

    .set    SECURE_RAM_END, MACHINE_SECURE_RAM + MACHINE_SECURE_RAM_SIZE
    .balign 4096
level2:
    .quad   MACHINE_FLASH + PTE_BLOCK + PTE_NORMAL + PTE_READ_ONLY
    .set    block, 1
    .rept   511
    .if     block >= (MACHINE_GICD >> BLOCK_SHIFT) && block < (MACHINE_PLATFORM_BUS >> BLOCK_SHIFT)
    .quad   (block << BLOCK_SHIFT) + PTE_BLOCK + PTE_XN
    .elseif block >= (MACHINE_SECURE_RAM >> BLOCK_SHIFT) && block < (SECURE_RAM_END >> BLOCK_SHIFT)
    .quad   (block << BLOCK_SHIFT) + PTE_BLOCK + PTE_NORMAL + PTE_XN
    .else
    .quad   0
    .endif
    .set    block, block + 1
    .endr

    .section .stacks, "aw", %nobits
    .balign 16
stacks:
    .skip   MAX_CPUS << STACK_SHIFT
