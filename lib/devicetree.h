// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a flattened device tree (Devicetree Specification 0.4), in one
 * forward walk. The walk keeps the ancestors of the node it stands on, each with the
 * properties that give its children meaning (cells, ranges, interrupt parent), so that an address is translated
 * to the CPU's space and an interrupt to an INTID without searching the tree again.
 *
 * The tree comes from outside: dt_open() checks it whole, every read is bounded, and a property of a wrong length is an
 * error or is passed over, never trusted. libfdt may use vector registers: call this at boot only.
 */
#pragma once

#include "lib/base.h"

#define DT_MAX_DEPTH 16
#define DT_MAX_SIZE  (2 * MIB)   /* "must not exceed 2 megabytes": Linux Documentation/arm64/booting.rst */

/* The properties that a walk finds on its way. */
enum dt_property {
    DT_ADDRESS_CELLS, DT_SIZE_CELLS, DT_INTERRUPT_CELLS, DT_INTERRUPT_PARENT, DT_PHANDLE,
    DT_REG, DT_RANGES, DT_INTERRUPTS, DT_INTERRUPTS_EXTENDED, DT_INTERRUPT_MAP,
    DT_COMPATIBLE, DT_STATUS, DT_DEVICE_TYPE,
    DT_PROPERTIES
};

struct dt_value {
    const void *data;   /* NULL: the node has no such property */
    uint32_t size;      /* bytes */
};

struct dt_node {
    const struct dt_node *parent;   /* NULL for the root */
    int offset;
    unsigned depth;                 /* the root: 0 */
    const char *name;               /* with the unit address */
    bool enabled;                   /* it and all above it have no status, or "okay" */
    uint32_t address_cells, size_cells;   /* of its children; inherited where it does not say */
    uint32_t interrupt_parent;            /* phandle, inherited */
    struct dt_value props[DT_PROPERTIES];
};

struct dt {
    const void *fdt;
    uint32_t gic_phandle;       /* 0: no GIC was found */
    uint32_t gic_interrupt_cells;
    uint32_t gic_address_cells; /* in interrupt-map entries; 0 where the node does not say */
    bool gic_has_address_cells;
};

struct dt_walk {
    const struct dt *dt;
    int depth;                  /* of the current node; -1 before the first */
    int offset;
    int skip_depth;             /* nodes deeper than this are passed over; -1: none are */
    struct dt_node nodes[DT_MAX_DEPTH];
};

struct dt_irq {
    unsigned intid;
    bool edge;
};

/* NULL; or why this is not a well-formed tree of at most DT_MAX_SIZE (which is all that is read), in a few words. */
const char *dt_open(struct dt *dt, const void *fdt);

void dt_walk_start(struct dt_walk *w, const struct dt *dt);
/*
 * The next node in the order of the tree, or NULL at its end. Valid until the walk goes on; its ancestors while it is
 * below them.
 */
const struct dt_node *dt_walk_next(struct dt_walk *w);
/* The children of the current node are passed over. */
void dt_walk_skip_children(struct dt_walk *w);
/* Walks to the node at `offset`; NULL if there is none. */
const struct dt_node *dt_walk_to(struct dt_walk *w, const struct dt *dt, int offset);

bool dt_is_compatible(const struct dt_node *n, const char *name);
/* ... with one of a list that ends with NULL. */
bool dt_is_compatible_any(const struct dt_node *n, const char *const *names);
/* The architecture version of the GIC that the node describes: 1 to 3; 0: it is none. */
unsigned dt_gic_version(const struct dt_node *n);

/* True if the property is a NUL-terminated text equal to `text` (the first, if it is a list). */
bool dt_value_is(const struct dt_value *v, const char *text);
/* A property by name: data and size; NULL if there is none. */
struct dt_value dt_property(const struct dt *dt, const struct dt_node *n, const char *name);
/* A NUL-terminated text, or NULL. */
const char *dt_text(const struct dt *dt, const struct dt_node *n, const char *name);
/* The i-th 32-bit cell; false beyond the end. */
bool dt_cell(const struct dt_value *v, unsigned i, uint32_t *cell);

/*
 * The i-th entry of `reg`, in the CPU's address space. -ENOENT: there is no such entry. -ENXIO: the node's bus is not
 * mapped (an I2C device, say). -EINVAL: it does not make sense (a part of an entry, an address that wraps).
 */
int dt_reg(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size);
/* The same as it stands there, untranslated. */
int dt_reg_raw(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size);
/*
 * The i-th window of a PCI host bridge (`ranges` with 3-cell child addresses): memory or I/O, in the CPU's address
 * space.
 */
int dt_pci_window(const struct dt_node *n, unsigned i, uint64_t *start, uint64_t *size);

/* The i-th interrupt, of those that go to the GIC. -ENOENT: no more; -ENXIO: this one goes elsewhere; -EINVAL. */
int dt_irq(const struct dt *dt, const struct dt_node *n, unsigned i, struct dt_irq *irq);
/* Walks a nexus's interrupt-map: *position starts at 0. The same errors. */
int dt_interrupt_map_next(const struct dt *dt, const struct dt_node *n, unsigned *position, struct dt_irq *irq);
