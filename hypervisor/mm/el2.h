// SPDX-License-Identifier: Apache-2.0
/*
 * EL2's own address space. Three windows: the image (text read-only and
 * executable, the rest never executable), the direct map of RAM without the image, and
 * device registers. Nothing is ever writable and executable (SCTLR_EL2.WXN holds us to it).
 */
#pragma once

#include "lib/base.h"

/*
 * Builds the real tables with the image, which stands at `image`, and the device tree; goes over to them. Boot CPU,
 * once.
 */
void el2_init(paddr_t image, paddr_t fdt);
/* A secondary CPU leaves the boot tables. */
void el2_cpu_init(void);

/*
 * Maps RAM [start, start + size), whole pages, in the direct map. Boot only. -ENOMEM: too scattered, -EINVAL: too high.
 */
int el2_map_ram(paddr_t start, uint64_t size);

/* Device registers (Device-nGnRE); the mapping stays for good. NULL if the window is full. */
void *el2_map_device(paddr_t start, uint64_t size);

/* The stack of a CPU that is to come on. Boot only. -ENOMEM: no more tables. */
int el2_map_stack(unsigned cpu);

/*
 * Where the image stands, and its end (exclusive): behind the stacks of as many CPUs as are kept, which may be said
 * once, before anybody asks.
 */
paddr_t image_start_address(void);
paddr_t image_end_address(void);
void image_keep_stacks(unsigned count);
/* Physical address of something in the image. */
paddr_t image_to_paddr(const void *va);

/* To the point of coherency. The first for whole pages. */
void cache_clean(const void *va, size_t size);
void cache_clean_invalidate(const void *va, size_t size);
/* Makes newly written instructions visible to every CPU. */
void icache_invalidate_all(void);
