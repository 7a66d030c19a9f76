// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree, where QEMU puts it (the start of RAM): read to learn the machine's parts, and changed to show those
 * that the non-secure world may use. Call in this order: tree_open, the questions, tree_set_initrd, tree_close.
 */
#pragma once

#include "lib/base.h"

/* Room that the changes take: a node for PSCI, a property for each CPU, two for the initial ramdisk. Bytes. */
#define TREE_ROOM 4096

struct tree_range {
    uint64_t base, size;   /* bytes */
};

/* Fails the machine if there is no usable tree. */
void tree_open(void);

/* The tree with its room. */
struct tree_range tree_extent(void);

/* The first range of RAM. */
struct tree_range tree_ram(void);

/* Also after tree_close. */
bool tree_is_ram(uint64_t address);

/* Calls add with MPIDR_EL1's affinity fields of each CPU. */
void tree_each_cpu(void (*add)(uint64_t affinity));

/* Calls found with each module that QEMU's guest-loader put into RAM. */
void tree_each_module(void (*found)(struct tree_range module));

/* First register of the device with this `compatible`, or 0. */
uint64_t tree_device(const char *compatible);

void tree_set_initrd(struct tree_range initrd);

/* The secure world's devices go, PSCI comes. Returns where the tree is. */
paddr_t tree_close(void);
