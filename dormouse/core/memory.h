// SPDX-License-Identifier: Apache-2.0
/* Pages of the guest's memory, by the piece. */
#pragma once
#include "lib/base.h"
#include "sleep/sleep.h"

/* The memory between is free, once. Both are page-aligned. */
void memory_init(void *start, void *end);

/* n pages in a row, zeroed; NULL: there are none, or the guest sleeps. From any CPU, also from interrupt handlers. */
void *pages_alloc(unsigned n);
void pages_free(void *pages, unsigned n);
/* How many are free. */
uint64_t pages_free_count(void);

/* From now on there are none: a guest that has no memory left can be suspended, for none ever has any. */
extern const struct sleep_stage memory_stage;
