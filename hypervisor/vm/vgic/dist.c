// SPDX-License-Identifier: Apache-2.0
/*
 * The registers that both versions of the distributor, and GICv3's redistributors, have in common (IHI 0069 12.9, IHI
 * 0048 4.3): control, and those with a bit, a byte or two bits per interrupt. Interrupts that do not exist read as zero
 * and ignore writes.
 */
#include "dev/gic_ops.h"
#include "vm/vgic/internal.h"

enum bank {   /* the offset's bits 11:7 */
    BANK_GROUP = 1, BANK_SET_ENABLE, BANK_CLEAR_ENABLE, BANK_SET_PENDING, BANK_CLEAR_PENDING, BANK_SET_ACTIVE,
    BANK_CLEAR_ACTIVE,
};

static bool is_sgi(const struct virq *irq) { return irq->intid < VGIC_NR_SGIS; }

static bool read_one(struct domain_vgic *g, struct virq *irq, enum bank bank) REQUIRES(g->lock)
{
    switch (bank) {
    case BANK_GROUP:
        return irq->group1;
    case BANK_SET_PENDING:
    case BANK_CLEAR_PENDING:
        return vgic_shows_pending(g, irq);
    default:
        return vgic_shows_active(g, irq);
    }
}

static void set_enabled(struct domain_vgic *g, struct virq *irq, bool enabled) REQUIRES(g->lock)
{
    if (irq->enabled == enabled || (is_sgi(irq) && g->version == 2))
        return;
    vgic_gather(g, irq);
    irq->enabled = enabled;
    vgic_follow_physical(irq);
    /* A level that the guest does not want now asks again when it is wanted. */
    if (!enabled && irq->hw_active && irq->level && !irq->active && irq->intid >= VGIC_NR_PRIVATE)
        irq->latch = false;
    vgic_settle(g, irq);
}

/* GICv2's SGIs have a register of their own for it (GICD_SPENDSGIR). */
static void set_pending(struct domain_vgic *g, struct virq *irq, bool pending) REQUIRES(g->lock)
{
    if (is_sgi(irq) && g->version == 2)
        return;
    if (!vgic_gather(g, irq))
        irq->asked.clear_pending = !pending;
    irq->latch = pending;
    vgic_settle(g, irq);
}

static void set_active(struct domain_vgic *g, struct virq *irq, bool active) REQUIRES(g->lock)
{
    if (!vgic_gather(g, irq)) {
        irq->asked.set_active = active;
        irq->asked.clear_active = !active;
    } else {
        irq->active = active;
    }
    vgic_settle(g, irq);
}

static void set_group(struct domain_vgic *g, struct virq *irq, bool group1) REQUIRES(g->lock)
{
    if (irq->group1 == group1)
        return;
    vgic_gather(g, irq);
    irq->group1 = group1;
    vgic_settle(g, irq);
}

static void write_one(struct domain_vgic *g, struct virq *irq, enum bank bank) REQUIRES(g->lock)
{
    switch (bank) {
    case BANK_SET_ENABLE:
    case BANK_CLEAR_ENABLE:
        set_enabled(g, irq, bank == BANK_SET_ENABLE);
        break;
    case BANK_SET_PENDING:
    case BANK_CLEAR_PENDING:
        set_pending(g, irq, bank == BANK_SET_PENDING);
        break;
    case BANK_SET_ACTIVE:
    case BANK_CLEAR_ACTIVE:
        set_active(g, irq, bank == BANK_SET_ACTIVE);
        break;
    case BANK_GROUP:
        break;
    }
}

/* The 32 interrupts of a register stand next to each other, and exist all or not at all. */
static uint32_t read_bits(struct domain_vgic *g, struct vcpu *v, enum bank bank, unsigned first) REQUIRES(g->lock)
{
    struct virq *irqs = vgic_virq(g, v, first);
    uint32_t value = 0;

    if (!irqs)
        return 0;
    if (bank == BANK_SET_ENABLE || bank == BANK_CLEAR_ENABLE) {
        for (unsigned i = 0; i < 32; i++)
            value |= (uint32_t)irqs[i].enabled << i;
        return value;
    }
    for (unsigned i = 0; i < 32; i++)
        value |= (uint32_t)read_one(g, &irqs[i], bank) << i;
    return value;
}

static void write_bits(struct domain_vgic *g, struct vcpu *v, enum bank bank, unsigned first, uint32_t value)
    REQUIRES(g->lock)
{
    for (; value; value &= value - 1) {
        struct virq *irq = vgic_virq(g, v, first + (unsigned)__builtin_ctz(value));

        if (irq)
            write_one(g, irq, bank);
    }
}

static void write_groups(struct domain_vgic *g, struct vcpu *v, unsigned first, uint32_t value) REQUIRES(g->lock)
{
    for (unsigned i = 0; i < 32; i++) {
        struct virq *irq = vgic_virq(g, v, first + i);

        if (irq)
            set_group(g, irq, (value >> i) & 1);
    }
}

static bool access_bits(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    enum bank bank = (enum bank)(a->offset >> 7);
    unsigned first = (unsigned)(a->offset & 0x7f) * 8;

    if (a->size != 4)
        return false;
    vgic_begin(g);
    if (!a->write)
        a->value = read_bits(g, v, bank, first);
    else if (bank == BANK_GROUP)
        write_groups(g, v, first, (uint32_t)a->value);
    else
        write_bits(g, v, bank, first, (uint32_t)a->value);
    vgic_end(g);
    return true;
}

static void set_priority(struct domain_vgic *g, struct virq *irq, uint8_t priority) REQUIRES(g->lock)
{
    priority &= (uint8_t)(0xff << (8 - gic.priority_bits));
    if (irq->priority == priority)
        return;
    vgic_gather(g, irq);
    irq->priority = priority;
    vgic_settle(g, irq);
}

static bool access_priorities(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    unsigned first = (unsigned)(a->offset - GICD_IPRIORITYR);

    if (a->size != 1 && a->size != 4)
        return false;
    vgic_begin(g);
    for (unsigned i = 0; i < a->size; i++) {
        struct virq *irq = vgic_virq(g, v, first + i);

        if (!irq)
            continue;
        if (a->write)
            set_priority(g, irq, (uint8_t)(a->value >> (8 * i)));
        else
            a->value |= (uint64_t)irq->priority << (8 * i);
    }
    vgic_end(g);
    return true;
}

/* SGIs are edges, always. */
static void set_level(struct domain_vgic *g, struct virq *irq, bool level) REQUIRES(g->lock)
{
    if (is_sgi(irq) || irq->level == level)
        return;
    vgic_gather(g, irq);
    irq->level = level;
    if (irq->enabled)
        vgic_follow_physical(irq);
    vgic_settle(g, irq);
}

static bool access_types(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    unsigned first = (unsigned)(a->offset - GICD_ICFGR) * 4;

    if (a->size != 4)
        return false;
    vgic_begin(g);
    for (unsigned i = 0; i < 16; i++) {
        struct virq *irq = vgic_virq(g, v, first + i);

        if (!irq)
            continue;
        if (a->write)
            set_level(g, irq, !((a->value >> (2 * i)) & 2));
        else if (!irq->level)
            a->value |= UINT64_C(2) << (2 * i);
    }
    vgic_end(g);
    return true;
}

bool vgic_bank_access(struct domain_vgic *g, struct vcpu *v, struct mmio_access *a)
{
    if (!a->write)
        a->value = 0;
    if (a->offset < GICD_IPRIORITYR)
        return access_bits(g, v, a);
    if (a->offset < GICD_ITARGETSR)
        return access_priorities(g, v, a);
    return access_types(g, v, a);
}

/* Out of line, so that the other registers cost no stack frame. */
static NOINLINE bool access_ctlr(struct domain_vgic *g, struct mmio_access *a)
{
    vgic_begin(g);
    if (a->write)
        vgic_set_groups(g, a->value & 1, a->value & 2);
    else
        a->value = g->ctlr_fixed | (uint64_t)g->group_enabled[0] | (uint64_t)g->group_enabled[1] << 1;
    vgic_end(g);
    return true;
}

/* A message-based SPI, by a write of a CPU's (IHI 0069 12.9.36). */
static NOINLINE bool access_message(struct domain_vgic *g, const struct mmio_access *a)
{
    struct virq *irq;

    vgic_begin(g);
    irq = vgic_virq(g, NULL, a->value & 0x3ff);
    if (irq)
        set_pending(g, irq, a->offset == GICD_SETSPI_NSR);
    vgic_end(g);
    return true;
}

bool vgic_control_access(struct domain_vgic *g, struct mmio_access *a)
{
    if (a->size != 4)
        return false;
    if (a->offset == GICD_CTLR)
        return access_ctlr(g, a);
    if (a->write && g->typer & GICD_TYPER_MBIS && (a->offset == GICD_SETSPI_NSR || a->offset == GICD_CLRSPI_NSR))
        return access_message(g, a);
    if (!a->write)
        a->value = a->offset == GICD_TYPER ? g->typer : a->offset == GICD_IIDR ? GIC_IIDR : 0;
    return true;
}
