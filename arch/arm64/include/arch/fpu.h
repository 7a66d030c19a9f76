// SPDX-License-Identifier: Apache-2.0
/* The vector registers, FPSR and FPCR (fpu.S). */
#pragma once

#include <stdint.h>

struct fpu_state {
    __uint128_t v[32];
    uint32_t fpsr, fpcr;
};

/* CPTR_EL2 must let EL2 at them. */
void fpu_save(struct fpu_state *s);
void fpu_load(const struct fpu_state *s);
