// SPDX-License-Identifier: Apache-2.0
/* The CPUs that the machine has. */
#pragma once
#include "lib/base.h"

bool machine_cpu_is_possible(unsigned cpu);
/* The CPU begins with smp_begin() of core/smp.h, once. 0 or -errno. */
int machine_cpu_start(unsigned cpu);
