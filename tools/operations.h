// SPDX-License-Identifier: Apache-2.0
/* The operations on guests that this host remembers: the lines of the journal and of the one before it. */
#pragma once

#include <stddef.h>

#include "tools/form.h"

/*
 * Shows the operation that was `before` ones before the last; domain: only that guest's count; NULL: all do. Lines that
 * are none of the journal's, as half ones, are passed over. Returns an exit status, and has said what failed.
 */
int operations_show(const char *domain, unsigned before, const struct form *form);
/* A line from elsewhere. */
int operations_show_line(const char *line, size_t length, const struct form *form);

/* A line on each, the last first. */
int operations_list(const char *domain);
