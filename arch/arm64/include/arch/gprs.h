/* SPDX-License-Identifier: Apache-2.0 */
/* For assembly files: the general registers in memory, each at 8 times its number behind \base. */
#pragma once

/* x4 to x29; op: stp or ldp. */
.macro pairs_x4_x29 op, base
    \op     x4, x5, [\base, #32]
    \op     x6, x7, [\base, #48]
    \op     x8, x9, [\base, #64]
    \op     x10, x11, [\base, #80]
    \op     x12, x13, [\base, #96]
    \op     x14, x15, [\base, #112]
    \op     x16, x17, [\base, #128]
    \op     x18, x19, [\base, #144]
    \op     x20, x21, [\base, #160]
    \op     x22, x23, [\base, #176]
    \op     x24, x25, [\base, #192]
    \op     x26, x27, [\base, #208]
    \op     x28, x29, [\base, #224]
.endm

.macro store_x0_x30 base
    stp     x0, x1, [\base, #0]
    stp     x2, x3, [\base, #16]
    pairs_x4_x29 stp, \base
    str     x30, [\base, #240]
.endm

/* base: sp, or it is lost with the rest. */
.macro load_x0_x30 base
    ldp     x0, x1, [\base, #0]
    ldp     x2, x3, [\base, #16]
    pairs_x4_x29 ldp, \base
    ldr     x30, [\base, #240]
.endm
