// SPDX-License-Identifier: Apache-2.0
/*
 * Where a Dormouse guest begins: the arm64 Image header that the domain builder looks for, the first
 * instructions of vCPU 0, and those of every vCPU that PSCI starts later.
 *
 * Invariant: nothing is written to memory before the MMU is on. The page tables are constants of the image
 * (pagetable.S), so no store is ever made with caches off and no cache maintenance is needed.
 */
#include "dormouse/arch/arm64/asm.h"

    .section .head, "ax"
    .global _start
_start:
    b       boot
    .word   0
    .quad   0                       // text_offset: the very start of RAM
    .quad   image_size              // with .bss
    .quad   0b1010                  // little-endian, 4 KiB pages, anywhere in RAM
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .word   0

    .text
boot:
    mov     x19, x0                 // the device tree
    bl      mmu_on
    adr_l   x0, __bss_start
    adr_l   x1, __bss_end
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0], #16
    b       1b
2:  adr_l   x0, cpus                // vCPU 0's struct cpu and stack
    adr_l   x1, stacks + STACK_SIZE
    mov     sp, x1
    bl      cpu_registers
    mov     x0, x19
    bl      dormouse_main
3:  wfi
    b       3b

/* PSCI CPU_ON enters here: MMU off, x0 is the context, a struct cpu whose first member is the stack's top. */
    .global secondary_entry
secondary_entry:
    mov     x19, x0
    bl      mmu_on
    ldr     x1, [x19]
    mov     sp, x1
    mov     x0, x19
    bl      cpu_registers
    mov     x0, x19
    bl      cpu_main
4:  wfi
    b       4b

/* x0: this vCPU's struct cpu */
    .global cpu_registers
cpu_registers:
    msr     tpidr_el1, x0
    adr_l   x1, vectors
    msr     vbar_el1, x1
    mov     x1, #(3 << 20)          // CPACR_EL1.FPEN: libfdt's compiled code uses a few vector registers
    msr     cpacr_el1, x1
    isb
    ret

    .global mmu_on
mmu_on:
    ldr     x1, =MAIR_VALUE
    msr     mair_el1, x1
    ldr     x1, =TCR_VALUE
    mrs     x2, id_aa64mmfr0_el1    // TCR_EL1.IPS takes PARange's encoding; 48 bits are the most 4 KiB pages give here
    and     x2, x2, #0xf
    cmp     x2, #5
    mov     x3, #5
    csel    x2, x2, x3, ls
    bfi     x1, x2, #32, #3
    msr     tcr_el1, x1
    adr_l   x1, page_table
    msr     ttbr0_el1, x1
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ldr     x1, =SCTLR_VALUE
    msr     sctlr_el1, x1
    isb
    ret
