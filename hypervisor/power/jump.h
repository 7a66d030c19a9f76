// SPDX-License-Identifier: Apache-2.0
/*
 * The jump into a kernel that dom0 has loaded (vm/kexec.h), and back: dom0's next suspend after it was asked for.
 */
#pragma once

#include "base/hypfs.h"
#include "sleep/sleep.h"

/* The stages of a jump, in order. */
extern const struct sleep_list jump_list;

/*
 * /torpor/jump in hypfs: the way back, where the handover stands, the tree for a kernel that is jumped into, and what
 * dom0's /sys/kernel/vmcoreinfo says.
 */
#define JUMP_ENTRIES 4
extern const struct hypfs_entry jump_dir[JUMP_ENTRIES];

/* Boot: the platform's operations. */
void jump_init(void);
/* Boot: the machine's flattened device tree, which stays. */
void jump_set_device_tree(const void *tree, size_t size);
