// SPDX-License-Identifier: Apache-2.0
/* The host as an architecture, for unit tests. */
#pragma once

/* Others' acts meanwhile. */
__attribute__((weak)) void (*host_relax)(void);

static inline void cpu_relax(void)
{
    if (host_relax)
        host_relax();
}
