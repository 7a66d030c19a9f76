// SPDX-License-Identifier: Apache-2.0
/*
 * Indices that a guest chooses, also where the CPU only guesses that the check of one will pass (Spectre variant 1). A
 * conditional select behind a CSDB is not executed on a guess of its flags: "Cache Speculation Side-channels", Arm
 * 102816, 3; CSDB: ARM C6.2.
 */
#pragma once

#include "lib/base.h"

/*
 * index if it is below size, otherwise 0: also during speculation. Where index was checked; size may be 0 only where it
 * cannot be reached.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    uint64_t safe;

    __asm__("cmp %1, %2\n\t"
            "csel %0, %1, xzr, lo\n\t"
            "hint #20"   /* CSDB, by a name that every assembler knows */
            : "=r"(safe) : "r"(index), "r"(size) : "cc");
    return safe;
}
