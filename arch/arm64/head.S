// SPDX-License-Identifier: Apache-2.0
/*
 * From the boot loader's hands to C at the link address.
 *
 * The file is an arm64 Image (Linux Documentation/arm64/booting.rst): entered with x0 = physical address of the
 * device tree, MMU and D-cache off, anywhere in RAM on a 2 MiB boundary. It is a UEFI application, too, by a second
 * head (Microsoft PE format), which firmware enters at efi_start (boot/efi/start.h), and that then comes here.
 *
 * Two small page tables are built: the identity of the gigabyte in which the image stands, to survive the switch, and
 * the image at IMAGE_BASE in 2 MiB blocks. C then builds the real tables (mm/el2.c). Secondary CPUs come in at
 * secondary_entry with x0 = their struct cpu.
 */
#include "arch/layout.h"

/* TCR_EL2: 48-bit addresses, 4 KiB, inner shareable write-back walks; PS is filled in from ID_AA64MMFR0_EL1. */
#define TCR_EL2_BASE   ((1 << 31) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 16)
#define TCR_EL1_BASE   ((3 << 12) | (1 << 10) | (1 << 8) | 16 | (1 << 23))
/* SCTLR_EL2: RES1 bits, stack alignment check, I and D caches, MMU */
#define SCTLR_EL2_ON   0x30c51835
#define SCTLR_EL2_OFF  0x30c50830
/* CPTR_EL2 (E2H 0): RES1 bits, nothing trapped but SVE */
#define CPTR_EL2_OFF   0x33ff

#define PTE_TABLE      3
#define PTE_BLOCK      ((1 << 10) | (3 << 8) | (MAIR_NORMAL_WB << 2) | 1)

    .section .head.text, "ax"
    .globl _head
_head:
    ccmp    x18, #0, #0xd, pl   // "MZ", and harmless
    b       primary_entry
    .quad   0                   // text_offset
    .quad   image_size
    .quad   0xa                 // little endian, 4 KiB pages, anywhere in memory
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   pe_head - _head

/*
 * Microsoft PE format, 3.3 and 3.4: two sections, code with constants and data, each in the file where it is in memory.
 * No relocations: the stub needs none (hypervisor/build.mk, "efi").
 */
    .balign 8
pe_head:
    .ascii  "PE\0\0"
    .short  0xaa64              // machine: ARM64
    .short  2                   // sections
    .long   0, 0, 0             // time, symbols
    .short  pe_sections - pe_optional
    .short  0x206               // executable, no line numbers, no debug information
pe_optional:
    .short  0x20b               // PE32+
    .byte   0, 0                // linker
    .long   pe_code_size
    .long   pe_data_size
    .long   0
    .long   pe_entry
    .long   PE_HEAD_SIZE        // where code begins
    .quad   0                   // preferred base: none
    .long   4096, PE_FILE_ALIGN
    .short  0, 0, 0, 0, 0, 0    // versions: system, image, subsystem
    .long   0
    .long   image_size
    .long   PE_HEAD_SIZE
    .long   0                   // check sum
    .short  10                  // EFI application
    .short  0
    .quad   0, 0, 0, 0          // stack, heap
    .long   0
    .long   6                   // data directories: none has anything
    .quad   0, 0, 0, 0, 0, 0
pe_sections:
    .ascii  ".text\0\0\0"
    .long   pe_code_size, PE_HEAD_SIZE, pe_code_size, PE_HEAD_SIZE
    .long   0, 0
    .short  0, 0
    .long   0x60000020          // code, read, execute
    .ascii  ".data\0\0\0"
    .long   pe_data_size, pe_data, pe_data_file_size, pe_data
    .long   0, 0
    .short  0, 0
    .long   0xc0000040          // data, read, write

primary_entry:
    mov     x20, x0             // device tree
    mrs     x19, CurrentEL
    msr     daifset, #0xf
    bl      build_boot_tables
    adrp    x0, boot_root
    add     x0, x0, :lo12:boot_root
    cmp     x19, #(2 << 2)
    b.ne    no_el2
    mov     x1, #(1 << 31)      // RW; a Linux that comes here by kexec has left E2H set
    msr     hcr_el2, x1
    isb
    bl      enable_mmu
    adrp    x3, _head           // physical, for pc is
    ldr     x0, =primary_at_link
    br      x0
primary_at_link:
    ldr     x4, =cpu_stacks + CPU_STACK_GUARD + CPU_STACK_SIZE
    mov     sp, x4
    mov     x29, xzr
    mov     x0, x20
    mov     x1, x3
    bl      hypervisor_start    // (device tree, physical address of the image)
    b       .

/* Entered below EL2: nothing can be virtualised. The MMU comes on at EL1 just to say so. */
no_el2:
    ldr     x1, =MAIR_EL2_VALUE
    msr     mair_el1, x1
    ldr     x1, =TCR_EL1_BASE
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #7
    orr     x1, x1, x2, lsl #32
    msr     tcr_el1, x1
    msr     ttbr0_el1, x0
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1       // libfdt may use FPU registers
    isb
    tlbi    vmalle1
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
    ldr     x1, =0x30d0591d
    msr     sctlr_el1, x1
    isb
    adrp    x3, _head
    ldr     x1, =no_el2_at_link
    br      x1
no_el2_at_link:
    ldr     x4, =cpu_stacks + CPU_STACK_GUARD + CPU_STACK_SIZE
    mov     sp, x4
    mov     x0, x20
    mov     x1, x3
    bl      hypervisor_start_without_el2
    b       .

/*
 * A CPU that PSCI starts: EL2, MMU off, x0 = its struct cpu (link address).
 */
    .globl secondary_entry
secondary_entry:
    msr     daifset, #0xf
    mov     x20, x0
    adrp    x0, boot_root
    add     x0, x0, :lo12:boot_root
    bl      enable_mmu
    ldr     x0, =secondary_at_link
    br      x0
secondary_at_link:
    ldr     x0, [x20, #CPU_STACK_TOP]
    mov     sp, x0
    mov     x29, xzr
    msr     tpidr_el2, x20
    mov     x0, x20
    bl      cpu_secondary_start
    b       .

/*
 * int64_t cpu_sleep(struct cpu_context *c, int64_t (*down)(struct cpu_context *c)): arch/sleep.h.
 */
    .globl cpu_sleep
cpu_sleep:
    stp     x19, x20, [x0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    stp     x29, x30, [x0, #80]
    mov     x2, sp
    mrs     x3, tpidr_el2
    stp     x2, x3, [x0, #96]
    stp     x29, x30, [sp, #-16]!
    blr     x1
    ldp     x29, x30, [sp], #16
    ret

/* EL2, MMU off, x0 = the struct cpu_context (link address). */
    .globl resume_entry
resume_entry:
    msr     daifset, #0xf
    mov     x20, x0
    adrp    x0, boot_root
    add     x0, x0, :lo12:boot_root
    bl      enable_mmu
    ldr     x0, =resume_at_link
    br      x0
resume_at_link:
    ldp     x2, x3, [x20, #96]
    mov     sp, x2
    msr     tpidr_el2, x3
    ldp     x21, x22, [x20, #16]
    ldp     x23, x24, [x20, #32]
    ldp     x25, x26, [x20, #48]
    ldp     x27, x28, [x20, #64]
    ldp     x29, x30, [x20, #80]
    ldp     x19, x20, [x20]
    mov     x0, xzr
    ret

/*
 * Back from another kernel (arch/sleep.h). It may have left HCR_EL2.E2H set, which gives EL2's registers other layouts.
 */
    .globl jump_back_entry
jump_back_entry:
    msr     daifset, #0xf
    msr     spsel, #1
    mov     x0, #(1 << 31)      // RW
    msr     hcr_el2, x0
    isb
    ldr     x0, =jump_context
    b       resume_entry

/*
 * NORETURN void cpu_leave_to(uint64_t entry, uint64_t tables, uint64_t leaving): the boot tables have the image where
 * we are and where it is physically; they are writable and executable, so WXN goes first.
 */
    .globl cpu_leave_to
cpu_leave_to:
    ldr     x3, =SCTLR_EL2_ON
    msr     sctlr_el2, x3
    isb
    msr     ttbr0_el2, x1
    isb
    tlbi    alle2
    dsb     nsh
    isb
    br      x2

    .globl cpu_leaving
cpu_leaving:
    mov     x5, xzr
leave:
    ldr     x3, =SCTLR_EL2_OFF
    msr     sctlr_el2, x3
    isb
    ic      iallu
    tlbi    alle2
    tlbi    alle1
    dsb     nsh
    isb
    mov     x4, x0
    mov     x3, #(1 << 31)      // RW; the rest off
    msr     hcr_el2, x3
    isb                         // E2H, which firmware may have set, changes the next one's layout
    mov     x3, #CPTR_EL2_OFF   // kexec-tools' purgatory saves vector registers, and has no vectors
    msr     cptr_el2, x3
    msr     cntvoff_el2, xzr
    msr     vttbr_el2, xzr
    isb
    mov     x0, x5
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x4

/* x0: table. Clobbers x1-x3. */
enable_mmu:
    ldr     x1, =MAIR_EL2_VALUE
    msr     mair_el2, x1
    ldr     x1, =TCR_EL2_BASE
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #7
    cmp     x2, #5              // 48 bits at most: more needs another descriptor format
    mov     x3, #5
    csel    x2, x3, x2, hi
    orr     x1, x1, x2, lsl #16
    msr     tcr_el2, x1
    msr     ttbr0_el2, x0
    isb
    tlbi    alle2
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
    ldr     x1, =SCTLR_EL2_ON
    msr     sctlr_el2, x1
    isb
    ret

/*
 * boot_root -> identity (1 GiB block) and image (2 MiB blocks). Written with caches off: the lines that
 * a loader may have left are cleaned and invalidated first, and the bss is cleared.
 */
build_boot_tables:
    mov     x15, x30
    // the loader leaves the image clean to the point of coherency; the bss is ours to clear
    adrp    x0, data_end
    adrp    x1, bss_end
1:  dc      civac, x0
    add     x2, x0, #64
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    mov     x0, x2
    cmp     x0, x1
    b.lo    1b

    adrp    x0, boot_root
    adrp    x1, boot_identity_l1
    adrp    x2, boot_image_l1
    adrp    x3, boot_image_l2
    adrp    x4, _head
    ldr     x5, =PTE_BLOCK

    // identity
    ubfx    x6, x4, #39, #9
    orr     x7, x1, #PTE_TABLE
    str     x7, [x0, x6, lsl #3]
    ubfx    x6, x4, #30, #9
    and     x7, x4, #~0x3fffffff
    orr     x7, x7, x5
    str     x7, [x1, x6, lsl #3]

    // the image; an image on both sides of a gigabyte's border is identity-mapped with both
    adrp    x8, image_end
    ubfx    x9, x8, #30, #9
    and     x7, x8, #~0x3fffffff
    orr     x7, x7, x5
    str     x7, [x1, x9, lsl #3]

    ldr     x6, =IMAGE_BASE
    ubfx    x7, x6, #39, #9
    orr     x9, x2, #PTE_TABLE
    str     x9, [x0, x7, lsl #3]
    orr     x9, x3, #PTE_TABLE
    str     x9, [x2]
    and     x7, x4, #~0x1fffff
2:  orr     x9, x7, x5
    str     x9, [x3], #8
    add     x7, x7, #0x200000
    cmp     x7, x8
    b.lo    2b
    dsb     sy
    mov     x30, x15
    ret

/* NORETURN void cpu_leave_firmware(char *copy, void *tree): the firmware's tables have both images where they are. */
    .section .text.cpu_leave_firmware, "ax"
    .globl cpu_leave_firmware
cpu_leave_firmware:
    msr     daifset, #0xf
    mov     x5, x1
    adrp    x1, leave
    add     x1, x1, :lo12:leave
    adrp    x2, _head
    sub     x1, x1, x2
    add     x1, x1, x0
    br      x1

    .section .bss, "aw", %nobits
    .balign 4096
    .globl boot_root
boot_root:        .skip 4096
boot_identity_l1: .skip 4096
boot_image_l1:    .skip 4096
boot_image_l2:    .skip 4096
    .globl jump_context
jump_context:     .skip 14 * 8     // struct cpu_context
