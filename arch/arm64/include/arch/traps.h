// SPDX-License-Identifier: Apache-2.0
/* EL2's trap controls of this CPU, at each of its starts. */
#pragma once

/*
 * Every trap control that later architectures added, where this CPU has it, at the value at which a guest gets nothing
 * that its ID registers do not show (vm/arm64/idregs.c); and the physical counter and timer, whose time is not the
 * guest's.
 */
void traps_cpu_init(void);
