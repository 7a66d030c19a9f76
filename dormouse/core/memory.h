// SPDX-License-Identifier: Apache-2.0
/* Pages of the guest's memory, by the piece. */
#pragma once
#include "lib/base.h"

/* The memory between is free, once. Both are page-aligned. */
void memory_init(void *start, void *end);

/* n pages in a row, zeroed; NULL: there are none. From any CPU, also from interrupt handlers. */
void *pages_alloc(unsigned n);
void pages_free(void *pages, unsigned n);
/* How many are free. */
uint64_t pages_free_count(void);
