// SPDX-License-Identifier: Apache-2.0
/* From one thread to another (machine/context.h). */
#include "dormouse/arch/arm64/asm.h"

    .text
    .global context_switch
context_switch:
    kept_push
    mov     x2, sp
    str     x2, [x0]
    mov     sp, x1
    kept_pop
    ret

    .global context_begin
context_begin:
    mov     x0, x19
    mov     x29, xzr
    bl      thread_begin
