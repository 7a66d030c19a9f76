// SPDX-License-Identifier: Apache-2.0
/*
 * The messages of Xen's libraries. With -v all of them go to standard error; without, none does, but the one that says
 * why something failed is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void logger_set_verbose(bool verbose);

/*
 * Why the libraries failed, in their words: torpor-save-helper's message, otherwise their first error. Up to the next
 * logger_forget(). "" if they said nothing.
 */
const char *logger_reason(void);
void logger_forget(void);
