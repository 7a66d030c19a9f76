// SPDX-License-Identifier: Apache-2.0
/* Building the first domain out of the boot modules. */
#pragma once

#include "boot/bootinfo.h"

/*
 * Before the frame allocator gets the free ranges: widens the modules' reservations to 2 MiB where that is possible, so
 * that dom0 can run its kernel and ramdisk where the boot loader put them. Changes b->reserved only.
 */
void dom0_reserve_modules(struct bootinfo *b);

/*
 * Creates dom0, ready to run. dma: what its devices may reach (dev/smmu.h), or NULL. -errno with one line that says
 * what was missing. Boot only.
 */
struct dma;
int dom0_build(const struct bootinfo *b, const void *fdt, struct dma *dma);
