// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of the machine that is not this kernel's, by /dev/mem. This kernel knows nothing of it and maps it as Device
 * memory: whole aligned words only, and past the caches, which therefore are cleaned and invalidated before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/handover.h"

#define MEMORY_PAGE 4096u

/*
 * Finds out what is this kernel's, of which nothing is ever mapped: the window that its device tree confines it to.
 * -errno; -ENOENT: it has the whole machine.
 */
int memory_open(struct handover_range *own);

/* A place that is mapped, and looked at through; another place unmaps the first. Begins as { 0 }. */
struct memory_view {
    uint8_t *at;
    uint64_t start, size;
};

/* All may fail with -errno. Addresses and sizes are multiples of 8. */
int memory_read(struct memory_view *v, uint64_t address, void *buffer, size_t size);
/* A whole page; *zero: it is nothing but zeros. */
int memory_read_page(struct memory_view *v, uint64_t address, void *buffer, bool *zero);
int memory_write(struct memory_view *v, uint64_t address, const void *buffer, size_t size);
int memory_clear(struct memory_view *v, uint64_t address, uint64_t size);
