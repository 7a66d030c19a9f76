// SPDX-License-Identifier: Apache-2.0
/* The machine's device tree for a kernel that is jumped into: it finds the machine without us. */
#pragma once

/*
 * Keeps a copy of it for dom0 (jump_set_device_tree()), without the boot loader's entries for the hypervisor and for
 * dom0. One line if that cannot be. Boot only.
 */
void host_tree_keep(const void *fdt);
