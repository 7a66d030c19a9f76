// SPDX-License-Identifier: Apache-2.0
/* The firmware's device tree, completed by what only the firmware can say: all start-up then reads one description. */
#pragma once

#include "boot/ranges.h"

#define EFI_TREE_MORE 8192   /* bytes that the additions take at most */

/*
 * The bytes that a copy of the firmware's tree needs: additions included, at most DT_MAX_SIZE. 0: it is no device tree,
 * or one that is damaged or too large.
 */
uint64_t efi_tree_room(const void *firmware);

/* Whether `size` bytes, out of a file, begin as a device tree and are no fewer than its head says. */
bool efi_tree_is_whole(const void *file, uint64_t size);

/* Whether a boot loader has put modules into it. */
bool efi_tree_has_modules(const void *firmware);

/* Copies it into `tree`, efi_tree_room() bytes. -ENOSPC, -EINVAL. */
int efi_tree_copy(const void *firmware, void *tree, uint64_t room);

/*
 * The hypervisor's command line, if it is not "", in place of the tree's own; and a clock that the firmware had kept
 * to itself is everybody's: nobody calls the firmware's runtime services, through which it would be reached. -ENOSPC,
 * -EINVAL.
 */
int efi_tree_set_words(void *tree, const char *words);

/*
 * A boot module as a boot loader would give it. kind: "multiboot,kernel" or "multiboot,ramdisk"; words: dom0's, or
 * NULL. -ENOSPC; -ERANGE: the address does not fit into /chosen's cells; -EINVAL.
 */
int efi_tree_add_module(void *tree, const char *kind, const struct boot_range *at, const char *words);

/*
 * RAM as the firmware tells it, in place of all memory nodes. May be called again. -ENOSPC; -ERANGE: an address does
 * not fit into the root's cells; -EINVAL.
 */
int efi_tree_set_ram(void *tree, const struct boot_ranges *ram);

/* Calls `found` for the place of each boot module (Xen's docs/misc/arm/device-tree/booting.txt) that is in RAM. */
void efi_tree_modules(const void *tree, const struct boot_ranges *ram, void (*found)(uint64_t start, uint64_t size));
