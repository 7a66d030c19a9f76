// SPDX-License-Identifier: Apache-2.0
#include "firmware/tree.h"

#include <libfdt.h>

#include "firmware/machine.h"
#include "lib/devicetree.h"
#include "lib/string.h"

#define MAX_RAM_RANGES 16

static void *const tree = (void *)(uintptr_t)MACHINE_RAM;
static struct dt reader;
static struct dt_walk walk;                     /* large for a stack; one question at a time */
/* the non-secure world writes the tree later: ranges that are asked for then are kept here */
static struct tree_range ram[MAX_RAM_RANGES];
static unsigned ram_ranges;

static void check(int result, const char *what)
{
    if (result < 0)
        machine_fail("the device tree at %#x cannot be used: %s: %s", MACHINE_RAM, what, fdt_strerror(result));
}

static bool property_is(int node, const char *name, const char *value)
{
    return fdt_stringlist_search(tree, node, name, value) == 0;
}

static void read_ram(void)
{
    const struct dt_node *n;
    struct tree_range range;

    dt_walk_start(&walk, &reader);
    while ((n = dt_walk_next(&walk))) {
        if (!n->enabled || !dt_value_is(&n->props[DT_DEVICE_TYPE], "memory"))   /* disabled: the secure world's */
            continue;
        for (unsigned i = 0; ram_ranges < MAX_RAM_RANGES && !dt_reg(n, i, &range.base, &range.size); i++)
            ram[ram_ranges++] = range;
    }
    if (!ram_ranges)
        machine_fail("the device tree has no memory");
}

void tree_open(void)
{
    const char *why = dt_open(&reader, tree);

    if (why)
        machine_fail("the device tree at %#x cannot be used: %s", MACHINE_RAM, why);
    check(fdt_open_into(tree, tree, (int)(fdt_totalsize(tree) + TREE_ROOM)), "making room");
    read_ram();
}

struct tree_range tree_extent(void) { return (struct tree_range){ MACHINE_RAM, fdt_totalsize(tree) }; }

struct tree_range tree_ram(void)
{
    for (unsigned i = 0; i < ram_ranges; i++)
        if (ram[i].base == MACHINE_RAM)
            return ram[i];
    machine_fail("the device tree has no memory at %#x", MACHINE_RAM);
}

bool tree_is_ram(uint64_t address)
{
    for (unsigned i = 0; i < ram_ranges; i++)
        if (address >= ram[i].base && address - ram[i].base < ram[i].size)
            return true;
    return false;
}

void tree_each_cpu(void (*add)(uint64_t affinity))
{
    const struct dt_node *n;
    uint64_t affinity, size;

    dt_walk_start(&walk, &reader);
    while ((n = dt_walk_next(&walk))) {
        if (!n->parent || strcmp(n->parent->name, "cpus") || !dt_value_is(&n->props[DT_DEVICE_TYPE], "cpu"))
            continue;
        if (dt_reg_raw(n, 0, &affinity, &size))
            machine_fail("a CPU of the device tree has no reg");
        add(affinity);
    }
}

void tree_each_module(void (*found)(struct tree_range module))
{
    const struct dt_node *n;
    struct tree_range range;

    dt_walk_start(&walk, &reader);
    while ((n = dt_walk_next(&walk)))
        if (dt_is_compatible(n, "multiboot,module") && !dt_reg_raw(n, 0, &range.base, &range.size))
            found(range);
}

uint64_t tree_device(const char *compatible)
{
    const struct dt_node *n;
    uint64_t base, size;

    dt_walk_start(&walk, &reader);
    while ((n = dt_walk_next(&walk)))
        if (dt_is_compatible(n, compatible) && !dt_reg(n, 0, &base, &size))
            return base;
    return 0;
}

void tree_set_initrd(struct tree_range initrd)
{
    int chosen = fdt_path_offset(tree, "/chosen");

    check(chosen, "/chosen");
    check(fdt_setprop_u64(tree, chosen, "linux,initrd-start", initrd.base), "linux,initrd-start");
    check(fdt_setprop_u64(tree, chosen, "linux,initrd-end", initrd.base + initrd.size), "linux,initrd-end");
}

/*
 * The first node that is disabled here and in order for the secure world (Linux
 * Documentation/devicetree/bindings/arm/secure.txt), or < 0.
 */
static int find_secure_node(void)
{
    int node = -1;

    do
        node = fdt_node_offset_by_prop_value(tree, node, "secure-status", "okay", sizeof("okay"));
    while (node >= 0 && !property_is(node, "status", "disabled"));
    return node;
}

static void remove_secure_nodes(void)
{
    int node;

    while ((node = find_secure_node()) >= 0)
        check(fdt_del_node(tree, node), "removing a secure device");
    node = fdt_path_offset(tree, "/secure-chosen");
    if (node >= 0)
        check(fdt_del_node(tree, node), "removing /secure-chosen");
}

static void add_psci(void)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
    int node = fdt_add_subnode(tree, 0, "psci"), cpus;

    check(node, "adding /psci");
    check(fdt_setprop(tree, node, "compatible", compatible, sizeof(compatible)), "/psci");
    check(fdt_setprop_string(tree, node, "method", "smc"), "/psci");
    cpus = fdt_path_offset(tree, "/cpus");
    fdt_for_each_subnode(node, tree, cpus)
        if (property_is(node, "device_type", "cpu"))
            check(fdt_setprop_string(tree, node, "enable-method", "psci"), "enable-method");
}

paddr_t tree_close(void)
{
    remove_secure_nodes();
    add_psci();
    check(fdt_pack(tree), "packing");
    return PADDR(MACHINE_RAM);
}
