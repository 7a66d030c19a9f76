// SPDX-License-Identifier: Apache-2.0
/*
 * One forward walk over a flattened device tree.
 *
 * Invariant: nodes[0..depth] of a walk are the current node and its ancestors, root first, each read once when the walk
 * entered it. fdt_check_full() has seen every tag and name before the first read, so libfdt's accessors cannot leave
 * the blob; only the length of each property is left to check here.
 */
#include "lib/devicetree.h"

#include <libfdt.h>

#include "lib/errno.h"
#include "lib/string.h"

static const char *const property_names[DT_PROPERTIES] = {
    [DT_ADDRESS_CELLS] = "#address-cells",
    [DT_SIZE_CELLS] = "#size-cells",
    [DT_INTERRUPT_CELLS] = "#interrupt-cells",
    [DT_INTERRUPT_PARENT] = "interrupt-parent",
    [DT_PHANDLE] = "phandle",
    [DT_REG] = "reg",
    [DT_RANGES] = "ranges",
    [DT_INTERRUPTS] = "interrupts",
    [DT_INTERRUPTS_EXTENDED] = "interrupts-extended",
    [DT_INTERRUPT_MAP] = "interrupt-map",
    [DT_COMPATIBLE] = "compatible",
    [DT_STATUS] = "status",
    [DT_DEVICE_TYPE] = "device_type",
};

/*
 * Linux Documentation/devicetree/bindings/interrupt-controller/arm,gic*.yaml, and the architecture's version that each
 * has.
 */
static const struct {
    const char *name;
    unsigned version;
} gics[] = {
    { "arm,gic-v3", 3 },        { "arm,gic-400", 2 },    { "arm,cortex-a15-gic", 2 }, { "arm,cortex-a7-gic", 2 },
    { "arm,cortex-a9-gic", 1 }, { "arm,eb11mp-gic", 1 }, { "arm,pl390", 1 },          { "qcom,msm-qgic2", 2 },
};

bool dt_cell(const struct dt_value *v, unsigned i, uint32_t *cell)
{
    const uint8_t *p = v->data;

    if (!p || v->size / 4 <= i)
        return false;
    p += (size_t)i * 4;
    *cell = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return true;
}

/* A number of 0 to 2 cells from cell `at` on. */
static bool read_number(const struct dt_value *v, unsigned at, unsigned cells, uint64_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < cells; i++) {
        uint32_t cell;

        if (!dt_cell(v, at + i, &cell))
            return false;
        *number = *number << 32 | cell;
    }
    return true;
}

bool dt_value_is(const struct dt_value *v, const char *text)
{
    size_t n = strlen(text) + 1;

    return v->data && v->size >= n && !memcmp(v->data, text, n);
}

bool dt_is_compatible(const struct dt_node *n, const char *name)
{
    const char *p = n->props[DT_COMPATIBLE].data;
    size_t left = n->props[DT_COMPATIBLE].size, len = strlen(name) + 1;

    while (p && left >= len) {
        size_t entry = strnlen(p, left);

        if (entry == left)
            return false;
        if (entry + 1 == len && !memcmp(p, name, len))
            return true;
        p += entry + 1;
        left -= entry + 1;
    }
    return false;
}

bool dt_is_compatible_any(const struct dt_node *n, const char *const *names)
{
    if (!n->props[DT_COMPATIBLE].data)
        return false;
    while (*names)
        if (dt_is_compatible(n, *names++))
            return true;
    return false;
}

unsigned dt_gic_version(const struct dt_node *n)
{
    if (!n->props[DT_INTERRUPT_CELLS].data || !n->props[DT_COMPATIBLE].data)
        return 0;
    for (unsigned i = 0; i < ARRAY_SIZE(gics); i++)
        if (dt_is_compatible(n, gics[i].name))
            return gics[i].version;
    return 0;
}

struct dt_value dt_property(const struct dt *dt, const struct dt_node *n, const char *name)
{
    int size;
    const void *data = fdt_getprop(dt->fdt, n->offset, name, &size);

    return (struct dt_value){ data, data ? (uint32_t)size : 0 };
}

const char *dt_text(const struct dt *dt, const struct dt_node *n, const char *name)
{
    struct dt_value v = dt_property(dt, n, name);

    return v.data && memchr(v.data, 0, v.size) ? v.data : NULL;
}

static void node_read_property(struct dt_node *n, const char *name, const void *data, int size)
{
    for (unsigned i = 0; i < DT_PROPERTIES; i++)
        if (name[0] == property_names[i][0] && !strcmp(name, property_names[i])) {
            n->props[i] = (struct dt_value){ data, (uint32_t)size };
            return;
        }
}

static bool status_is_okay(const struct dt_value *status)
{
    return !status->data || dt_value_is(status, "okay") || dt_value_is(status, "ok");
}

static void node_read(struct dt_node *n, const void *fdt, int offset, const struct dt_node *parent)
{
    int property, size;
    const char *name;

    memset(n, 0, sizeof(*n));
    n->parent = parent;
    n->offset = offset;
    n->depth = parent ? parent->depth + 1 : 0;
    n->name = fdt_get_name(fdt, offset, NULL);
    if (!n->name)
        n->name = "";
    fdt_for_each_property_offset(property, fdt, offset) {
        const void *data = fdt_getprop_by_offset(fdt, property, &name, &size);

        if (data)
            node_read_property(n, name, data, size);
    }
    n->enabled = status_is_okay(&n->props[DT_STATUS]) && (!parent || parent->enabled);
    if (!dt_cell(&n->props[DT_ADDRESS_CELLS], 0, &n->address_cells))
        n->address_cells = parent ? parent->address_cells : 2;
    if (!dt_cell(&n->props[DT_SIZE_CELLS], 0, &n->size_cells))
        n->size_cells = parent ? parent->size_cells : 1;
    if (!dt_cell(&n->props[DT_INTERRUPT_PARENT], 0, &n->interrupt_parent))
        n->interrupt_parent = parent ? parent->interrupt_parent : 0;
}

void dt_walk_start(struct dt_walk *w, const struct dt *dt)
{
    w->dt = dt;
    w->depth = -1;
    w->offset = -1;
    w->skip_depth = -1;
}

const struct dt_node *dt_walk_next(struct dt_walk *w)
{
    for (;;) {
        w->offset = fdt_next_node(w->dt->fdt, w->offset, &w->depth);
        if (w->offset < 0 || w->depth < 0)
            return NULL;
        if (w->skip_depth >= 0 && w->depth > w->skip_depth)
            continue;
        w->skip_depth = -1;
        if (w->depth < DT_MAX_DEPTH)
            break;
    }

    struct dt_node *n = &w->nodes[w->depth];

    node_read(n, w->dt->fdt, w->offset, w->depth ? n - 1 : NULL);
    return n;
}

void dt_walk_skip_children(struct dt_walk *w)
{
    w->skip_depth = w->depth;
}

const struct dt_node *dt_walk_to(struct dt_walk *w, const struct dt *dt, int offset)
{
    const struct dt_node *n;

    dt_walk_start(w, dt);
    do
        n = dt_walk_next(w);
    while (n && n->offset != offset);
    return n;
}

/* The first GIC of the tree is the CPUs' own; others hang below it. */
static void find_gic(struct dt *dt)
{
    static struct dt_walk w;   /* boot only, and too large for the stack */
    const struct dt_node *n;

    dt_walk_start(&w, dt);
    while ((n = dt_walk_next(&w))) {
        if (!dt_gic_version(n))
            continue;
        if (!dt_cell(&n->props[DT_PHANDLE], 0, &dt->gic_phandle))
            dt->gic_phandle = 0;
        (void)dt_cell(&n->props[DT_INTERRUPT_CELLS], 0, &dt->gic_interrupt_cells);
        dt->gic_has_address_cells = dt_cell(&n->props[DT_ADDRESS_CELLS], 0, &dt->gic_address_cells);
        return;
    }
}

const char *dt_open(struct dt *dt, const void *fdt)
{
    int err = -FDT_ERR_TRUNCATED;

    memset(dt, 0, sizeof(*dt));
    dt->fdt = fdt;
    if (fdt && fdt_magic(fdt) != FDT_MAGIC) {
        err = -FDT_ERR_BADMAGIC;
    } else if (fdt && fdt_totalsize(fdt) <= DT_MAX_SIZE) {
        err = fdt_check_full(fdt, fdt_totalsize(fdt));
    }
    if (err)
        return fdt ? fdt_strerror(err) : "no address given";
    find_gic(dt);
    if (dt->gic_interrupt_cells < 3 || dt->gic_interrupt_cells > 4 || dt->gic_address_cells > 2)
        dt->gic_phandle = 0;
    return NULL;
}

int dt_reg_raw(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size)
{
    const struct dt_value *reg = &n->props[DT_REG];
    unsigned ac, sc, entry;

    if (!reg->data || !n->parent)
        return -ENOENT;
    ac = n->parent->address_cells;
    sc = n->parent->size_cells;
    if (ac < 1 || ac > 2 || sc > 2)
        return -ENXIO;
    entry = ac + sc;
    if (i >= reg->size / 4 / entry)
        return reg->size % (4 * entry) ? -EINVAL : -ENOENT;
    (void)read_number(reg, i * entry, ac, start);
    (void)read_number(reg, i * entry + ac, sc, size);
    return *start + *size < *start ? -EINVAL : 0;
}

/* One step up: an address of bus `n`'s children in the address space of n's parent. */
static int translate_once(const struct dt_node *n, uint64_t *address, uint64_t size)
{
    const struct dt_value *ranges = &n->props[DT_RANGES];
    unsigned ac = n->address_cells, pac = n->parent->address_cells, sc = n->size_cells;
    unsigned entry = ac + pac + sc;

    if (!ranges->data)
        return -ENXIO;
    if (!ranges->size)
        return 0;
    if (ac < 1 || ac > 2 || pac < 1 || pac > 2 || sc > 2)
        return -ENXIO;
    for (unsigned at = 0; at + entry <= ranges->size / 4; at += entry) {
        uint64_t child, parent, length;

        (void)read_number(ranges, at, ac, &child);
        (void)read_number(ranges, at + ac, pac, &parent);
        (void)read_number(ranges, at + ac + pac, sc, &length);
        if (*address < child || *address - child >= length || length - (*address - child) < size)
            continue;
        *address = parent + (*address - child);
        return *address + size < *address ? -EINVAL : 0;
    }
    return -ENXIO;
}

/* From the address space of `bus`'s children to the CPU's. */
static int translate(const struct dt_node *bus, uint64_t *address, uint64_t size)
{
    for (; bus->parent; bus = bus->parent) {
        int err = translate_once(bus, address, size);

        if (err)
            return err;
    }
    return 0;
}

int dt_reg(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size)
{
    int err = dt_reg_raw(n, i, start, size);

    return err ? err : translate(n->parent, start, *size);
}

int dt_pci_window(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size)
{
    const struct dt_value *ranges = &n->props[DT_RANGES];
    unsigned pac, entry;

    if (!ranges->data || !n->parent || n->address_cells != 3 || n->size_cells < 1 || n->size_cells > 2)
        return -ENOENT;
    pac = n->parent->address_cells;
    if (pac < 1 || pac > 2)
        return -ENXIO;
    entry = 3 + pac + n->size_cells;
    if (i >= ranges->size / 4 / entry)
        return -ENOENT;
    (void)read_number(ranges, i * entry + 3, pac, start);
    (void)read_number(ranges, i * entry + 3 + pac, n->size_cells, size);
    if (*start + *size < *start)
        return -EINVAL;
    return translate(n->parent, start, *size);
}

/* The GIC's own specifier: type, number, flags (bindings/interrupt-controller/arm,gic-v3.yaml). */
static int decode_irq(const struct dt_value *v, unsigned at, struct dt_irq *irq)
{
    uint32_t type, number, flags;

    if (!dt_cell(v, at, &type) || !dt_cell(v, at + 1, &number) || !dt_cell(v, at + 2, &flags))
        return -EINVAL;
    if (type > 1 || number >= (type ? 16 : 988))
        return -EINVAL;
    irq->intid = number + (type ? 16 : 32);
    irq->edge = flags & 3;
    return 0;
}

/* How many cells an interrupt specifier (and, in a map, a unit address) of the controller `phandle` has. */
static int controller_cells(const struct dt *dt, uint32_t phandle, uint32_t *interrupt_cells, uint32_t *address_cells)
{
    int offset, size;
    struct dt_value v;

    if (phandle == dt->gic_phandle && phandle) {
        *interrupt_cells = dt->gic_interrupt_cells;
        *address_cells = dt->gic_address_cells;
        return 0;
    }
    offset = fdt_node_offset_by_phandle(dt->fdt, phandle);
    if (offset < 0)
        return -EINVAL;
    v.data = fdt_getprop(dt->fdt, offset, "#interrupt-cells", &size);
    v.size = v.data ? (uint32_t)size : 0;
    if (!dt_cell(&v, 0, interrupt_cells) || *interrupt_cells > 16)
        return -EINVAL;
    v.data = fdt_getprop(dt->fdt, offset, "#address-cells", &size);
    v.size = v.data ? (uint32_t)size : 0;
    if (!dt_cell(&v, 0, address_cells))
        *address_cells = 0;
    return *address_cells > 16 ? -EINVAL : 0;
}

static int irq_extended(const struct dt *dt, const struct dt_value *v, unsigned i, struct dt_irq *irq)
{
    uint32_t phandle, cells, unused;

    for (unsigned at = 0; dt_cell(v, at, &phandle); at += 1 + cells) {
        if (controller_cells(dt, phandle, &cells, &unused))
            return -ENOENT;
        if (i--)
            continue;
        return phandle == dt->gic_phandle ? decode_irq(v, at + 1, irq) : -ENXIO;
    }
    return -ENOENT;
}

int dt_irq(const struct dt *dt, const struct dt_node *n, unsigned i, struct dt_irq *irq)
{
    if (n->props[DT_INTERRUPTS_EXTENDED].data)
        return irq_extended(dt, &n->props[DT_INTERRUPTS_EXTENDED], i, irq);
    if (!dt->gic_phandle || n->interrupt_parent != dt->gic_phandle)
        return -ENOENT;
    if (i >= n->props[DT_INTERRUPTS].size / 4 / dt->gic_interrupt_cells)
        return -ENOENT;
    return decode_irq(&n->props[DT_INTERRUPTS], i * dt->gic_interrupt_cells, irq);
}

int dt_interrupt_map_next(const struct dt *dt, const struct dt_node *n, unsigned *position, struct dt_irq *irq)
{
    const struct dt_value *map = &n->props[DT_INTERRUPT_MAP];
    uint32_t phandle, child_cells, cells, address_cells;
    unsigned at;

    if (!map->data || *position >= map->size / 4)
        return -ENOENT;
    if (!dt_cell(&n->props[DT_INTERRUPT_CELLS], 0, &child_cells) || child_cells > 16 || n->address_cells > 16)
        return -ENOENT;
    at = *position + n->address_cells + child_cells;
    if (!dt_cell(map, at, &phandle) || controller_cells(dt, phandle, &cells, &address_cells))
        return -ENOENT;
    *position = at + 1 + address_cells + cells;
    return phandle == dt->gic_phandle ? decode_irq(map, at + 1 + address_cells, irq) : -ENXIO;
}
