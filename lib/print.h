// SPDX-License-Identifier: Apache-2.0
/*
 * Formatting without a C library: %d %i %u %x %X %p %s %c %% with l, ll, z, width, precision, 0 and - ; nothing else.
 */
#pragma once

#include <stdarg.h>

#include "lib/base.h"

#if __STDC_HOSTED__
#include <stdio.h>
#else
/* As in ISO C: the length that the whole text has; at most size - 1 characters and a NUL are stored. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
#endif
