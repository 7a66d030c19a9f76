// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller: which virtual interrupts there are, how they become pending, and a switch between
 * vCPUs.
 *
 * lr.c has how they reach list registers; dist.c and v2.c or v3.c have the registers that the guest reads and writes.
 *
 * A private physical interrupt (the virtual timer's) belongs to the vCPU that is resident: its active state goes off
 * on the way out, and on again on the way in.
 *
 * One lock per domain, vgic.lock. It is taken after an interrupt handler's (dev/irq.c) and before nothing: kicks happen
 * after it.
 */
#include "arch/nospec.h"
#include "base/cpu.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/vgic/internal.h"

static struct vcpu *residents[MAX_CPUS];   /* each CPU's own entry */

/* --- The lock --- */

static void kick_all(struct domain *d, const uint64_t kicks[2])
{
    for (unsigned word = 0; word < 2; word++)
        for (uint64_t bits = kicks[word]; bits; bits &= bits - 1) {
            struct vcpu *v = domain_vcpu(d, 64 * word + (unsigned)__builtin_ctzll(bits));

            if (v)
                vcpu_kick(v);
        }
}

void vgic_end_and_kick(struct domain_vgic *g)
{
    uint64_t kicks[2] = { g->kicks[0], g->kicks[1] };

    g->kicks[0] = g->kicks[1] = 0;
    spin_unlock(&g->lock);
    kick_all(g->domain, kicks);
}

struct virq *vgic_virq(struct domain_vgic *g, struct vcpu *v, unsigned intid)
{
    if (intid < VGIC_NR_PRIVATE)
        return v ? &v->vgic.private[index_nospec(intid, VGIC_NR_PRIVATE)] : NULL;
    intid -= VGIC_NR_PRIVATE;
    return intid < g->nr_spis ? &g->spis[index_nospec(intid, g->nr_spis)] : NULL;
}

/* --- Injection --- */

/*
 * The usual case, and the short way: a list register of this CPU still has the interrupt from last time. A list
 * register of this CPU is up to date in all but its state, for a caller that changes the interrupt gathers it, or asks
 * for a refold.
 */
static bool pend_again(struct domain_vgic *g, struct virq *irq, unsigned source, bool hw) REQUIRES(g->lock)
{
    struct vcpu *v = irq->holder;

    if (irq->lr == VGIC_NO_LR || !vcpu_is_here(v) || v != irq->target || v->vgic.refold || irq->given.hw_active != hw ||
        !gic_lr_pend_again(irq->lr, source, hw))
        return false;
    irq->given.pending = true;
    if (v->blocked)
        vgic_notify(g, v);
    return true;
}

static void inject(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (likely(pend_again(g, irq, 0, false))) {
        irq->given.latch = true;
        return;
    }
    vgic_gather(g, irq);
    irq->latch = true;
    vgic_settle(g, irq);
}

void vgic_inject(struct domain *d, struct vcpu *v, unsigned intid)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *irq;

    vgic_begin(g);
    irq = vgic_virq(g, v, intid);
    if (irq)
        inject(g, irq);
    vgic_end(g);
}

unsigned vgic_inject_message(struct domain *d, unsigned intid)
{
    struct domain_vgic *g = &d->vgic;
    unsigned cpu = this_cpu()->id;
    struct virq *irq;

    vgic_begin(g);
    irq = vgic_virq(g, NULL, intid);
    if (irq) {
        inject(g, irq);
        if (irq->target && irq->target->sched.cpu)
            cpu = sched_cpu_number(&irq->target->sched);
    }
    vgic_end(g);
    return cpu;
}

void vgic_inject_away(struct vcpu *v, unsigned intid)
{
    struct domain_vgic *g = &v->domain->vgic;

    vgic_begin(g);
    if (!v->vgic.resident) {
        v->vgic.private[intid].latch = true;   /* it is in no list register */
        vgic_settle(g, &v->vgic.private[intid]);
    }
    vgic_end(g);
}

void vgic_retract(struct domain *d, struct vcpu *v, unsigned intid)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *irq;

    vgic_begin(g);
    irq = vgic_virq(g, v, intid);
    if (irq && vgic_gather(g, irq)) {
        irq->latch = false;
        vgic_settle(g, irq);
    }
    vgic_end(g);
}

/* GICv2: an SGI is pending from each of its senders for itself. */
static NOINLINE void inject_from(struct domain_vgic *g, struct virq *irq, unsigned source) REQUIRES(g->lock)
{
    if (pend_again(g, irq, source, false)) {
        irq->given.source_bit = (uint8_t)(1u << source);
    } else {
        vgic_gather(g, irq);
        irq->sources |= (uint8_t)(1u << source);
        vgic_settle(g, irq);
    }
}

void vgic_send_sgi(struct domain_vgic *g, struct vcpu *v, unsigned sgi, unsigned source)
{
    struct virq *irq = &v->vgic.private[sgi];

    if (g->version == 3)
        inject(g, irq);
    else
        inject_from(g, irq, source);
}

void vgic_set_line(struct domain *d, struct vcpu *v, unsigned intid, bool high)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *irq;

    vgic_begin(g);
    irq = vgic_virq(g, v, intid);
    if (irq && irq->line != high) {
        vgic_gather(g, irq);
        irq->line = high;
        irq->latch |= high && !irq->level;
        vgic_settle(g, irq);
    }
    vgic_end(g);
}

static void pair_private(struct vcpu *v, struct virq *virq, unsigned irq)
{
    virq->hw_irq = (uint16_t)irq;
    v->vgic.hw_private |= 1u << virq->intid;
}

void vgic_pair_private(struct vcpu *v, unsigned intid, unsigned irq)
{
    struct domain_vgic *g = &v->domain->vgic;

    vgic_begin(g);
    pair_private(v, &v->vgic.private[intid], irq);
    vgic_end(g);
}

/*
 * True if irq's end may be left to the guest: it is this interrupt's, and a private one's vCPU is the one of this CPU.
 */
static bool takes_physical(struct vcpu *v, struct virq *virq, unsigned irq)
{
    if (!virq)
        return false;
    if (!virq_is_private(virq))
        return virq->hw_irq == irq;
    pair_private(v, virq, irq);
    return vcpu_is_here(v);
}

static void inject_active(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (likely(pend_again(g, irq, 0, true))) {
        irq->given.latch = true;
        return;
    }
    vgic_gather(g, irq);
    irq->latch = true;
    irq->hw_active = true;
    vgic_settle(g, irq);
    vgic_follow_target(irq);
}

void vgic_inject_physical(struct domain *d, struct vcpu *v, unsigned intid, unsigned irq)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *virq;

    vgic_begin(g);
    virq = vgic_virq(g, v, intid);
    if (!takes_physical(v, virq, irq)) {
        gic_set_active(irq, false);
    } else {
        inject_active(g, virq);
    }
    vgic_end(g);
}

/* --- Switches --- */

/* A private interrupt that the guest has yet to end keeps the physical one of this CPU from coming. */
static void load_private(struct vcpu_vgic *c)
{
    for (uint32_t bits = c->hw_private; bits; bits &= bits - 1) {
        struct virq *irq = &c->private[__builtin_ctz(bits)];

        irq->hw_active = irq->active || irq->latch;
        if (irq->hw_active)
            gic_set_active(irq->hw_irq, true);
    }
}

static void save_private(struct vcpu_vgic *c)
{
    for (uint32_t bits = c->hw_private; bits; bits &= bits - 1) {
        struct virq *irq = &c->private[__builtin_ctz(bits)];

        if (irq->hw_active)
            gic_set_active(irq->hw_irq, false);
    }
}

void vgic_load(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    struct vcpu_vgic *c = &v->vgic;

    vgic_begin(g);
    c->resident = this_cpu();
    residents[this_cpu()->id] = v;
    c->refold = false;
    gic_vcpu_load(&c->interface);
    load_private(c);
    if (!list_empty(&c->queue))
        vgic_fill_registers(g, v);
    vgic_end(g);
}

void vgic_save(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    struct vcpu_vgic *c = &v->vgic;

    vgic_begin(g);
    vgic_empty_registers(g, v);
    save_private(c);
    gic_vcpu_save(&c->interface);
    c->resident = NULL;
    residents[this_cpu()->id] = NULL;
    vgic_end(g);
}

void vgic_update_running(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;

    vgic_begin(g);
    if (vcpu_is_here(v))   /* if not, it was saved in between, and comes in by vgic_load */
        vgic_look_at_queue(g, v);
    vgic_end(g);
}

static void maintenance_interrupt(unsigned intid, void *data)
{
    struct vcpu *v = residents[this_cpu()->id];
    struct domain_vgic *g;

    (void)intid;
    (void)data;
    if (!v)
        return;
    g = &v->domain->vgic;
    vgic_begin(g);
    vgic_refold(g, v);
    vgic_end(g);
}

void vgic_init(void)
{
    if (irq_request(gic.maintenance_irq, maintenance_interrupt, NULL, "virtual interrupts"))
        panic("the maintenance interrupt %u cannot be had", gic.maintenance_irq);
}

/* --- Interrupts that a vCPU would take --- */

static bool is_above_mask(const struct virq *irq, uint8_t mask, const bool group_enabled[2])
{
    return irq->priority < mask && group_enabled[irq->group1];
}

static struct virq *first_above_mask(struct domain_vgic *g, struct vcpu *v, uint8_t mask, const bool group_enabled[2],
                                     unsigned except) REQUIRES(g->lock)
{
    struct vcpu_vgic *c = &v->vgic;

    /* If another CPU made an interrupt pending that a list register here holds, only a refold shows it. */
    if (c->refold && vcpu_is_here(v))
        vgic_refold(g, v);
    list_for_each(irq, &c->queue, struct virq, node)
        if (virq_is_deliverable(irq) && g->group_enabled[irq->group1] && is_above_mask(irq, mask, group_enabled) &&
            irq->intid != except)
            return irq;
    for (uint32_t used = vcpu_is_here(v) ? c->used : 0; used; used &= used - 1) {
        unsigned n = (unsigned)__builtin_ctz(used);
        struct gic_lr lr;

        gic_lr_decode(gic_lr_read(n), &lr);
        if (lr.pending && is_above_mask(c->lrs[n], mask, group_enabled) && c->lrs[n]->intid != except)
            return c->lrs[n];
    }
    return NULL;
}

static NOINLINE bool takes_any(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    bool group_enabled[2];
    uint8_t mask;

    gic_vmcr_decode(vcpu_is_here(v) ? gic_read_vmcr() : v->vgic.interface.vmcr, &mask, group_enabled);
    return first_above_mask(g, v, mask, group_enabled, VGIC_NO_INTID);
}

/*
 * An interrupt is in the queue, or in a list register of this CPU. One that has ended and still stands in a register
 * does not count.
 */
static bool holds_any(const struct vcpu *v)
{
    const struct vcpu_vgic *c = &v->vgic;

    return !list_empty(&c->queue) || (c->used && vcpu_is_here(v) && (c->refold || c->used & ~gic_lrs_empty()));
}

bool vgic_pending(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    bool pending;

    vgic_begin(g);
    pending = holds_any(v) && takes_any(g, v);
    vgic_end(g);
    return pending;
}

unsigned vgic_waker(struct vcpu *v, unsigned except)
{
    static const bool both_groups[2] = { true, true };
    struct domain_vgic *g = &v->domain->vgic;
    const struct virq *irq;
    unsigned intid;

    vgic_begin(g);
    irq = first_above_mask(g, v, 0xff, both_groups, except);
    intid = irq ? irq->intid : VGIC_NO_INTID;
    vgic_end(g);
    return intid;
}

/* --- Beginning and end --- */

/*
 * GICD_CTLR: interrupts of a group that went off are taken back from list registers, those that waited for a group go
 * in.
 */
void vgic_set_groups(struct domain_vgic *g, bool group0, bool group1)
{
    if (g->group_enabled[0] == group0 && g->group_enabled[1] == group1)
        return;
    g->group_enabled[0] = group0;
    g->group_enabled[1] = group1;
    for (unsigned i = 0; i < g->domain->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(g->domain, i);

        if (!v)
            continue;
        if (vcpu_is_here(v)) {
            vgic_refold(g, v);
        } else {
            v->vgic.refold = true;
            vgic_notify(g, v);
        }
    }
}

static void virq_init(struct virq *irq, unsigned intid, unsigned version)
{
    *irq = (struct virq){
        .intid = (uint16_t)intid,
        .lr = VGIC_NO_LR,
        .group1 = version == 3,
        .enabled = intid < VGIC_NR_SGIS,
        .level = intid >= VGIC_NR_SGIS,
    };
    list_init(&irq->node);
}

/* SPIs go to the first vCPU until the guest says otherwise. */
static void aim_spis(struct domain_vgic *g, struct vcpu *v)
{
    vgic_begin(g);
    for (unsigned i = 0; i < g->nr_spis; i++) {
        g->spis[i].target = v;
        g->spis[i].route = g->version == 2 ? 1 : 0;
    }
    vgic_end(g);
}

int vgic_vcpu_init(struct vcpu *v)
{
    struct vcpu_vgic *c = &v->vgic;

    list_init(&c->queue);
    for (unsigned i = 0; i < VGIC_NR_PRIVATE; i++) {
        virq_init(&c->private[i], i, v->domain->vgic.version);
        c->private[i].target = v;
    }
    if (v->id == 0)
        aim_spis(&v->domain->vgic, v);
    return 0;
}

/* v is off, all of its state in memory. The physical side of its private interrupts is the timer's, and stays. */
void vgic_vcpu_reset(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    struct vcpu_vgic *c = &v->vgic;

    vgic_begin(g);
    BUG_ON(c->resident);
    for (unsigned i = 0; i < VGIC_NR_PRIVATE; i++) {
        struct virq *irq = &c->private[i];
        uint16_t hw_irq = irq->hw_irq;

        if (irq->queued)
            vgic_dequeue(irq);
        virq_init(irq, i, g->version);
        irq->target = v;
        irq->hw_irq = hw_irq;
    }
    c->asleep = true;
    c->interface = (struct gic_vcpu_state){ .vmcr = gic_vmcr_reset() };
    vgic_end(g);
}

/* The domain ends: SPIs lose v. */
void vgic_vcpu_destroy(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;

    vgic_begin(g);
    BUG_ON(v->vgic.resident);
    for (unsigned i = 0; i < g->nr_spis; i++) {
        struct virq *irq = &g->spis[i];

        if (irq->queued && irq->holder == v)
            vgic_dequeue(irq);
        if (irq->target == v)
            irq->target = NULL;
        if (irq->holder == v) {
            irq->holder = NULL;
            irq->active = false;
        }
    }
    vgic_end(g);
}

int vgic_domain_init(struct domain *d, unsigned version, unsigned nr_spis, const struct vgic_layout *layout)
{
    struct domain_vgic *g = &d->vgic;
    struct virq *spis;

    if (version != gic.version)
        return -ENODEV;
    if (nr_spis > VGIC_MAX_SPIS || nr_spis % 32 || g->version)
        return -EINVAL;
    spis = nr_spis ? heap_alloc_array(nr_spis, sizeof(*spis)) : NULL;
    if (nr_spis && !spis)
        return -ENOMEM;
    for (unsigned i = 0; i < nr_spis; i++)
        virq_init(&spis[i], VGIC_NR_PRIVATE + i, version);
    g->domain = d;
    g->version = version;
    g->nr_spis = nr_spis;
    g->spis = spis;
    return version == 2 ? vgicv2_init(d, layout) : vgicv3_init(d, layout);
}
