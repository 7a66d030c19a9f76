// SPDX-License-Identifier: Apache-2.0
/*
 * As usual: the hypervisor with dom0's kernel and ramdisk, which the boot loader's ramdisk has in /host, started as
 * a boot loader does (Xen's docs/misc/arm/device-tree/booting.txt).
 */
#include "tools/keeper/keeper.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/keeper/kexec.h"
#include "tools/keeper/machine.h"

#define MIB       (UINT64_C(1) << 20)
#define TREE_ROOM 65536u

struct host {
    void *hypervisor, *kernel, *ramdisk, *tree;
    char *arguments, *dom0_arguments;
    size_t hypervisor_size, kernel_size, ramdisk_size;
};

/* A line of a file; nothing, if there is no such file. */
static char *line_read(const char *path)
{
    size_t size;
    char *line = file_read(path, &size);

    if (line)
        line[strcspn(line, "\n")] = 0;
    return line ? line : strdup("");
}

static bool host_read(struct host *h)
{
    h->hypervisor = file_read("/host/hypervisor", &h->hypervisor_size);
    h->kernel = file_read("/host/kernel", &h->kernel_size);
    h->ramdisk = file_read("/host/ramdisk", &h->ramdisk_size);
    h->arguments = line_read("/host/arguments");
    h->dom0_arguments = line_read("/host/dom0-arguments");
    h->tree = machine_tree(TREE_ROOM);
    return h->hypervisor && h->kernel && h->arguments && h->dom0_arguments && h->tree;
}

static void host_free(struct host *h)
{
    free(h->hypervisor);
    free(h->kernel);
    free(h->ramdisk);
    free(h->arguments);
    free(h->dom0_arguments);
    free(h->tree);
}

/* The first memory of the machine; only there a loader has put anything, and 2 GiB are enough for all of this. */
static bool memory_start(const void *tree, uint64_t *start)
{
    int node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", sizeof("memory")), size;
    const fdt64_t *reg = node < 0 ? NULL : fdt_getprop(tree, node, "reg", &size);

    if (!reg || size < 16 || fdt_address_cells(tree, 0) != 2)
        return false;
    memcpy(start, reg, sizeof(*start));
    *start = fdt64_to_cpu(*start);
    return true;
}

static int module_add(void *tree, int chosen, const char *kind, uint64_t at, uint64_t size, const char *arguments)
{
    static const char module[] = "multiboot,module";
    fdt64_t reg[2] = { cpu_to_fdt64(at), cpu_to_fdt64(size) };
    char name[32], compatible[64];
    size_t length;
    int node, error;

    snprintf(name, sizeof(name), "module@%llx", (unsigned long long)at);
    node = fdt_add_subnode(tree, chosen, name);
    if (node < 0)
        return node;
    length = (size_t)snprintf(compatible, sizeof(compatible), "multiboot,%s", kind) + 1;
    memcpy(compatible + length, module, sizeof(module));
    error = fdt_setprop(tree, node, "compatible", compatible, (int)(length + sizeof(module)));
    error = error ? error : fdt_setprop(tree, node, "reg", reg, sizeof(reg));
    return error || !arguments ? error : fdt_setprop_string(tree, node, "bootargs", arguments);
}

static int tree_prepare(struct host *h, uint64_t kernel_at, uint64_t ramdisk_at)
{
    int chosen = fdt_path_offset(h->tree, "/chosen"), error = chosen < 0 ? chosen : 0;
    uint64_t seed = 0;

    if (error)
        return error;
    (void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
    (void)fdt_delprop(h->tree, chosen, "linux,initrd-start");
    (void)fdt_delprop(h->tree, chosen, "linux,initrd-end");
    error = fdt_setprop_string(h->tree, chosen, "bootargs", h->arguments);
    error = error ? error : fdt_setprop_u64(h->tree, chosen, "kaslr-seed", seed);
    error = error ? error : fdt_setprop_u32(h->tree, chosen, "#address-cells", 2);
    error = error ? error : fdt_setprop_u32(h->tree, chosen, "#size-cells", 2);
    if (!error && h->ramdisk)
        error = module_add(h->tree, chosen, "ramdisk", ramdisk_at, h->ramdisk_size, NULL);
    error = error ? error : module_add(h->tree, chosen, "kernel", kernel_at, h->kernel_size, h->dom0_arguments);
    return error ? error : fdt_pack(h->tree);
}

static int host_start(struct host *h, uint64_t memory)
{
    uint64_t hypervisor_at = memory + 2 * MIB, tree_at = memory + 16 * MIB, bridge_at = memory + 20 * MIB;
    uint64_t kernel_at = memory + 192 * MIB;
    uint64_t ramdisk_at = kernel_at + (h->kernel_size + 2 * MIB) / (2 * MIB) * (2 * MIB);
    struct kexec_part parts[4] = {
        { h->hypervisor, h->hypervisor_size, hypervisor_at, kexec_image_room(h->hypervisor, h->hypervisor_size) },
        { h->kernel, h->kernel_size, kernel_at, 0 },
    };
    unsigned count = 2;
    int error = tree_prepare(h, kernel_at, ramdisk_at);

    if (error)
        return -EBADMSG;
    parts[count++] = (struct kexec_part){ h->tree, fdt_totalsize(h->tree), tree_at, 0 };
    if (h->ramdisk)
        parts[count++] = (struct kexec_part){ h->ramdisk, h->ramdisk_size, ramdisk_at, 0 };
    return kexec_boot(parts, count, hypervisor_at, tree_at, bridge_at);
}

void keeper_boot(void)
{
    struct host h = { 0 };
    uint64_t memory;

    if (!host_read(&h) || !memory_start(h.tree, &memory) || !kexec_image_room(h.hypervisor, h.hypervisor_size))
        say("this ramdisk has no /host/hypervisor and /host/kernel that could be booted");
    else
        say("the host cannot be booted: %s", strerror(-host_start(&h, memory)));
    host_free(&h);
}
