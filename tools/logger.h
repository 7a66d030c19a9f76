// SPDX-License-Identifier: Apache-2.0
/*
 * What Xen's libraries have to say. With -v all of it goes to standard error; without, nothing does, but the one
 * message that says why something failed is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void logger_set_verbose(bool verbose);

/*
 * Why the libraries failed, in their words: what torpor-save-helper said, otherwise their first error. Up to the next
 * logger_forget(). "" if they said nothing.
 */
const char *logger_reason(void);
void logger_forget(void);
