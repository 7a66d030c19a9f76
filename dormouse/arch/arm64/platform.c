// SPDX-License-Identifier: Apache-2.0
/* The device tree, read once. Bindings: Documentation/devicetree/bindings of Linux (arm,gic, arm,gic-v3, xen, psci). */
#include "dormouse/arch/arm64/platform.h"
#include "lib/devicetree.h"
#include "lib/string.h"

struct platform platform;

enum { TIMER_PHYSICAL = 1, TIMER_VIRTUAL = 2 };   /* of arm,armv8-timer's interrupts; 0 is the secure world's */

static const struct dt *tree;

static void reg_get(const struct dt_node *n, unsigned i, uint64_t *address, uint64_t *size)
{
    uint64_t unused;

    if (dt_reg(n, i, address, size ? size : &unused))
        *address = 0;
}

static unsigned interrupt_get(const struct dt_node *n, unsigned i)
{
    struct dt_irq irq;

    return dt_irq(tree, n, i, &irq) ? 0 : irq.intid;
}

static void gic_read(const struct dt_node *n)
{
    platform.gic_version = dt_gic_version(n);
    reg_get(n, 0, &platform.gicd, NULL);
    if (platform.gic_version == 3)
        reg_get(n, 1, &platform.gicr, &platform.gicr_size);
    else
        reg_get(n, 1, &platform.gicc, NULL);
}

/* Of one cell or two. */
static uint64_t address_get(const struct dt_node *n, const char *name)
{
    struct dt_value v = dt_property(tree, n, name);
    uint32_t first, second;

    if (!dt_cell(&v, 0, &first))
        return 0;
    return dt_cell(&v, 1, &second) ? (uint64_t)first << 32 | second : first;
}

static void chosen_read(const struct dt_node *n)
{
    const char *text = dt_text(tree, n, "bootargs");

    if (text)
        memcpy(platform.bootargs, text, strnlen(text, sizeof(platform.bootargs) - 1));
    platform.ramdisk = (const void *)address_get(n, "linux,initrd-start");
    platform.ramdisk_size = address_get(n, "linux,initrd-end") - (uintptr_t)platform.ramdisk;
}

static void node_read(const struct dt_node *n)
{
    if (n->parent && !strcmp(n->parent->name, "cpus") && n->props[DT_REG].data) {
        platform.cpus++;
    } else if (dt_gic_version(n) && !platform.gic_version) {
        gic_read(n);
    } else if (dt_is_compatible(n, "arm,armv8-timer")) {
        platform.timer_physical = interrupt_get(n, TIMER_PHYSICAL);
        platform.timer_virtual = interrupt_get(n, TIMER_VIRTUAL);
    } else if (dt_is_compatible(n, "arm,pl011") && !platform.uart) {
        reg_get(n, 0, &platform.uart, NULL);
    } else if (dt_is_compatible(n, "xen,xen")) {
        platform.xen = true;
        platform.evtchn_intid = interrupt_get(n, 0);
        reg_get(n, 0, &platform.grant_base, &platform.grant_size);
        reg_get(n, 1, &platform.foreign_base, &platform.foreign_size);
    } else if (dt_value_is(&n->props[DT_DEVICE_TYPE], "memory") && !platform.ram_size) {
        reg_get(n, 0, &platform.ram_base, &platform.ram_size);
    } else if (dt_is_compatible(n, "arm,psci") || dt_is_compatible(n, "arm,psci-0.2")) {
        platform.psci_method = dt_text(tree, n, "method");
    } else if (n->depth == 1 && !strcmp(n->name, "chosen")) {
        chosen_read(n);
    }
}

bool platform_init(const void *fdt)
{
    static struct dt_walk walk;   /* large for a stack */
    static struct dt dt;
    const struct dt_node *n;

    if (dt_open(&dt, fdt))
        return false;
    platform.fdt = fdt;
    tree = &dt;
    dt_walk_start(&walk, &dt);
    while ((n = dt_walk_next(&walk)))
        node_read(n);
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
