// SPDX-License-Identifier: Apache-2.0
/* A spinning CPU's hint. */
#pragma once

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
