// SPDX-License-Identifier: Apache-2.0
/* The sleeps that the hypervisor remembers: /torpor/sleep in its hypfs. */
#pragma once

#define SLEEPS_KEPT 8   /* the last, and seven before it */

/* Prints one line on what became of the last sleep; nothing when the hypervisor keeps no record. */
void sleeps_print_outcome(void);
