// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests. */
#pragma once

static inline void cpu_relax(void) { }
