// SPDX-License-Identifier: Apache-2.0
/* The kernel and the initial ramdisk of QEMU's command line, put into RAM. */
#pragma once

#include "lib/base.h"

/*
 * Loads both to where nothing else is, and tells the tree of the ramdisk (Linux Documentation/arm64/booting.rst).
 * Between tree_open and tree_close. Returns the kernel's entry.
 */
uint64_t payload_load(void);

/* Written back to memory: the kernel reads it with its caches off. */
void payload_clean(uint64_t address, uint64_t size);
