// SPDX-License-Identifier: Apache-2.0
/* The CPUs that the machine has. */
#pragma once
#include "lib/base.h"

bool machine_cpu_is_possible(unsigned cpu);
/* The CPU begins with smp_begin() of core/smp.h. For one that does not run. 0 or -errno. */
int machine_cpu_start(unsigned cpu);
/* The calling CPU, not 0, stands still until it is started again, from its beginning. With interrupts masked. */
NORETURN void machine_cpu_stop(void);
/* It has been started, and has not got to the end of machine_cpu_stop() since. */
bool machine_cpu_is_running(unsigned cpu);
