// SPDX-License-Identifier: Apache-2.0
/* For tests of what outlives a killed process: a process that works, and then waits to be killed. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* work(context) runs in a process and a group of its own, which then waits. Returns when the work is done. */
pid_t victim_start(bool (*work)(const void *context), const void *context);
/* pid: a victim; negative: its whole group gets the signal. Returns when the victim has ended. */
void victim_end(pid_t pid, int signal);

/* `size` bytes of 0 that all processes see. */
void *shared_new(unsigned long size);
