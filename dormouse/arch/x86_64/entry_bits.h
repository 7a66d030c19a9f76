// SPDX-License-Identifier: Apache-2.0
/* Page-table entries, and how those that Xen knows of are changed. For memory.c and space.c. */
#pragma once
#include "lib/base.h"

/* Intel SDM 3, 4.5 */
enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_USER = 4, PTE_ACCESSED = 0x20, PTE_DIRTY = 0x40 };
#define PTE_NX       BIT(63)
#define PTE_FRAME    (BIT(52) - PAGE_SIZE)
#define PTE_TABLE    ((uint64_t)(PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED))
#define PTE_READABLE ((uint64_t)(PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY))

/* Maps a page of the linear map at its place, readable and with those rights (PTE_WRITE, PTE_NX). */
void page_protect(void *at, uint64_t rights);
/* Nothing is there any more. */
void page_unmap(void *at);
/* Has Xen check and write an entry of a table that it knows. 0 or -errno. */
long entry_update(const uint64_t *entry, uint64_t value);
