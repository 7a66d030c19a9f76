// SPDX-License-Identifier: Apache-2.0
/*
 * What is added to the firmware's device tree. GRUB has put the boot modules there; the command line, and RAM as it is
 * once the boot services are gone, are told by the firmware otherwise.
 */
#include "boot/efi/tree.h"

#include <libfdt.h>

#include "boot/modules.h"
#include "lib/devicetree.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

#define RAM_NODE    "memory"
#define MODULE_NAME 32

static int error(int fdt_err)
{
    if (fdt_err >= 0)
        return 0;
    return fdt_err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

uint64_t efi_tree_room(const void *firmware)
{
    if (fdt_magic(firmware) != FDT_MAGIC || fdt_totalsize(firmware) > DT_MAX_SIZE ||
        fdt_check_full(firmware, fdt_totalsize(firmware)))
        return 0;
    return min_u64(fdt_totalsize(firmware) + EFI_TREE_MORE, DT_MAX_SIZE);
}

bool efi_tree_is_whole(const void *file, uint64_t size)
{
    return size >= sizeof(struct fdt_header) && fdt_magic(file) == FDT_MAGIC && fdt_totalsize(file) <= size;
}

static bool is_module(const void *tree, int node)
{
    return !fdt_node_check_compatible(tree, node, MODULE_COMPATIBLE) ||
           !fdt_node_check_compatible(tree, node, MODULE_COMPATIBLE_XEN);
}

bool efi_tree_has_modules(const void *firmware)
{
    int chosen = fdt_subnode_offset(firmware, 0, "chosen"), node;

    if (chosen < 0)
        return false;
    fdt_for_each_subnode(node, firmware, chosen)
        if (is_module(firmware, node))
            return true;
    return false;
}

int efi_tree_copy(const void *firmware, void *tree, uint64_t room)
{
    return error(fdt_open_into(firmware, tree, (int)room));
}

static int chosen_of(void *tree)
{
    int node = fdt_subnode_offset(tree, 0, "chosen");

    return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(tree, 0, "chosen") : node;
}

/* UEFI firmware marks a PL011's neighbour, the PL031, as disabled because it serves GetTime() from it. */
static int free_clock(void *tree)
{
    int node = fdt_node_offset_by_compatible(tree, -1, "arm,pl031");
    const char *status = node < 0 ? NULL : fdt_getprop(tree, node, "status", NULL);

    return status ? fdt_nop_property(tree, node, "status") : 0;
}

int efi_tree_set_words(void *tree, const char *words)
{
    int chosen, err = error(free_clock(tree));

    if (err || !words[0])
        return err;
    chosen = chosen_of(tree);
    return error(chosen < 0 ? chosen : fdt_setprop_string(tree, chosen, "xen,xen-bootargs", words));
}

/* A memory node below the root; -FDT_ERR_NOTFOUND: none. */
static int memory_node(const void *tree)
{
    int node, size;

    fdt_for_each_subnode(node, tree, 0) {
        const char *type = fdt_getprop(tree, node, "device_type", &size);

        if (type && size == sizeof("memory") && !memcmp(type, "memory", sizeof("memory")))
            break;
    }
    return node;
}

static int remove_memory(void *tree)
{
    int node, err = 0;

    while (!err && (node = memory_node(tree)) >= 0)
        err = fdt_del_node(tree, node);
    return error(err);
}

static bool put_number(fdt32_t **at, uint64_t value, int cells)
{
    if (cells == 2)
        *(*at)++ = cpu_to_fdt32((uint32_t)(value >> 32));
    *(*at)++ = cpu_to_fdt32((uint32_t)value);
    return cells == 2 || !(value >> 32);
}

/* The list as `reg`, in the root's cells. Its length in bytes, or -ERANGE. */
static int put_ranges(const void *tree, const struct boot_ranges *ram, fdt32_t *reg)
{
    int address_cells = fdt_address_cells(tree, 0), size_cells = fdt_size_cells(tree, 0);
    fdt32_t *at = reg;

    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
        return -ERANGE;
    for (unsigned i = 0; i < ram->count; i++) {
        struct boot_range r = boot_ranges_at(ram, i);

        if (!put_number(&at, r.start, address_cells) || !put_number(&at, r.size, size_cells))
            return -ERANGE;
    }
    return (int)((char *)at - (char *)reg);
}

int efi_tree_set_ram(void *tree, const struct boot_ranges *ram)
{
    fdt32_t reg[4 * BOOT_RANGES];
    int node, size = put_ranges(tree, ram, reg), err;

    if (size < 0)
        return size;
    err = remove_memory(tree);
    if (err)
        return err;
    node = fdt_add_subnode(tree, 0, RAM_NODE);
    err = node < 0 ? node : fdt_setprop_string(tree, node, "device_type", "memory");
    return error(err ? err : fdt_setprop(tree, node, "reg", reg, size));
}

/* Cells for /chosen's children: those that it has, or two of each. -ERANGE: it has others. */
static int cells_of_chosen(void *tree, int chosen, int *address, int *size)
{
    int err = 0;

    if (!fdt_getprop(tree, chosen, "#address-cells", NULL))
        err = fdt_setprop_u32(tree, chosen, "#address-cells", 2);
    if (!err && !fdt_getprop(tree, chosen, "#size-cells", NULL))
        err = fdt_setprop_u32(tree, chosen, "#size-cells", 2);
    if (err)
        return error(err);
    *address = fdt_address_cells(tree, chosen);
    *size = fdt_size_cells(tree, chosen);
    return *address < 1 || *address > 2 || *size < 1 || *size > 2 ? -ERANGE : 0;
}

/* What is added to a node stands behind the node's head, so that its offset stays. */
int efi_tree_add_module(void *tree, const char *kind, const struct boot_range *at, const char *words)
{
    int chosen = chosen_of(tree), node, address, size, err;
    char name[MODULE_NAME], compatible[sizeof(MODULE_COMPATIBLE) + MODULE_NAME];
    fdt32_t reg[4], *end = reg;

    if (chosen < 0)
        return error(chosen);
    err = cells_of_chosen(tree, chosen, &address, &size);
    if (err)
        return err;
    if (!put_number(&end, at->start, address) || !put_number(&end, at->size, size))
        return -ERANGE;
    snprintf(name, sizeof(name), "module@%lx", at->start);
    snprintf(compatible, sizeof(compatible), "%s%c%s", kind, 0, MODULE_COMPATIBLE);
    node = fdt_add_subnode(tree, chosen, name);
    if (node < 0)
        return error(node);
    err = fdt_setprop(tree, node, "compatible", compatible, (int)(strlen(kind) + 1 + sizeof(MODULE_COMPATIBLE)));
    if (!err)
        err = fdt_setprop(tree, node, "reg", reg, (int)((char *)end - (char *)reg));
    return error(err || !words ? err : fdt_setprop_string(tree, node, "bootargs", words));
}

static uint64_t number(const fdt32_t *cells, int count)
{
    return count == 2 ? (uint64_t)fdt32_to_cpu(cells[0]) << 32 | fdt32_to_cpu(cells[1]) : fdt32_to_cpu(cells[0]);
}

void efi_tree_modules(const void *tree, const struct boot_ranges *ram, void (*found)(uint64_t start, uint64_t size))
{
    int chosen = fdt_subnode_offset(tree, 0, "chosen"), node, size;
    int address_cells = chosen < 0 ? 0 : fdt_address_cells(tree, chosen);
    int size_cells = chosen < 0 ? 0 : fdt_size_cells(tree, chosen);

    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
        return;
    fdt_for_each_subnode(node, tree, chosen) {
        const fdt32_t *reg = fdt_getprop(tree, node, "reg", &size);

        if (!reg || size < 4 * (address_cells + size_cells) || !is_module(tree, node))
            continue;
        if (boot_ranges_contain(ram, number(reg, address_cells), number(reg + address_cells, size_cells)))
            found(number(reg, address_cells), number(reg + address_cells, size_cells));
    }
}
