// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree, read in one walk: each kind of node has one reader, found by the table below.
 *
 * Nothing here knows a board. A fault in the tree is told in one line with the node's name; it is an error only in a
 * node that the machine cannot be run without.
 */
#include "boot/bootinfo.h"

#include <libfdt.h>

#include "arch/psci.h"
#include "arch/sysreg.h"
#include "base/printk.h"
#include "boot/modules.h"
#include "lib/devicetree.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PA_LIMIT           BIT(48)

static const char *const psci_names[] = { "arm,psci-1.0", "arm,psci-0.2", "arm,psci", NULL };
static const char *const module_names[] = { MODULE_COMPATIBLE, MODULE_COMPATIBLE_XEN, NULL };
static const char *const kernel_names[] = { "multiboot,kernel", "xen,linux-zimage", NULL };
static const char *const ramdisk_names[] = { "multiboot,ramdisk", "xen,linux-initrd", NULL };
static const char *const timer_names[] = { "arm,armv8-timer", "arm,armv7-timer", NULL };

/* State that is needed only while the tree is read. */
struct reader {
    struct dt dt;
    struct dt_walk walk;
    struct bootinfo *b;
    struct boot_ranges no_map;
    unsigned unspecific_modules;
    const char *kernel_bootargs;
    const char *bootargs, *xen_bootargs, *dom0_bootargs;   /* of /chosen */
    int err;
};

static int range_list_full(const char *what)
{
    printk("torpor: more than %u separate %s ranges in the device tree: merge them", BOOT_RANGES, what);
    return -ENOSPC;
}

static bool is_below(const struct dt_node *n, const char *top)
{
    while (n->depth > 1)
        n = n->parent;
    return n->depth == 1 && !strcmp(n->name, top);
}

static bool node_is_memory(const struct dt_node *n)
{
    return n->depth == 1 && dt_value_is(&n->props[DT_DEVICE_TYPE], "memory");
}

static int read_memory(struct reader *r, const struct dt_node *n)
{
    uint64_t start, size;
    int err;

    for (unsigned i = 0; !(err = dt_reg(n, i, &start, &size)); i++) {
        uint64_t first = align_up(start, PAGE_SIZE), end = align_down(start + size, PAGE_SIZE);

        if (start + size > PA_LIMIT) {
            printk("torpor: %s: RAM at 0x%llx is beyond 48 address bits and not used", n->name,
                   (unsigned long long)start);
            continue;
        }
        if (first < end && boot_ranges_add(&r->b->ram, first, end - first))
            return range_list_full("RAM");
    }
    if (err != -ENOENT)
        printk("torpor: %s: its reg does not make sense (%d); the rest of it is not used", n->name, err);
    return 0;
}

static bool node_is_reserved(const struct dt_node *n)
{
    return n->depth == 2 && is_below(n, "reserved-memory") && n->props[DT_REG].data;
}

static int read_reserved(struct reader *r, const struct dt_node *n)
{
    bool no_map = dt_property(&r->dt, n, "no-map").data;
    uint64_t start, size;

    for (unsigned i = 0; !dt_reg(n, i, &start, &size); i++) {
        uint64_t first = align_down(start, PAGE_SIZE), length = align_up(start + size, PAGE_SIZE) - first;

        if (start + size > PA_LIMIT)
            continue;
        if (bootinfo_reserve(r->b, start, size) || (no_map && boot_ranges_add(&r->no_map, first, length)))
            return range_list_full("reserved");
    }
    return 0;
}

static bool node_is_cpu(const struct dt_node *n)
{
    return n->depth == 2 && is_below(n, "cpus") && dt_value_is(&n->props[DT_DEVICE_TYPE], "cpu");
}

static int read_cpu(struct reader *r, const struct dt_node *n)
{
    struct bootinfo *b = r->b;
    struct dt_value method = dt_property(&r->dt, n, "enable-method");
    uint64_t mpidr, size;

    if (dt_reg_raw(n, 0, &mpidr, &size) || mpidr & ~MPIDR_AFFINITY) {
        printk("torpor: %s has no valid reg (its MPIDR) and is not used", n->name);
        return 0;
    }
    for (unsigned i = 0; i < b->cpu_count; i++)
        if (b->cpus[i].mpidr == mpidr) {
            printk("torpor: %s has the MPIDR of another CPU and is not used", n->name);
            return 0;
        }
    if (method.data && !dt_value_is(&method, "psci")) {
        printk("torpor: %s starts by another enable-method than psci and is not used", n->name);
        return 0;
    }
    if (b->cpu_count == MAX_CPUS) {
        printk("torpor: %s is beyond the %u CPUs that are supported and not used", n->name, MAX_CPUS);
        return 0;
    }
    b->cpus[b->cpu_count++].mpidr = mpidr;
    return 0;
}

static bool node_is_psci(const struct dt_node *n)
{
    return dt_is_compatible_any(n, psci_names);
}

static int read_psci(struct reader *r, const struct dt_node *n)
{
    struct boot_psci *psci = &r->b->psci;
    struct dt_value method = dt_property(&r->dt, n, "method"), cpu_on = dt_property(&r->dt, n, "cpu_on");

    if (!dt_value_is(&method, "hvc") && !dt_value_is(&method, "smc")) {
        printk("torpor: %s: its method is neither smc nor hvc; PSCI is not used and only one CPU runs", n->name);
        return 0;
    }
    psci->hvc = dt_value_is(&method, "hvc");
    psci->is_0_1 = !dt_is_compatible(n, "arm,psci-1.0") && !dt_is_compatible(n, "arm,psci-0.2");
    psci->cpu_on = PSCI_CPU_ON_64;
    if (psci->is_0_1 && !dt_cell(&cpu_on, 0, &psci->cpu_on)) {
        printk("torpor: %s: PSCI 0.1 without cpu_on; only one CPU runs", n->name);
        return 0;
    }
    psci->present = true;
    return 0;
}

static bool node_is_timer(const struct dt_node *n)
{
    return dt_is_compatible_any(n, timer_names);
}

/* bindings/timer/arm,arch_timer.yaml: secure physical, physical, virtual, hypervisor. */
static int read_timer(struct reader *r, const struct dt_node *n)
{
    struct boot_timer *t = &r->b->timer;
    unsigned *const intids[] = { &t->secure_phys, &t->phys, &t->virt, &t->hyp };
    struct dt_value frequency = dt_property(&r->dt, n, "clock-frequency");
    uint32_t hz;

    for (unsigned i = 0; i < ARRAY_SIZE(intids); i++) {
        struct dt_irq irq;

        if (!dt_irq(&r->dt, n, i, &irq))
            *intids[i] = irq.intid;
    }
    if (dt_cell(&frequency, 0, &hz))
        t->frequency = hz;
    return 0;
}

static bool node_is_chosen(const struct dt_node *n)
{
    return n->depth == 1 && !strcmp(n->name, "chosen");
}

/* All of it counts, however long the boot loader made it. */
static uint64_t seed_of(const struct dt *dt, const struct dt_node *n, const char *name)
{
    struct dt_value v = dt_property(dt, n, name);
    uint64_t seed = 0;
    uint32_t cell;

    for (unsigned i = 0; dt_cell(&v, i, &cell); i++)
        seed = (seed << 25 | seed >> 39) ^ cell;
    return seed;
}

static int read_chosen(struct reader *r, const struct dt_node *n)
{
    r->b->seed = seed_of(&r->dt, n, "kaslr-seed") ^ seed_of(&r->dt, n, "rng-seed");
    r->bootargs = dt_text(&r->dt, n, "bootargs");
    r->xen_bootargs = dt_text(&r->dt, n, "xen,xen-bootargs");
    r->dom0_bootargs = dt_text(&r->dt, n, "xen,dom0-bootargs");
    return 0;
}

/* Xen's docs/misc/arm/device-tree/booting.txt: a module below /chosen that is not another domain's. */
static bool node_is_module(const struct dt_node *n)
{
    return n->depth > 1 && is_below(n, "chosen") && dt_is_compatible_any(n, module_names) &&
           !dt_is_compatible(n->parent, DOMAIN_COMPATIBLE);
}

/* Where a module goes. One without a kind of its own: the first is the kernel, the second the ramdisk. */
static struct boot_range *module_slot(struct reader *r, const struct dt_node *n)
{
    if (dt_is_compatible_any(n, kernel_names))
        return &r->b->kernel;
    if (dt_is_compatible_any(n, ramdisk_names))
        return &r->b->ramdisk;
    if (dt_is_compatible(n, "xen,xsm-policy") || dt_is_compatible(n, "multiboot,device-tree"))
        return NULL;
    switch (r->unspecific_modules++) {
    case 0: return &r->b->kernel;
    case 1: return &r->b->ramdisk;
    default: return NULL;
    }
}

static int read_module(struct reader *r, const struct dt_node *n)
{
    struct boot_range *slot = module_slot(r, n);
    uint64_t start, size;

    if (!slot) {
        printk("torpor: boot module %s is neither a kernel nor a ramdisk and not used", n->name);
        return 0;
    }
    if (slot->size) {
        printk("torpor: boot module %s is a second one of its kind and not used", n->name);
        return 0;
    }
    if (dt_reg_raw(n, 0, &start, &size) || !size || start + size > PA_LIMIT) {
        printk("torpor: boot module %s has no valid reg: give its address and length in the cells of its parent",
               n->name);
        return -EINVAL;
    }
    *slot = (struct boot_range){ start, size };
    if (slot == &r->b->kernel)
        r->kernel_bootargs = dt_text(&r->dt, n, "bootargs");
    return bootinfo_reserve(r->b, start, size) ? range_list_full("reserved") : 0;
}

/*
 * One reader for each kind of node; a node that is disabled is none of these, CPUs aside ("disabled": off until
 * started).
 */
static const struct {
    bool (*is)(const struct dt_node *n);
    int (*read)(struct reader *r, const struct dt_node *n);
    bool even_disabled;
} readers[] = {
    { node_is_memory, read_memory, false },
    { node_is_reserved, read_reserved, true },
    { node_is_cpu, read_cpu, true },
    { node_is_psci, read_psci, false },
    { node_is_timer, read_timer, false },
    { node_is_chosen, read_chosen, false },
    { node_is_module, read_module, false },
};

static int read_node(struct reader *r, const struct dt_node *n)
{
    for (unsigned i = 0; i < ARRAY_SIZE(readers); i++)
        if ((n->enabled || readers[i].even_disabled) && readers[i].is(n))
            return readers[i].read(r, n);
    return 0;
}

/* A CPU whose status is "fail" is broken for good (Devicetree Specification 2.3.4). */
static bool node_failed(const struct dt_node *n)
{
    const struct dt_value *status = &n->props[DT_STATUS];

    return status->data && status->size >= 4 && !memcmp(status->data, "fail", 4);
}

static int read_tree(struct reader *r)
{
    const struct dt_node *n;

    dt_walk_start(&r->walk, &r->dt);
    while ((n = dt_walk_next(&r->walk))) {
        int err = node_failed(n) ? 0 : read_node(r, n);

        if (err)
            return err;
    }
    return 0;
}

static int read_memory_reservations(struct reader *r)
{
    int count = fdt_num_mem_rsv(r->dt.fdt);

    for (int i = 0; i < count; i++) {
        uint64_t start, size;

        if (fdt_get_mem_rsv(r->dt.fdt, i, &start, &size) || start + size < start || start + size > PA_LIMIT)
            continue;
        if (bootinfo_reserve(r->b, start, size))
            return range_list_full("reserved");
    }
    return 0;
}

/* booting.txt, "Command lines". */
static void choose_command_lines(struct reader *r)
{
    bool bootargs_are_xens = !r->xen_bootargs && (r->dom0_bootargs || r->kernel_bootargs);
    const char *xen = r->xen_bootargs ? r->xen_bootargs : bootargs_are_xens ? r->bootargs : NULL;
    const char *dom0 = r->kernel_bootargs ? r->kernel_bootargs : r->dom0_bootargs;

    if (!dom0 && !bootargs_are_xens)
        dom0 = r->bootargs;
    r->b->cmdline = xen ? xen : "";
    r->b->dom0_cmdline = dom0 ? dom0 : "";
}

static bool module_in_ram(const struct bootinfo *b, const struct boot_range *m, const char *what)
{
    if (!m->size || boot_ranges_contain(&b->ram, m->start, m->size))
        return true;
    printk(
        "torpor: the %s module (0x%llx, %llu bytes) is not in RAM: load it elsewhere, or give the machine more memory",
        what, (unsigned long long)m->start, (unsigned long long)m->size);
    return false;
}

static int check_modules(const struct bootinfo *b)
{
    if (!b->kernel.size) {
        printk("torpor: no dom0 kernel: give one as a multiboot,kernel module (QEMU: -device "
               "guest-loader,addr=...,kernel=FILE)");
        return -ENOENT;
    }
    if (!module_in_ram(b, &b->kernel, "kernel") || !module_in_ram(b, &b->ramdisk, "ramdisk"))
        return -EINVAL;
    if (b->ramdisk.size && b->kernel.start < b->ramdisk.start + b->ramdisk.size &&
        b->ramdisk.start < b->kernel.start + b->kernel.size) {
        printk("torpor: the kernel and the ramdisk module overlap: load one of them elsewhere");
        return -EINVAL;
    }
    return 0;
}

static int check_machine(const struct bootinfo *b, const struct dt *dt)
{
    if (!b->ram.count) {
        printk("torpor: the device tree has no usable memory node: the boot loader has to describe the RAM");
        return -ENODEV;
    }
    if (!b->cpu_count) {
        printk("torpor: the device tree has no usable CPU: nodes below /cpus need device_type, reg and enable-method "
               "\"psci\"");
        return -ENODEV;
    }
    if (!dt->gic_phandle) {
        printk("torpor: the device tree has no interrupt controller that can be used: a GICv2 or GICv3 node with a "
               "phandle is wanted");
        return -ENODEV;
    }
    if (!b->timer.virt || !b->timer.phys || !b->timer.hyp) {
        printk("torpor: the device tree has no timer node with physical, virtual and hypervisor interrupts "
               "(arm,armv8-timer)");
        return -ENODEV;
    }
    if (!b->psci.present && b->cpu_count > 1)
        printk("torpor: no PSCI in the device tree: only one CPU runs");
    return 0;
}

/* Copies the part of `name` before ':' and makes a path of an alias. */
static int resolve_path(const void *fdt, const char *name, char *path, size_t size)
{
    const char *colon = strchr(name, ':'), *target;
    size_t n = colon ? (size_t)(colon - name) : strlen(name);
    int len;

    if (!n)
        return -ENOENT;
    if (name[0] != '/') {
        target = fdt_get_alias_namelen(fdt, name, (int)n);
        len = target ? (int)strlen(target) : 0;
        name = target;
        n = (size_t)len;
    }
    if (!name || name[0] != '/' || n >= size)
        return -ENOENT;
    memcpy(path, name, n);
    path[n] = 0;
    return 0;
}

/* bindings/serial/8250.yaml: bytes, next to each other, unless it is said otherwise; other UARTs have none of that. */
static int read_uart_place(const struct dt *dt, const struct dt_node *n, struct uart_place *at)
{
    struct dt_value shift = dt_property(dt, n, "reg-shift"), width = dt_property(dt, n, "reg-io-width"),
                    offset = dt_property(dt, n, "reg-offset");
    uint32_t cell;

    if (dt_reg(n, 0, &at->base, &at->size))
        return -EINVAL;
    at->shift = dt_cell(&shift, 0, &cell) ? cell : 0;
    at->width = dt_cell(&width, 0, &cell) ? cell : 1;
    if (dt_cell(&offset, 0, &cell) && cell < at->size) {
        at->base += cell;
        at->size -= cell;
    }
    return 0;
}

static int read_uart(struct dt_walk *w, const struct dt *dt, const char *name, struct boot_uart *u)
{
    struct boot_uart found = { 0 };
    const struct dt_node *n;
    struct dt_irq irq;
    int offset;

    if (resolve_path(dt->fdt, name, found.path, sizeof(found.path)))
        return -ENOENT;
    offset = fdt_path_offset(dt->fdt, found.path);
    n = offset < 0 ? NULL : dt_walk_to(w, dt, offset);
    if (!n)
        return -ENOENT;
    found.driver = uart_of_node(n);
    if (!found.driver)
        return -ENOENT;
    if (read_uart_place(dt, n, &found.place))
        return -EINVAL;
    if (!dt_irq(dt, n, 0, &irq))
        found.irq = irq.intid;
    *u = found;
    return 0;
}

/* The console is wherever stdout-path says; without one the machine runs, silently but for `xl dmesg`. */
static void find_uart(struct reader *r)
{
    int offset = fdt_path_offset(r->dt.fdt, "/chosen"), size;
    const char *name = NULL;

    if (offset >= 0)
        name = fdt_getprop(r->dt.fdt, offset, "stdout-path", &size);
    if (!name || size <= 0 || name[size - 1])
        return;
    if (read_uart(&r->walk, &r->dt, name, &r->b->uart))
        printk("torpor: stdout-path \"%s\" is no UART that is known: no console but xl dmesg (or earlycon=)", name);
}

static int read_everything(struct reader *r)
{
    struct bootinfo *b = r->b;
    int err;

    find_uart(r);
    err = read_tree(r);
    if (!err)
        err = read_memory_reservations(r);
    if (err)
        return err;
    choose_command_lines(r);
    for (unsigned i = 0; i < r->no_map.count; i++) {
        struct boot_range no_map = boot_ranges_at(&r->no_map, i);

        if (boot_ranges_remove(&b->ram, no_map.start, no_map.size))
            return range_list_full("RAM");
    }
    err = check_machine(b, &r->dt);
    return err ? err : check_modules(b);
}

int bootinfo_parse(const void *fdt, struct bootinfo *b)
{
    static struct reader reader;   /* boot only, and too large for the stack */
    const char *why;

    memset(b, 0, sizeof(*b));
    b->cmdline = b->dom0_cmdline = "";
    memset(&reader, 0, sizeof(reader));
    reader.b = b;
    why = dt_open(&reader.dt, fdt);
    if (why) {
        printk("torpor: the device tree is damaged or missing (%s): pass an intact one of at most 2 MiB in x0", why);
        return -EINVAL;
    }
    b->fdt_size = fdt_totalsize(fdt);
    return read_everything(&reader);
}

int bootinfo_reserve(struct bootinfo *b, uint64_t start, uint64_t size)
{
    uint64_t first = align_down(start, PAGE_SIZE);

    return boot_ranges_add(&b->reserved, first, align_up(start + size, PAGE_SIZE) - first);
}

void bootinfo_for_each_free(const struct bootinfo *b, void (*found)(void *context, uint64_t start, uint64_t size),
                            void *context)
{
    unsigned next = 0;

    for (unsigned i = 0; i < b->ram.count; i++) {
        struct boot_range ram = boot_ranges_at(&b->ram, i), taken;
        uint64_t at = ram.start, end = at + ram.size;

        while (next < b->reserved.count && b->reserved.room[next].last < at)
            next++;
        for (unsigned j = next; j < b->reserved.count && b->reserved.room[j].first < end; j++) {
            taken = boot_ranges_at(&b->reserved, j);
            if (taken.start > at)
                found(context, at, taken.start - at);
            at = taken.start + taken.size;
        }
        if (at < end)
            found(context, at, end - at);
    }
}

int bootinfo_select_uart(const void *fdt, struct bootinfo *b, const char *name)
{
    static struct dt_walk walk;
    struct dt dt;
    int err = dt_open(&dt, fdt) ? -EINVAL : read_uart(&walk, &dt, name, &b->uart);

    if (err)
        printk("torpor: dtuart=%s is no UART of the device tree that is known; stdout-path is used", name);
    return err ? -ENOENT : 0;
}
