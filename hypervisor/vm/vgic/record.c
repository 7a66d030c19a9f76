// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller's records, in the terms of the architecture: the registers of distributor,
 * redistributors and CPU interface, and of each interrupt the state that neither a register nor another interrupt
 * tells. Where an interrupt waits (a queue, a list register) is not in them: it follows from the rest. No vCPU of the
 * domain is resident anywhere meanwhile.
 */
#include "lib/errno.h"
#include "vm/records.h"
#include "vm/vgic/internal.h"

enum { ENABLED = 1, LEVEL = 2, GROUP1 = 4, PENDING = 8, LINE = 16, ACTIVE = 32, ALL_FLAGS = 63 };

struct irq_record {
    uint64_t route;              /* SPIs: GICD_IROUTER, or GICD_ITARGETSR's byte */
    uint16_t active_on;          /* SPIs that are active: on which vCPU */
    uint8_t flags, priority;     /* PENDING: by an edge or by GICD_ISPENDR; LINE: the device's level */
    uint8_t sources, active_source;   /* GICv2 SGIs: senders of the pending and of the active one */
    uint16_t zero;
};

/* Before those of the SPIs. */
struct distributor_record {
    uint32_t version, nr_spis, priority_bits;
    uint32_t groups;             /* GICD_CTLR's two group enables */
};

/* Before those of the private interrupts. */
struct interface_record {
    /*
     * as ICH_VMCR_EL2 (IHI 0069 12.4.8) or GICH_VMCR (IHI 0048 5.3.3) has it: mask, binary points, group enables, modes
     */
    uint32_t vmcr;
    uint32_t apr[8];             /* active priorities: ICC_AP0R<n>, ICC_AP1R<n>; GICC_APR0 in the first */
    uint32_t asleep;             /* GICR_WAKER */
};

_Static_assert(sizeof(struct irq_record) == 16 && sizeof(struct distributor_record) == 16 &&
                   sizeof(struct interface_record) == 40,
               "the records' layout");

static void irq_save(const struct virq *irq, struct record_writer *w)
{
    struct irq_record r = {
        .route = irq->route,
        .active_on = !virq_is_private(irq) && irq->active && irq->holder ? (uint16_t)irq->holder->id : 0,
        .priority = irq->priority,
        .sources = irq->sources,
        .active_source = irq->active ? irq->active_source : 0,
        .flags = (uint8_t)((irq->enabled ? ENABLED : 0) | (irq->level ? LEVEL : 0) | (irq->group1 ? GROUP1 : 0) |
                           (irq->latch ? PENDING : 0) | (irq->line ? LINE : 0) | (irq->active ? ACTIVE : 0)),
    };

    record_write(w, &r, sizeof(r));
}

static bool is_sgi(unsigned intid) { return intid < VGIC_NR_SGIS; }

static bool route_is_valid(const struct domain_vgic *g, unsigned intid, uint64_t route)
{
    if (intid < VGIC_NR_PRIVATE)
        return route == 0;
    return g->version == 2 ? vgicv2_route_is_valid(g->domain, route) : vgicv3_route_is_valid(route);
}

/* Only GICv2's SGIs have senders. */
static bool sources_are_valid(const struct domain_vgic *g, unsigned intid, const struct irq_record *r)
{
    if (!is_sgi(intid) || g->version != 2)
        return !r->sources && !r->active_source;
    return vgicv2_route_is_valid(g->domain, r->sources) && r->active_source < g->domain->max_vcpus;
}

static bool flags_are_valid(const struct domain_vgic *g, unsigned intid, unsigned flags)
{
    if (flags & ~(unsigned)ALL_FLAGS)
        return false;
    return !is_sgi(intid) || (!(flags & (LEVEL | LINE)) && (g->version == 3 || (flags & ENABLED)));
}

static int irq_check(const struct domain_vgic *g, unsigned intid, struct record_reader *in)
{
    struct irq_record r;

    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (!flags_are_valid(g, intid, r.flags) || r.zero || r.active_on >= g->domain->max_vcpus)
        return record_refuse(in, -EBADMSG, "has an interrupt in a state that there is not");
    if (r.priority & ~(0xff << (8 - gic.priority_bits)))
        return record_refuse(in, -EBADMSG, "has an interrupt with a finer priority than its controller knows");
    if (!route_is_valid(g, intid, r.route))
        return record_refuse(in, -EBADMSG, "has an interrupt for a vCPU that there cannot be");
    if (!sources_are_valid(g, intid, &r))
        return record_refuse(in, -EBADMSG, "has an interrupt from a vCPU that there cannot be");
    return 0;
}

/* An interrupt injected since the domain was made (an event channel's upcall) is in the record if it was so there. */
static void irq_restore(struct domain_vgic *g, struct virq *irq, struct record_reader *in) REQUIRES(g->lock)
{
    struct irq_record r;

    BUG_ON(!record_read(in, &r, sizeof(r)) || !vgic_gather(g, irq));
    if (!virq_is_private(irq)) {
        irq->route = r.route;
        irq->target = g->version == 2 ? vgicv2_route_target(g->domain, r.route)
                                      : vgicv3_route_target(g->domain, r.route);
        irq->holder = r.flags & ACTIVE ? domain_vcpu(g->domain, r.active_on) : NULL;
    }
    irq->priority = r.priority;
    irq->sources = r.sources;
    irq->active_source = r.active_source;
    irq->enabled = r.flags & ENABLED;
    irq->level = r.flags & LEVEL;
    irq->group1 = r.flags & GROUP1;
    irq->latch = r.flags & PENDING;
    irq->line = r.flags & LINE;
    irq->active = r.flags & ACTIVE;
    vgic_settle(g, irq);
}

/* --- The distributor and SPIs --- */

static int distributor_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain_vgic *g = &((struct domain *)object)->vgic;
    bool passed_through = false;

    (void)instance;
    vgic_begin(g);
    struct distributor_record r = {
        .version = g->version, .nr_spis = g->nr_spis, .priority_bits = gic.priority_bits,
        .groups = (uint32_t)g->group_enabled[0] | (uint32_t)g->group_enabled[1] << 1,
    };

    record_write(w, &r, sizeof(r));
    for (unsigned i = 0; i < g->nr_spis; i++) {
        passed_through |= g->spis[i].hw_irq;
        irq_save(&g->spis[i], w);
    }
    vgic_end(g);
    return passed_through ? record_refuse_save(w, -EOPNOTSUPP, "has a physical interrupt: a device is passed through")
                          : 0;
}

static int host_check(const struct domain_vgic *g, uint32_t version, uint32_t priority_bits, struct record_reader *in)
{
    if (version != g->version)
        return record_refuse(in, -EOPNOTSUPP,
                             version == 3 ? "is a GICv3's, and this host's is a GICv2"
                                          : "is another version's than this host's GICv3");
    if (priority_bits != gic.priority_bits)
        return record_refuse(in, -EOPNOTSUPP, "is of a controller with another number of priorities than this host's");
    return 0;
}

static int distributor_check(void *object, unsigned instance, struct record_reader *in)
{
    const struct domain_vgic *g = &((struct domain *)object)->vgic;
    struct distributor_record r;
    int error;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    error = host_check(g, r.version, r.priority_bits, in);
    if (error)
        return error;
    if (r.nr_spis != g->nr_spis)
        return record_refuse(in, -EBADMSG, "has another number of SPIs than the domain was made with");
    if (r.groups & ~3u)
        return record_refuse(in, -EBADMSG, "enables groups that there are not");
    for (unsigned i = 0; i < g->nr_spis && !error; i++)
        error = irq_check(g, VGIC_NR_PRIVATE + i, in);
    return error;
}

static int distributor_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain_vgic *g = &((struct domain *)object)->vgic;
    struct distributor_record r;

    (void)instance;
    BUG_ON(!record_read(in, &r, sizeof(r)));
    vgic_begin(g);
    vgic_set_groups(g, r.groups & 1, r.groups & 2);
    for (unsigned i = 0; i < g->nr_spis; i++)
        irq_restore(g, &g->spis[i], in);
    vgic_end(g);
    return 0;
}

const struct record_kind vgic_record = {
    .name = "VGIC", .id = RECORD_VGIC, .version = 1, .count = record_count_one,
    .save = distributor_save, .check = distributor_check, .restore = distributor_restore,
};

/* --- The part of that which a host has or has not; it is restored with the rest --- */

struct gic_record {
    uint32_t version, priority_bits;
};

static int gic_save(void *object, unsigned instance, struct record_writer *w)
{
    struct gic_record r = { ((struct domain *)object)->vgic.version, gic.priority_bits };

    (void)instance;
    record_write(w, &r, sizeof(r));
    return 0;
}

static int gic_check(void *object, unsigned instance, struct record_reader *in)
{
    struct gic_record r;

    (void)instance;
    return record_read(in, &r, sizeof(r)) ? host_check(&((struct domain *)object)->vgic, r.version, r.priority_bits, in)
                                          : -EBADMSG;
}

const struct record_kind gic_record = {
    .name = "GIC", .id = RECORD_GIC, .version = 1, .count = record_count_one, .save = gic_save, .check = gic_check,
};

/* --- Each vCPU's private interrupts and interface --- */

static int vcpu_save(void *object, unsigned instance, struct record_writer *w)
{
    struct domain_vgic *g = &((struct domain *)object)->vgic;
    const struct vcpu_vgic *c = &domain_vcpu(object, instance)->vgic;
    struct interface_record r = { 0 };

    vgic_begin(g);
    BUG_ON(c->resident);
    r.vmcr = c->interface.vmcr;
    for (unsigned i = 0; i < ARRAY_SIZE(r.apr); i++)
        r.apr[i] = c->interface.apr[i];
    r.asleep = c->asleep;
    record_write(w, &r, sizeof(r));
    for (unsigned i = 0; i < VGIC_NR_PRIVATE; i++)
        irq_save(&c->private[i], w);
    vgic_end(g);
    return 0;
}

static int vcpu_check(void *object, unsigned instance, struct record_reader *in)
{
    const struct domain_vgic *g = &((struct domain *)object)->vgic;
    struct interface_record r;
    int error = 0;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if ((r.vmcr & ~gic_vmcr_fields()) || r.asleep > 1)
        return record_refuse(in, -EBADMSG, "has bits that the CPU interface has not");
    for (unsigned i = 0; i < VGIC_NR_PRIVATE && !error; i++)
        error = irq_check(g, i, in);
    return error;
}

static int vcpu_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct domain_vgic *g = &((struct domain *)object)->vgic;
    struct vcpu_vgic *c = &domain_vcpu(object, instance)->vgic;
    struct interface_record r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    vgic_begin(g);
    c->interface.vmcr = r.vmcr;
    for (unsigned i = 0; i < ARRAY_SIZE(r.apr); i++)
        c->interface.apr[i] = r.apr[i];
    c->asleep = r.asleep;
    for (unsigned i = 0; i < VGIC_NR_PRIVATE; i++)
        irq_restore(g, &c->private[i], in);
    vgic_end(g);
    return 0;
}

const struct record_kind vgic_vcpu_record = {
    .name = "VGIC_VCPU", .id = RECORD_VGIC_VCPU, .version = 1, .count = record_count_vcpus,
    .save = vcpu_save, .check = vcpu_check, .restore = vcpu_restore,
};
