// SPDX-License-Identifier: Apache-2.0
/* What is started and by which words, where no boot loader has put it into the device tree: a configuration says it. */
#pragma once

#include "boot/efi/services.h"
#include "boot/ranges.h"

struct efi_given {
    const void *tree;          /* the firmware's, or that of the configuration's dtb=; NULL: none */
    const char *words;         /* the hypervisor's */
    struct boot_range kernel, ramdisk;   /* size 0: they are in the tree, or there is none */
    const char *kernel_words;  /* dom0's */
};

/*
 * words: what the program was started with; it is cut up. g->tree is the firmware's. Puts kernel and ramdisk into
 * memory of their own. An error, after one line that says why; without a tree and without a configuration, nothing.
 */
efi_status efi_given_by_files(struct efi_services *s, char *words, struct efi_given *g);
