// SPDX-License-Identifier: Apache-2.0
/*
 * One walk over the machine's tree that writes dom0's as it goes.
 *
 * Invariant: `open` nodes of dom0's tree are begun and not ended, and they are copies of the first `open` nodes on the
 * path to the walk's current node. Nodes that the hypervisor stands in for (interrupt controller, timer, PSCI, CPUs,
 * memory) are left out on the way and written below the root at the end, in the root's cells. Names of properties are
 * not deduplicated: searching for them costs more than the few KiB they take.
 */
#include "boot/dom0/dom0_dt.h"

#include <libfdt.h>

#include "base/printk.h"
#include "boot/modules.h"
#include "dev/its.h"
#include "lib/devicetree.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAX_CELLS     1024
#define GIC_PPI       1u         /* first cell of a GIC interrupt specifier */
#define GIC_LEVEL_LOW 8u
#define GICV2_ALL_CPUS 0xff00u   /* arm,gic.yaml: PPI cpu mask in bits 15:8 */

struct cells {
    fdt32_t v[MAX_CELLS];
    unsigned n;
    bool overflow;               /* a number or the list did not fit */
};

struct builder {
    const struct dom0_dt_params *params;
    struct dt dt;
    struct dt_walk walk;
    void *out;
    unsigned open;
    int err;                     /* the first; -errno */
    uint32_t address_cells, size_cells;   /* the root's */
    int uart_offset, timer_offset;        /* host nodes; -1: none */
    struct dt_value cpu_compatible;       /* the last one met */
    bool chosen_written;
    struct boot_range pending;            /* device registers not yet told to the visitor */
    struct boot_ranges reserved;          /* reserved memory that dom0 sees as RAM */
    uint64_t irqs_seen[BITMAP_WORDS(1024)];
    unsigned pci_hosts;                   /* met so far */
    bool needs_messages;                  /* one of them has the GIC's ITS */
    struct cells cells;
};

/* Nodes that dom0 does not get to see: those that belong to the hypervisor, and those that only work without one. */
static const char *const hidden_names[] = {
    "arm,psci", "arm,psci-0.2", "arm,psci-1.0",
    "arm,armv8-pmuv3", "arm,gic-v3-its", "arm,gic-v2m-frame",
    "arm,smmu-v1", "arm,smmu-v2", "arm,smmu-v3", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500",
    "xen,xen", DOMAIN_COMPATIBLE, MODULE_COMPATIBLE, MODULE_COMPATIBLE_XEN, NULL
};
static const char *const timer_names[] = { "arm,armv8-timer", "arm,armv7-timer", NULL };

/*
 * Properties that lead to devices that dom0 does not have: I/O address translation; and, but for a GICv2m, an ITS: in
 * its place a PCI host bridge gets the GICv3 itself (put_message_parent).
 */
static const char *const hidden_properties[] = { "iommus", "iommu-map", "iommu-map-mask", NULL };
static const char *const message_properties[] = { "msi-map", "msi-map-mask", "msi-parent", NULL };
static const char *const hidden_chosen_properties[] = {
    "bootargs", "xen,xen-bootargs", "xen,dom0-bootargs", "linux,initrd-start", "linux,initrd-end",
    "linux,usable-memory-range", "linux,elfcorehdr", "linux,uefi-system-table", "linux,uefi-mmap-start",
    "linux,uefi-mmap-size", "linux,uefi-mmap-desc-size", "linux,uefi-mmap-desc-ver", "linux,uefi-secure-boot", NULL
};
static const char *const replaced_timer_properties[] = {
    "interrupts", "interrupts-extended", "interrupt-names", "interrupt-parent", NULL
};

static void fail(struct builder *b, int err)
{
    if (err && !b->err)
        b->err = err;
}

/* Takes a libfdt result. */
static void put(struct builder *b, int fdt_err)
{
    if (fdt_err < 0)
        fail(b, fdt_err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL);
}

static bool name_in(const char *name, const char *const *list)
{
    while (*list)
        if (!strcmp(name, *list++))
            return true;
    return false;
}

/* --- Writing properties --- */

static void cell_add(struct builder *b, uint32_t value)
{
    if (b->cells.n < MAX_CELLS)
        b->cells.v[b->cells.n++] = cpu_to_fdt32(value);
    else
        b->cells.overflow = true;
}

static void number_add(struct builder *b, uint64_t value, unsigned cells)
{
    if (cells == 2)
        cell_add(b, (uint32_t)(value >> 32));
    else if (value >> 32)
        b->cells.overflow = true;
    cell_add(b, (uint32_t)value);
}

static void range_add(struct builder *b, uint64_t start, uint64_t size)
{
    number_add(b, start, b->address_cells);
    number_add(b, size, b->size_cells);
}

/* An interrupt of the GIC: private, level. */
static void ppi_add(struct builder *b, unsigned intid)
{
    cell_add(b, GIC_PPI);
    cell_add(b, intid - 16);
    cell_add(b, GIC_LEVEL_LOW | (b->params->gic->version == 2 ? GICV2_ALL_CPUS : 0));
    if (b->dt.gic_interrupt_cells == 4)
        cell_add(b, 0);
}

/* Writes the collected cells as property `name`. */
static void put_cells(struct builder *b, const char *name)
{
    if (b->cells.overflow)
        fail(b, -ERANGE);
    put(b, fdt_property(b->out, name, b->cells.v, (int)(b->cells.n * sizeof(b->cells.v[0]))));
    b->cells.n = 0;
}

static void put_u32(struct builder *b, const char *name, uint32_t value)
{
    put(b, fdt_property_u32(b->out, name, value));
}

static void put_text(struct builder *b, const char *name, const char *text)
{
    put(b, fdt_property_string(b->out, name, text));
}

static void put_interrupt_parent(struct builder *b)
{
    put_u32(b, "interrupt-parent", b->dt.gic_phandle);
}

static void begin(struct builder *b, const char *name)
{
    put(b, fdt_begin_node(b->out, name));
}

static void end(struct builder *b)
{
    put(b, fdt_end_node(b->out));
}

/* Its frames are the GIC's children, and are told in the root's cells. */
static bool has_messages(const struct builder *b)
{
    return b->params->gic->message_frame_count && b->dt.gic_has_address_cells &&
           b->dt.gic_address_cells == b->address_cells;
}

/* Copies the host node's properties but those in either list (NULL: no second list). */
static void copy_properties(struct builder *b, int offset, const char *const *without)
{
    int property, size;
    const char *name;

    fdt_for_each_property_offset(property, b->dt.fdt, offset) {
        const void *data = fdt_getprop_by_offset(b->dt.fdt, property, &name, &size);

        if (!data || name_in(name, hidden_properties) || (without && name_in(name, without)) ||
            (name_in(name, message_properties) && !has_messages(b)))
            continue;
        put(b, fdt_property(b->out, name, data, size));
    }
}

/* --- Resources that dom0 needs for its devices --- */

static void told(struct builder *b, int err, const char *what, uint64_t value)
{
    if (err == -ENOMEM)
        fail(b, err);
    else if (err)
        printk("torpor: %s 0x%llx of the device tree cannot be given to dom0 (%d): the device will not work there",
               what, (unsigned long long)value, err);
}

static void flush_mmio(struct builder *b)
{
    if (b->pending.size)
        told(b, b->params->visitor->map_mmio(b->params->context, b->pending.start, b->pending.size), "registers at",
             b->pending.start);
    b->pending.size = 0;
}

/* Neighbours share pages (virtio-mmio has eight devices in one): they are told as one range. */
static void visit_mmio(struct builder *b, uint64_t start, uint64_t size)
{
    uint64_t first = align_down(start, PAGE_SIZE), last = align_up(start + size, PAGE_SIZE);

    if (!size || last < first)
        return;
    if (b->pending.size && first >= b->pending.start && first <= b->pending.start + b->pending.size) {
        b->pending.size = max_u64(b->pending.size, last - b->pending.start);
        return;
    }
    flush_mmio(b);
    b->pending = (struct boot_range){ first, last - first };
}

static void visit_irq(struct builder *b, const struct dt_node *n, const struct dt_irq *irq)
{
    if (irq->intid < 32 || bitmap_test(b->irqs_seen, irq->intid))
        return;
    bitmap_set(b->irqs_seen, irq->intid);
    told(b, b->params->visitor->route_irq(b->params->context, irq->intid, irq->edge, n->name), "interrupt", irq->intid);
}

static void visit_irqs(struct builder *b, const struct dt_node *n)
{
    struct dt_irq irq;
    unsigned i, position = 0;
    int err;

    for (i = 0; (err = dt_irq(&b->dt, n, i, &irq)) != -ENOENT; i++)
        if (!err)
            visit_irq(b, n, &irq);
    while ((err = dt_interrupt_map_next(&b->dt, n, &position, &irq)) != -ENOENT)
        if (!err)
            visit_irq(b, n, &irq);
}

/* --- Message interrupts of PCI devices on a machine with an ITS --- */

#define MESSAGES_MIN 16u
#define MSI_MAP_CELLS 4u   /* RID, controller, device, length (bindings/pci/pci-msi.txt) */

static uint32_t cell_or(struct builder *b, const struct dt_node *n, const char *name, uint32_t fallback)
{
    struct dt_value v = dt_property(&b->dt, n, name);

    if (v.data)
        (void)dt_cell(&v, 0, &fallback);
    return fallback;
}

/* True if a function of this host bridge comes to the GIC's ITS. */
static bool visit_msi_map(struct builder *b, const struct dt_node *n, unsigned segment)
{
    struct dt_value map = dt_property(&b->dt, n, "msi-map");
    uint32_t line[MSI_MAP_CELLS], mask = cell_or(b, n, "msi-map-mask", 0xffff);
    const struct dom0_device_visitor *v = b->params->visitor;
    bool any = false;

    for (unsigned at = 0; map.data && dt_cell(&map, at + MSI_MAP_CELLS - 1, &line[3]); at += MSI_MAP_CELLS) {
        for (unsigned i = 0; i < MSI_MAP_CELLS - 1; i++)
            (void)dt_cell(&map, at + i, &line[i]);
        if (line[1] != b->params->gic->its.phandle)
            continue;
        told(b, v->map_functions(b->params->context, segment, line[0], mask, line[2], line[3]), "message interrupts of",
             line[0]);
        any = true;
    }
    return any;
}

/* Without a map, a function's number is its device's. */
static bool visit_msi_parent(struct builder *b, const struct dt_node *n, unsigned segment)
{
    if (cell_or(b, n, "msi-parent", 0) != b->params->gic->its.phandle)
        return false;
    told(b, b->params->visitor->map_functions(b->params->context, segment, 0, 0xffff, 0, 0x10000),
         "message interrupts of segment", segment);
    return true;
}

/*
 * Where a PCI host bridge's devices interrupt by the ITS, they do so by messages for the GICv3. Segments are numbered
 * as Linux does it (bindings/pci/pci.txt, linux,pci-domain).
 */
static void put_message_parent(struct builder *b, const struct dt_node *n)
{
    unsigned segment;

    if (!n->enabled || !dt_value_is(&n->props[DT_DEVICE_TYPE], "pci"))
        return;
    segment = cell_or(b, n, "linux,pci-domain", b->pci_hosts++);
    if (!b->params->gic->its.base || !b->params->gic->its.phandle ||
        !(visit_msi_map(b, n, segment) || visit_msi_parent(b, n, segment)))
        return;
    b->needs_messages = true;
    put_u32(b, "msi-parent", b->dt.gic_phandle);
}

/* The longest run of shared interrupts that no device has, at most `most` of them. Its length, or 0: there is none. */
static unsigned unused_irqs(const struct builder *b, unsigned most, unsigned *first)
{
    unsigned longest = 0;

    for (unsigned irq = 32, run = 0; irq < b->params->gic->nr_irqs; irq++) {
        run = bitmap_test(b->irqs_seen, irq) ? 0 : run + 1;
        if (run <= longest || longest == most)
            continue;
        longest = run;
        *first = irq + 1 - run;
    }
    return longest;
}

/* A GICv3 that takes messages: arm,gic-v3.yaml, mbi-ranges. What GICD_SETSPI_NSR is to it, is GITS_TRANSLATER to us. */
static void put_messages(struct builder *b)
{
    unsigned first, count = b->needs_messages ? unused_irqs(b, ITS_MAX_MESSAGES, &first) : 0;

    if (!b->needs_messages)
        return;
    if (count < MESSAGES_MIN) {
        printk("torpor: devices have nearly all of the %u interrupts: dom0's PCI devices have no message interrupts",
               b->params->gic->nr_irqs);
        return;
    }
    if (b->params->visitor->carry_messages(b->params->context, first, count))
        return;
    put(b, fdt_property(b->out, "msi-controller", "", 0));
    cell_add(b, first);
    cell_add(b, count);
    put_cells(b, "mbi-ranges");
    number_add(b, b->params->gic->its.base + ITS_TRANSLATION, b->address_cells);
    put_cells(b, "mbi-alias");
}

static void visit_device(struct builder *b, const struct dt_node *n)
{
    uint64_t start, size;

    for (unsigned i = 0; !dt_reg(n, i, &start, &size); i++)
        visit_mmio(b, start, size);
    if (dt_value_is(&n->props[DT_DEVICE_TYPE], "pci"))
        for (unsigned i = 0; !dt_pci_window(n, i, &start, &size); i++)
            visit_mmio(b, start, size);
    visit_irqs(b, n);
}

/* Linux finds reserved memory in its RAM, and keeps off it; a no-map range is not RAM to it. */
static void visit_reserved(struct builder *b, const struct dt_node *n)
{
    bool no_map = dt_property(&b->dt, n, "no-map").data;
    uint64_t start, size;

    for (unsigned i = 0; !dt_reg(n, i, &start, &size); i++) {
        uint64_t first = align_down(start, PAGE_SIZE), length = align_up(start + size, PAGE_SIZE) - first;

        if (!size || start + size > BIT(48))
            continue;
        told(b, b->params->visitor->map_memory(b->params->context, first, length), "reserved memory at", first);
        if (!no_map)
            fail(b, boot_ranges_add(&b->reserved, first, length));
    }
}

/* --- The nodes of the host's tree, by kind --- */

static const struct dt_node *top_of(const struct dt_node *n)
{
    while (n->depth > 1)
        n = n->parent;
    return n;
}

static bool is_top(const struct dt_node *n, const char *name)
{
    return n->depth == 1 && !strcmp(n->name, name);
}

static bool node_is_hidden(const struct builder *b, const struct dt_node *n)
{
    if (n->depth == 1 && (dt_value_is(&n->props[DT_DEVICE_TYPE], "memory") || !strcmp(n->name, "hypervisor") ||
                          !strcmp(n->name, "psci") || !strncmp(n->name, "pmu", 3)))
        return true;
    return n->offset == b->uart_offset || (dt_gic_version(n) && n->depth) || dt_is_compatible_any(n, hidden_names);
}

static void hide(struct builder *b, const struct dt_node *n)
{
    (void)n;
    dt_walk_skip_children(&b->walk);
}

/*
 * Marked for another domain (Xen's docs/misc/arm/passthrough.txt): dom0 may give it away, but does not see or use it.
 */
static bool node_is_passthrough(const struct builder *b, const struct dt_node *n)
{
    return n->depth && dt_property(&b->dt, n, "xen,passthrough").data;
}

static void set_aside(struct builder *b, const struct dt_node *n)
{
    const struct dom0_device_visitor *v = b->params->visitor;
    struct dt_irq irq;
    uint64_t start, size;
    int err;

    for (unsigned i = 0; !dt_reg(n, i, &start, &size); i++)
        if (size && start + size > start)
            told(b,
                 v->allow_mmio(b->params->context, align_down(start, PAGE_SIZE),
                               align_up(start + size, PAGE_SIZE) - align_down(start, PAGE_SIZE)),
                 "registers at", start);
    for (unsigned i = 0; (err = dt_irq(&b->dt, n, i, &irq)) != -ENOENT; i++)
        if (!err && irq.intid >= 32)
            told(b, v->allow_irq(b->params->context, irq.intid, irq.edge, n->name), "interrupt", irq.intid);
    dt_walk_skip_children(&b->walk);
}

static bool node_is_timer(const struct builder *b, const struct dt_node *n)
{
    (void)b;
    return dt_is_compatible_any(n, timer_names);
}

static void note_timer(struct builder *b, const struct dt_node *n)
{
    b->timer_offset = n->offset;
    dt_walk_skip_children(&b->walk);
}

static bool node_is_of_cpus(const struct builder *b, const struct dt_node *n)
{
    (void)b;
    return n->depth >= 1 && is_top(top_of(n), "cpus");
}

static void note_cpu(struct builder *b, const struct dt_node *n)
{
    if (n->depth == 2 && n->props[DT_COMPATIBLE].data && dt_value_is(&n->props[DT_DEVICE_TYPE], "cpu"))
        b->cpu_compatible = n->props[DT_COMPATIBLE];
}

/* True if the value names the hypervisor's UART: a path or an alias, options behind ':'. */
static bool names_uart(const struct builder *b, const void *data, int size)
{
    const char *text = data, *colon;

    if (b->uart_offset < 0 || size <= 1 || text[size - 1])
        return false;
    colon = strchr(text, ':');
    return fdt_path_offset_namelen(b->dt.fdt, text, colon ? (int)(colon - text) : (int)strlen(text)) == b->uart_offset;
}

static bool node_is_aliases(const struct builder *b, const struct dt_node *n)
{
    (void)b;
    return is_top(n, "aliases");
}

/* Copies those properties of /aliases and /chosen that do not name the UART. */
static void copy_names(struct builder *b, const struct dt_node *n, const char *const *without)
{
    int property, size;
    const char *name;

    fdt_for_each_property_offset(property, b->dt.fdt, n->offset) {
        const void *data = fdt_getprop_by_offset(b->dt.fdt, property, &name, &size);

        if (data && !(without && name_in(name, without)) && !names_uart(b, data, size))
            put(b, fdt_property(b->out, name, data, size));
    }
}

static void open_node(struct builder *b, const struct dt_node *n)
{
    begin(b, n->name);
    b->open = n->depth + 1;
}

static void copy_aliases(struct builder *b, const struct dt_node *n)
{
    open_node(b, n);
    copy_names(b, n, NULL);
}

static void put_boot_properties(struct builder *b)
{
    const struct boot_range *ramdisk = &b->params->ramdisk;

    put_text(b, "bootargs", b->params->bootargs);
    if (ramdisk->size) {
        put(b, fdt_property_u64(b->out, "linux,initrd-start", ramdisk->start));
        put(b, fdt_property_u64(b->out, "linux,initrd-end", ramdisk->start + ramdisk->size));
    }
    b->chosen_written = true;
}

static bool node_is_chosen(const struct builder *b, const struct dt_node *n)
{
    return is_top(n, "chosen") && !b->chosen_written;
}

static void copy_chosen(struct builder *b, const struct dt_node *n)
{
    open_node(b, n);
    copy_names(b, n, hidden_chosen_properties);
    put_boot_properties(b);
}

static bool node_is_any(const struct builder *b, const struct dt_node *n)
{
    (void)b;
    (void)n;
    return true;
}

static void copy_node(struct builder *b, const struct dt_node *n)
{
    open_node(b, n);
    copy_properties(b, n->offset, NULL);
    put_message_parent(b, n);
    if (!n->depth) {
        b->address_cells = n->address_cells;
        b->size_cells = n->size_cells;
        if (n->address_cells < 1 || n->address_cells > 2 || n->size_cells < 1 || n->size_cells > 2)
            fail(b, -EINVAL);
        return;
    }
    if (!n->enabled || is_top(top_of(n), "chosen"))
        return;
    if (is_top(top_of(n), "reserved-memory"))
        visit_reserved(b, n);
    else
        visit_device(b, n);
}

/* The first kind that a node is of decides over it. */
static const struct {
    bool (*is)(const struct builder *b, const struct dt_node *n);
    void (*handle)(struct builder *b, const struct dt_node *n);
} kinds[] = {
    { node_is_hidden, hide },
    { node_is_passthrough, set_aside },
    { node_is_timer, note_timer },
    { node_is_of_cpus, note_cpu },
    { node_is_aliases, copy_aliases },
    { node_is_chosen, copy_chosen },
    { node_is_any, copy_node },
};

static void close_nodes(struct builder *b, unsigned depth)
{
    for (; b->open > depth; b->open--)
        end(b);
}

static void copy_tree(struct builder *b)
{
    const struct dt_node *n;

    dt_walk_start(&b->walk, &b->dt);
    while (!b->err && (n = dt_walk_next(&b->walk))) {
        unsigned i = 0;

        close_nodes(b, n->depth);
        while (!kinds[i].is(b, n))
            i++;
        kinds[i].handle(b, n);
    }
    flush_mmio(b);
    close_nodes(b, 1);
}

/* --- Nodes that the hypervisor stands in for --- */

static void write_message_frame(struct builder *b, const struct gic_message_frame *f)
{
    const struct dom0_device_visitor *v = b->params->visitor;
    char name[32];

    snprintf(name, sizeof(name), "v2m@%llx", (unsigned long long)f->base);
    begin(b, name);
    put_text(b, "compatible", "arm,gic-v2m-frame");
    put(b, fdt_property(b->out, "msi-controller", "", 0));
    range_add(b, f->base, f->size);
    put_cells(b, "reg");
    put_u32(b, "arm,msi-base-spi", f->first);
    put_u32(b, "arm,msi-num-spis", f->count);
    put_u32(b, "phandle", f->phandle);
    end(b);
    told(b, v->map_mmio(b->params->context, f->base, align_up(f->size, PAGE_SIZE)), "registers at", f->base);
    for (unsigned irq = f->first; irq < f->first + f->count; irq++)
        if (!bitmap_test(b->irqs_seen, irq)) {
            bitmap_set(b->irqs_seen, irq);
            told(b, v->route_irq(b->params->context, irq, true, "v2m"), "interrupt", irq);
        }
}

static void write_gic(struct builder *b)
{
    const struct gic_info *g = b->params->gic;
    char name[48];

    snprintf(name, sizeof(name), "interrupt-controller@%llx", (unsigned long long)g->distributor);
    begin(b, name);
    put_text(b, "compatible", g->version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
    put(b, fdt_property(b->out, "interrupt-controller", "", 0));
    put_u32(b, "#interrupt-cells", b->dt.gic_interrupt_cells);
    if (b->dt.gic_has_address_cells) {
        put_u32(b, "#address-cells", b->dt.gic_address_cells);
        put_u32(b, "#size-cells", b->size_cells);
    }
    put_u32(b, "phandle", b->dt.gic_phandle);
    range_add(b, g->distributor, g->distributor_size);
    if (g->version == 2)
        range_add(b, g->cpu_interface, g->cpu_interface_size);
    for (unsigned i = 0; g->version == 3 && i < g->redistributor_regions; i++)
        range_add(b, g->redistributors[i].base, g->redistributors[i].size);
    put_cells(b, "reg");
    if (g->version == 3)
        put_u32(b, "#redistributor-regions", g->redistributor_regions);
    if (g->version == 3 && g->redistributor_stride)
        put(b, fdt_property_u64(b->out, "redistributor-stride", g->redistributor_stride));
    if (g->version == 3)
        put_messages(b);
    if (has_messages(b))
        put(b, fdt_property(b->out, "ranges", "", 0));
    for (unsigned i = 0; has_messages(b) && i < g->message_frame_count; i++)
        write_message_frame(b, &g->message_frames[i]);
    end(b);
}

/* Secure physical, physical and virtual, as the machine has them; its fourth, EL2's, is ours. */
static void write_timer(struct builder *b)
{
    const struct dt_node *n = b->timer_offset < 0 ? NULL : dt_walk_to(&b->walk, &b->dt, b->timer_offset);
    struct dt_irq irq;

    if (!n)
        return;
    begin(b, "timer");
    copy_properties(b, n->offset, replaced_timer_properties);
    put_interrupt_parent(b);
    for (unsigned i = 0; i < 3 && !dt_irq(&b->dt, n, i, &irq); i++)
        ppi_add(b, irq.intid);
    put_cells(b, "interrupts");
    end(b);
}

static void write_psci(struct builder *b)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

    begin(b, "psci");
    put(b, fdt_property(b->out, "compatible", compatible, sizeof(compatible)));
    put_text(b, "method", "hvc");
    end(b);
}

static void write_cpu(struct builder *b, uint64_t mpidr, unsigned cells)
{
    char name[32];

    snprintf(name, sizeof(name), "cpu@%llx", (unsigned long long)mpidr);
    begin(b, name);
    put_text(b, "device_type", "cpu");
    if (b->cpu_compatible.data)
        put(b, fdt_property(b->out, "compatible", b->cpu_compatible.data, (int)b->cpu_compatible.size));
    else
        put_text(b, "compatible", "arm,armv8");
    number_add(b, mpidr, cells);
    put_cells(b, "reg");
    put_text(b, "enable-method", "psci");
    end(b);
}

static void write_cpus(struct builder *b)
{
    unsigned cells = 1;

    for (unsigned i = 0; i < b->params->vcpus; i++)
        if (b->params->mpidrs[i] >> 32)
            cells = 2;
    begin(b, "cpus");
    put_u32(b, "#address-cells", cells);
    put_u32(b, "#size-cells", 0);
    for (unsigned i = 0; i < b->params->vcpus; i++)
        write_cpu(b, b->params->mpidrs[i], cells);
    end(b);
}

static void write_memory(struct builder *b)
{
    char name[32];

    snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)b->params->memory[0].start);
    begin(b, name);
    put_text(b, "device_type", "memory");
    for (unsigned i = 0; i < b->params->memory_count; i++)
        range_add(b, b->params->memory[i].start, b->params->memory[i].size);
    for (unsigned i = 0; i < b->reserved.count; i++)
        range_add(b, b->reserved.room[i].first, b->reserved.room[i].last - b->reserved.room[i].first + 1);
    put_cells(b, "reg");
    end(b);
}

/*
 * Linux Documentation/devicetree/bindings/arm/xen.txt: first the grant table's room, then where foreign pages may be
 * mapped.
 */
static void write_hypervisor(struct builder *b)
{
    static const char compatible[] = "xen,xen-4.17\0xen,xen";
    const struct dom0_dt_params *p = b->params;

    begin(b, "hypervisor");
    put(b, fdt_property(b->out, "compatible", compatible, sizeof(compatible)));
    range_add(b, p->grant_table.start, p->grant_table.size);
    for (unsigned i = 0; i < p->extended_count; i++)
        range_add(b, p->extended[i].start, p->extended[i].size);
    put_cells(b, "reg");
    put_interrupt_parent(b);
    ppi_add(b, p->event_irq);
    put_cells(b, "interrupts");
    end(b);
}

static void write_chosen(struct builder *b)
{
    if (b->chosen_written)
        return;
    begin(b, "chosen");
    put_boot_properties(b);
    end(b);
}

static void write_tree(struct builder *b)
{
    copy_tree(b);
    if (b->err)
        return;
    write_gic(b);
    write_timer(b);
    write_psci(b);
    write_cpus(b);
    write_memory(b);
    write_hypervisor(b);
    write_chosen(b);
    end(b);
    put(b, fdt_finish(b->out));
}

/* Checks that the machine's tree has all that dom0's is made of. */
static int check_host(struct builder *b)
{
    if (!b->dt.gic_phandle) {
        printk("torpor: the device tree's interrupt controller has no phandle or no sensible #interrupt-cells: dom0 "
               "needs both");
        return -EINVAL;
    }
    if (!b->params->memory_count || !b->params->vcpus)
        return -EINVAL;
    return 0;
}

static int explain(const struct builder *b, size_t size)
{
    if (b->err == -ENOSPC)
        printk("torpor: dom0's device tree does not fit into %zu bytes", size);
    else if (b->err == -ERANGE)
        printk("torpor: dom0's device tree: an address does not fit into the root's #address-cells and #size-cells");
    else
        printk("torpor: dom0's device tree cannot be built from the machine's (%d)", b->err);
    return b->err == -ERANGE ? -EINVAL : b->err;
}

int dom0_dt_build(const void *host_fdt, const struct dom0_dt_params *params, void *out, size_t size)
{
    static struct builder builder;   /* boot only, and too large for the stack */
    struct builder *b = &builder;
    int err;

    memset(b, 0, sizeof(*b));
    b->params = params;
    b->out = out;
    b->timer_offset = -1;
    b->address_cells = b->size_cells = 2;
    err = dt_open(&b->dt, host_fdt) ? -EINVAL : check_host(b);
    if (err)
        return err;
    b->uart_offset = params->uart_path ? fdt_path_offset(host_fdt, params->uart_path) : -1;
    put(b, fdt_create_with_flags(out, (int)min_u64(size, DT_MAX_SIZE), FDT_CREATE_FLAG_NO_NAME_DEDUP));
    put(b, fdt_finish_reservemap(out));
    if (!b->err)
        write_tree(b);
    return b->err ? explain(b, size) : (int)fdt_totalsize(out);
}
