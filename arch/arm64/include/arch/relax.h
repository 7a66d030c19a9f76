// SPDX-License-Identifier: Apache-2.0
/* What a CPU does while it spins. */
#pragma once

static inline void cpu_relax(void) { __asm__ volatile("yield" ::: "memory"); }
