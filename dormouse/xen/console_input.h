// SPDX-License-Identifier: Apache-2.0
/* Lines that are typed at the domain's PV console (xen/include/public/io/console.h), by `xl console`. */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

/*
 * Waits for a line; returns its length without its end. Input without room in `size` bytes with a NUL is dropped; the
 * rest is echoed. Typed half before a suspend, it is complete with the other half after. For one thread at a time.
 * -EIO: nobody can type.
 */
int console_read_line(char *line, size_t size);

/* In a new domain: another ring, another port. */
extern const struct sleep_stage console_input_stage;
