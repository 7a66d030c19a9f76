// SPDX-License-Identifier: Apache-2.0
/* The system that the host jumps into (jumped.S): its memory, the page behind its code. */
#pragma once

#include "lib/base.h"

struct jumped {
    volatile uint64_t entries;
    uint64_t back;                 /* 8: where it goes */
    volatile uint64_t go_on;       /* 16: where it left; 0: it has not begun */
    volatile uint64_t result;      /* 24 */
    struct {                       /* 32: how it was entered */
        volatile uint64_t x0_to_x3, current_el, sctlr, daif, cntvoff, cnthp_ctl, hcr, cptr;
    } found;
    volatile uint64_t sum[2];      /* 96 */
};

extern const char jumped_program[], jumped_program_end[];
