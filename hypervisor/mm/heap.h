// SPDX-License-Identifier: Apache-2.0
/* The hypervisor's own small objects: size classes carved from pages; larger ones are whole pages. */
#pragma once

#include "lib/base.h"

/* Zeroed, aligned to 16 bytes (to the page from half a page on); NULL if there is no memory. */
void *heap_alloc(size_t size);
/* size is that of the allocation. NULL is ignored. */
void heap_free(void *p, size_t size);

/* Pages that small objects take, for dumps. */
uint64_t heap_slabs(void);

#define heap_new(type) ((type *)heap_alloc(sizeof(type)))
/* An array of n; NULL also on overflow. */
void *heap_alloc_array(size_t n, size_t size);
