// SPDX-License-Identifier: Apache-2.0
/*
 * The identity map, as a constant: nobody writes these tables, so they can be used by the first instructions
 * of every vCPU. Where RAM is and where devices are follows the guest layout of xen/include/public/arch-arm.h:
 * below 0x38000000 devices; from there the grant-table and magic pages, normal memory but not code;
 * 1 to 4 GiB RAM; 4 to 8 GiB device windows; from 8 GiB RAM again.
 *
 * Hypercall buffers have to be in normal write-back memory (arch-arm.h), which is why there is a map at all.
 */
#define BLOCK   1
#define TABLE   3
#define AF      (1 << 10)
#define SHARED  (3 << 8)
#define DEVICE  (BLOCK | 1 << 2 | AF | 3 << 53)
#define DATA    (BLOCK | AF | SHARED | 3 << 53)
#define CODE    (BLOCK | AF | SHARED | 1 << 54)      // not for user programs: UXN

    .section .pagetable, "a"
    .balign 4096
    .global page_table
page_table:
    .quad   first_gib + TABLE
    .set    gib, 1
    .rept   511
    .if gib >= 4 && gib < 8
    .quad   gib << 30 | DEVICE
    .else
    .quad   gib << 30 | CODE
    .endif
    .set    gib, gib + 1
    .endr

first_gib:
    .set    block, 0
    .rept   512
    .if (block << 21) < 0x38000000
    .quad   block << 21 | DEVICE
    .else
    .quad   block << 21 | DATA
    .endif
    .set    block, block + 1
    .endr
