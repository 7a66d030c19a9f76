// SPDX-License-Identifier: Apache-2.0
/* The device tree, read once. Bindings: Documentation/devicetree/bindings of Linux (arm,gic, arm,gic-v3, xen, psci). */
#include "dormouse/platform.h"
#include "lib/string.h"
#include <libfdt.h>

struct platform platform;

enum { SPI_BASE = 32, PPI_BASE = 16, INTERRUPT_CELLS = 3 };

/* The nth (address, size) pair of a node's reg; trees for domains have two cells for each. */
static bool reg_get(int node, int n, uint64_t *address, uint64_t *size)
{
    int len;
    const fdt64_t *reg = node < 0 ? NULL : fdt_getprop(platform.fdt, node, "reg", &len);

    if (!reg || len < (n + 1) * 16)
        return false;
    *address = fdt64_to_cpu(reg[n * 2]);
    *size = fdt64_to_cpu(reg[n * 2 + 1]);
    return true;
}

static unsigned interrupt_get(int node, int n)
{
    int len;
    const fdt32_t *cell = node < 0 ? NULL : fdt_getprop(platform.fdt, node, "interrupts", &len);

    if (!cell || len < (n + 1) * INTERRUPT_CELLS * 4)
        return 0;
    cell += n * INTERRUPT_CELLS;
    return fdt32_to_cpu(cell[1]) + (fdt32_to_cpu(cell[0]) ? PPI_BASE : SPI_BASE);
}

static int find(const char *compatible)
{
    return fdt_node_offset_by_compatible(platform.fdt, -1, compatible);
}

static void gic_read(void)
{
    uint64_t size;
    int node = find("arm,gic-v3");

    if (node >= 0) {
        platform.gic_version = 3;
        reg_get(node, 1, &platform.gicr, &platform.gicr_size);
    } else {
        node = find("arm,gic-400");
        if (node < 0)
            node = find("arm,cortex-a15-gic");
        platform.gic_version = 2;
        reg_get(node, 1, &platform.gicc, &size);
    }
    reg_get(node, 0, &platform.gicd, &size);
}

static void cpus_count(void)
{
    int node, cpus = fdt_path_offset(platform.fdt, "/cpus");

    fdt_for_each_subnode(node, platform.fdt, cpus)
        if (fdt_getprop(platform.fdt, node, "reg", NULL))
            platform.cpus++;
}

bool platform_init(const void *fdt)
{
    const char *s;
    uint64_t size;
    int node, len;

    if (fdt_check_header(fdt))
        return false;
    platform.fdt = fdt;
    gic_read();
    cpus_count();

    node = find("arm,armv8-timer");     /* secure, non-secure physical, virtual */
    platform.timer_physical = interrupt_get(node, 1);
    platform.timer_virtual = interrupt_get(node, 2);

    reg_get(find("arm,pl011"), 0, &platform.uart, &size);

    node = find("xen,xen");
    platform.xen = node >= 0;
    platform.evtchn_intid = interrupt_get(node, 0);
    reg_get(node, 0, &platform.grant_base, &platform.grant_size);

    node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", sizeof("memory"));
    reg_get(node, 0, &platform.ram_base, &platform.ram_size);

    node = find("arm,psci");
    if (node < 0)
        node = find("arm,psci-0.2");
    platform.psci_method = node < 0 ? NULL : fdt_getprop(fdt, node, "method", NULL);

    s = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", &len);
    if (s && len > 0)
        memcpy(platform.bootargs, s, min_u64((uint64_t)len, sizeof(platform.bootargs) - 1));
    return true;
}

/* The text after NAME in the boot arguments where NAME stands as a word of its own, or NULL. */
static const char *word_find(const char *name)
{
    size_t n = strlen(name);

    for (const char *p = platform.bootargs; (p = strstr(p, name)); p += n)
        if ((p == platform.bootargs || p[-1] == ' ') && (p[n] == '=' || p[n] == ' ' || !p[n]))
            return p + n;
    return NULL;
}

uint64_t platform_option(const char *name, uint64_t otherwise)
{
    const char *p = word_find(name);

    return p && *p == '=' ? strtoul(p + 1, NULL, 0) : otherwise;
}

bool platform_flag(const char *name)
{
    return word_find(name) != NULL;
}
