// SPDX-License-Identifier: Apache-2.0
/* Between entry.S and C, both ways. */
#pragma once

#include "lib/base.h"

/* C's, called by entry.S: the first CPU after a reset, the others when the first let them go; each on its own stack. */
NORETURN void firmware_start(void);
NORETURN void firmware_start_secondary(void);

/* Leaves EL3. x1 to x3 hold `fill`, every other register a pattern. */
NORETURN void enter_nonsecure(uint64_t entry, uint64_t context, uint64_t fill);

/* Poison V0-V31, FPCR, FPSR; P0-P15 and FFR (Z follows from V). */
void forget_vectors(void);
void forget_sve(void);
