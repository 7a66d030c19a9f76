// SPDX-License-Identifier: Apache-2.0
/* The sleeps that the hypervisor remembers: /torpor/sleep in its hypfs. */
#pragma once

#include <stddef.h>

#include "tools/form.h"

#define SLEEPS_KEPT 8   /* the last, and seven before it */

/* Shows the sleep that was `before` ones before the last. Returns an exit status, and has said what failed. */
int sleeps_show(unsigned before, const struct form *form);
/* The same for a record from elsewhere. */
int sleeps_show_record(const char *text, size_t length, const struct form *form);

/* Prints one line on the outcome of the last sleep; nothing when the hypervisor keeps no record. */
void sleeps_print_outcome(void);
