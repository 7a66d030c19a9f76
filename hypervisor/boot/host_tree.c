// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's own tree. dom0's describes dom0's: virtual CPUs, PSCI by hvc, no UART, no interrupt controller at
 * EL2. A kernel that is entered at EL2 on the bare machine needs the one that the boot loader gave.
 */
#include "boot/host_tree.h"

#include <libfdt.h>

#include "base/hypfs.h"
#include "base/printk.h"
#include "boot/modules.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "power/jump.h"

static unsigned order_for(size_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

static void remove_modules(void *tree)
{
    static const char *const kinds[] = { MODULE_COMPATIBLE, MODULE_COMPATIBLE_XEN, DOMAIN_COMPATIBLE };
    int node;

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        while ((node = fdt_node_offset_by_compatible(tree, -1, kinds[i])) >= 0 && !fdt_del_node(tree, node))
            ;
}

/* The words to us and to dom0; and a seed that was used is none (kexec-tools insists on that). */
static void clear_chosen(void *tree)
{
    static const char *const words[] = { "bootargs", "xen,xen-bootargs", "xen,dom0-bootargs", "linux,initrd-start",
                                         "linux,initrd-end", "linux,usable-memory-range", "linux,elfcorehdr",
                                         "rng-seed" };
    int chosen = fdt_path_offset(tree, "/chosen");

    for (unsigned i = 0; chosen >= 0 && i < ARRAY_SIZE(words); i++)
        (void)fdt_delprop(tree, chosen, words[i]);
    if (chosen >= 0 && fdt_getprop(tree, chosen, "kaslr-seed", NULL))
        (void)fdt_setprop_u64(tree, chosen, "kaslr-seed", 0);
}

/* Without the room that the loader left in it, which may be a megabyte. */
static void *copy_of(const void *tree)
{
    size_t size = fdt_totalsize(tree);
    unsigned order = order_for(size);
    void *copy = size <= HYPFS_MAX_CONTENT ? pages_alloc(order) : NULL;

    if (copy)
        memcpy(copy, tree, size);
    return copy;
}

void host_tree_keep(const void *fdt)
{
    unsigned order = order_for(fdt_totalsize(fdt));
    void *tree = pages_alloc(order), *copy = NULL;

    if (tree && !fdt_open_into(fdt, tree, (int)(PAGE_SIZE << order))) {
        remove_modules(tree);
        clear_chosen(tree);
        if (!fdt_pack(tree))
            copy = copy_of(tree);
    }
    if (copy)
        jump_set_device_tree(copy, fdt_totalsize(copy));
    else
        printk("torpor: no memory for a copy of the device tree: kernels that are jumped into bring their own\n");
    if (tree)
        pages_free(tree, order);
}
