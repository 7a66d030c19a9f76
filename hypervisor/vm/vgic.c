// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller: which virtual interrupts there are, where each stands, and how it gets into a list register.
 *
 * Each vCPU has a queue of what it is to see (pending and enabled, or active), best first, and list
 * registers that are filled from its head. A vCPU's list registers are written only by the CPU where it is resident;
 * everybody else queues, sets WORK_VGIC and kicks. What a guest has ended is noticed lazily: when a register is wanted, when
 * the state is looked at, or on a switch. When more wants in than there are registers, all are taken back and the best put in
 * (refold); the maintenance interrupt calls when it is the others' turn.
 *
 * A physical interrupt that was handed over stays active until its virtual one ends: by the list register itself
 * (hw) where that works, otherwise by us after the end's maintenance interrupt. A private one's physical active state is the
 * vCPU's that is resident: off on the way out, on again on the way in.
 *
 * One lock per domain, vgic.lock. It is taken after an interrupt entry's (irq.c) and before nothing: kicks happen after it.
 */
#include "cpu/cpu.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/irq.h"
#include "vm/vgic_internal.h"

static struct vcpu *residents[MAX_CPUS];   /* each CPU's own entry */

/* --- The lock --- */

void vgic_begin(struct domain_vgic *g) { spin_lock(&g->lock); }

static void kick_all(struct domain *d, const uint64_t kicks[2])
{
    for (unsigned id = bitmap_find(kicks, 128, 0, true); id < 128; id = bitmap_find(kicks, 128, id + 1, true)) {
        struct vcpu *v = domain_vcpu(d, id);

        if (v)
            vcpu_kick(v);
    }
}

static __attribute__((noinline)) void end_and_kick(struct domain_vgic *g) RELEASES(g->lock)
{
    uint64_t kicks[2] = { g->kicks[0], g->kicks[1] };

    g->kicks[0] = g->kicks[1] = 0;
    spin_unlock(&g->lock);
    kick_all(g->domain, kicks);
}

void vgic_end(struct domain_vgic *g)
{
    if (unlikely(g->kicks[0] | g->kicks[1]))
        end_and_kick(g);
    else
        spin_unlock(&g->lock);
}

/* --- One interrupt --- */

struct virq *vgic_virq(struct domain_vgic *g, struct vcpu *v, unsigned intid)
{
    if (intid < VGIC_NR_PRIVATE)
        return v ? &v->vgic.private[intid] : NULL;
    return intid - VGIC_NR_PRIVATE < g->nr_spis ? &g->spis[intid - VGIC_NR_PRIVATE] : NULL;
}

static bool is_private(const struct virq *irq) { return irq->intid < VGIC_NR_PRIVATE; }
static bool is_here(const struct vcpu *v) { return v->vgic.resident == this_cpu(); }
static bool has_pending(const struct virq *irq) { return irq->latch || irq->sources || (irq->level && irq->line); }
static bool is_deliverable(const struct virq *irq) { return irq->enabled && has_pending(irq); }

/* Ends the physical interrupt. A private one's active state is in the registers only while its vCPU is resident here. */
static void release_physical(struct virq *irq)
{
    irq->hw_active = false;
    if (!is_private(irq) || is_here(irq->target))
        gic_set_active(irq->hw_irq, false);
}

/* --- Queue and list registers of one vCPU --- */

static bool goes_before(const struct virq *a, const struct virq *b)
{
    if (a->priority != b->priority)
        return a->priority < b->priority;
    if (a->active != b->active)
        return a->active;
    return a->intid < b->intid;
}

static void enqueue(struct vcpu_vgic *c, struct virq *irq)
{
    struct list *at = &c->queue;

    list_for_each(other, &c->queue, struct virq, node)
        if (goes_before(irq, other)) {
            at = &other->node;
            break;
        }
    list_insert_before(at, &irq->node);
    irq->queued = true;
}

static void dequeue(struct virq *irq)
{
    list_remove(&irq->node);
    irq->queued = false;
}

/* What the list register says joins what the fields say. The register is then free but still has to be written. */
static void absorb(struct vcpu_vgic *c, unsigned n)
{
    struct virq *irq = c->lrs[n];
    struct gic_lr lr;
    bool ended;

    gic_lr_decode(gic_lr_read(n), &lr);
    ended = !lr.pending && !lr.active;
    if (lr.pending && !irq->asked.clear_pending) {
        irq->latch |= irq->given.latch;
        irq->sources |= (uint8_t)(irq->given.source_bit);
    }
    irq->active = (lr.active && !irq->asked.clear_active) || irq->asked.set_active;
    irq->active_source = lr.source;
    if (irq->given.hw_active && ended && !lr.hw)
        release_physical(irq);
    else if (irq->given.hw_active && !ended)
        irq->hw_active = true;
    irq->given = (typeof(irq->given)){ 0 };
    irq->asked = (typeof(irq->asked)){ 0 };
    irq->lr = VGIC_NO_LR;
    c->lrs[n] = NULL;
    c->used &= ~(1u << n);
    c->stale |= 1u << n;
}

/* The sender whose SGI goes into the list register; an active one's stays. */
static uint8_t pick_source(const struct virq *irq)
{
    if (irq->active || !irq->sources)
        return irq->active_source;
    return (uint8_t)__builtin_ctz(irq->sources);
}

/*
 * Pending as far as the list register may know: what is active here and goes elsewhere next, or comes next from another sender, waits for
 * its end.
 */
static bool may_show_pending(const struct virq *irq, uint8_t source)
{
    if (!is_deliverable(irq) || (irq->active && irq->target != irq->holder))
        return false;
    return !irq->sources || irq->latch || irq->sources & (1u << source);
}

/* Moves irq's state into list register n. */
static void fill(struct vcpu_vgic *c, unsigned n, struct virq *irq)
{
    struct gic_lr lr = {
        .intid = irq->intid,
        .hw_irq = irq->hw_irq,
        .priority = irq->priority,
        .group1 = irq->group1,
        .active = irq->active,
        .source = pick_source(irq),
    };

    lr.pending = may_show_pending(irq, lr.source);
    /* Pending and active at once is not for a register that deactivates the physical interrupt (IHI 0069 12.4.2). */
    lr.hw = irq->hw_active && gic.lr_deactivates && !(irq->active && is_deliverable(irq));
    irq->given.pending = lr.pending;
    irq->given.hw_active = irq->hw_active;
    irq->hw_active = false;
    if (lr.pending) {
        irq->given.latch = irq->latch;
        irq->given.source_bit = irq->sources & (uint8_t)(1u << lr.source);
        irq->latch = false;
        irq->sources &= (uint8_t)~irq->given.source_bit;
    }
    lr.eoi_interrupt = !lr.hw && (irq->given.hw_active || is_deliverable(irq));
    irq->lr = (uint8_t)n;
    c->lrs[n] = irq;
    c->used |= 1u << n;
    c->stale &= ~(1u << n);
    gic_lr_write(n, gic_lr_encode(&lr));
}

static void clear_stale(struct vcpu_vgic *c)
{
    for (; c->stale; c->stale &= c->stale - 1)
        gic_lr_write((unsigned)__builtin_ctz(c->stale), 0);
}

/* The first of the queue that may go into a list register. */
static struct virq *pick(struct domain_vgic *g, struct vcpu_vgic *c, bool only_pending) REQUIRES(g->lock)
{
    list_for_each(irq, &c->queue, struct virq, node) {
        if (only_pending && !(is_deliverable(irq) && !irq->active))
            continue;
        if (irq->active || g->group_enabled[irq->group1])
            return irq;
    }
    return NULL;
}

/* Something that could be taken now: pending alone, which is also what GIC_MAINT_NO_PENDING looks for. */
static bool any_given_pending(const struct vcpu_vgic *c)
{
    for (uint32_t used = c->used; used; used &= used - 1) {
        const struct virq *irq = c->lrs[__builtin_ctz(used)];

        if (irq->given.pending && !irq->active)
            return true;
    }
    return false;
}

static void set_maintenance(struct vcpu_vgic *c, uint32_t reasons)
{
    if (c->maintenance == reasons)
        return;
    c->maintenance = reasons;
    gic_set_maintenance(reasons);
}

/*
 * Fills free list registers from the queue. The last one is kept for something pending, so that many active interrupts
 * (a guest that deactivates late) cannot keep out all others. Returns true if something remains outside.
 */
static bool top_up(struct domain_vgic *g, struct vcpu_vgic *c) REQUIRES(g->lock)
{
    uint32_t all = (uint32_t)(BIT(gic.nr_lrs) - 1), unused;

    while (!list_empty(&c->queue) && (unused = all & ~c->used) != 0) {
        bool last = !(unused & (unused - 1));
        struct virq *irq = pick(g, c, last && !any_given_pending(c));

        if (!irq && last)
            irq = pick(g, c, false);
        if (!irq)
            break;
        dequeue(irq);
        /* One that has just been absorbed goes back without a detour over a zero. */
        fill(c, (unsigned)__builtin_ctz(c->stale & unused ? c->stale & unused : unused), irq);
    }
    return !list_empty(&c->queue) && pick(g, c, false);
}

/* Maintenance interrupts for those that found no list register. */
static void watch_for_room(struct domain_vgic *g, struct vcpu_vgic *c, bool rest) REQUIRES(g->lock)
{
    uint32_t reasons = 0;

    if (rest && gic.nr_lrs > 1)
        reasons |= GIC_MAINT_UNDERFLOW;
    if (rest && pick(g, c, true))
        reasons |= GIC_MAINT_NO_PENDING;
    if (rest)
        reasons |= GIC_MAINT_EOI_COUNT;
    set_maintenance(c, reasons);
}

/* Ends that met no list register were of active interrupts in the queue, best first: a guest ends what preempted before the rest. */
static void take_eoi_count(struct vcpu_vgic *c)
{
    unsigned count = c->maintenance & GIC_MAINT_EOI_COUNT ? gic_take_eoi_count() : 0;

    list_for_each_safe(irq, &c->queue, struct virq, node) {
        if (!count)
            return;
        if (!irq->active)
            continue;
        irq->active = false;
        if (irq->hw_active)
            release_physical(irq);
        if (!is_deliverable(irq))
            dequeue(irq);
        count--;
    }
}

/* --- Where an interrupt belongs --- */

/* Queues irq where its state says, or nowhere. Returns the vCPU that has to look at its queue, or NULL. */
static struct vcpu *sort_in(struct virq *irq)
{
    if (irq->queued)
        dequeue(irq);
    if (irq->hw_active && !irq->active && !has_pending(irq))
        release_physical(irq);
    if (!irq->active || !irq->holder)
        irq->holder = irq->target;
    if (!irq->holder || !(irq->active || is_deliverable(irq)))
        return NULL;
    enqueue(&irq->holder->vgic, irq);
    return irq->holder;
}

static void notify(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    if (v->vgic.resident && !is_here(v))
        __atomic_fetch_or(&v->work, WORK_VGIC, __ATOMIC_SEQ_CST);
    bitmap_set(g->kicks, v->id);
}

/* Takes all list registers back and puts in the best. v is resident here. */
static void refold(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    struct vcpu_vgic *c = &v->vgic;

    c->refold = false;
    take_eoi_count(c);
    for (uint32_t used = c->used; used; used &= used - 1) {
        unsigned n = (unsigned)__builtin_ctz(used);
        struct virq *irq = c->lrs[n];
        struct vcpu *now_for;

        absorb(c, n);
        now_for = sort_in(irq);
        if (now_for && now_for != v)
            notify(g, now_for);
    }
    for (uint32_t bits = c->hw_private; bits; bits &= bits - 1) {
        struct virq *irq = &c->private[__builtin_ctz(bits)];

        if (irq->lr == VGIC_NO_LR && !irq->queued)
            sort_in(irq);
    }
    watch_for_room(g, c, top_up(g, c));
    clear_stale(c);
}

static void deliver(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    if (!is_here(v)) {
        notify(g, v);
        return;
    }
    if (top_up(g, &v->vgic))
        refold(g, v);
    if (v->blocked)
        notify(g, v);
}

bool vgic_gather(struct domain_vgic *g, struct virq *irq)
{
    (void)g;
    if (irq->lr == VGIC_NO_LR)
        return true;
    if (!is_here(irq->holder))
        return false;
    absorb(&irq->holder->vgic, irq->lr);
    return true;
}

void vgic_settle(struct domain_vgic *g, struct virq *irq)
{
    struct vcpu *before = irq->holder, *now;

    if (irq->lr != VGIC_NO_LR) {
        before->vgic.refold = true;
        notify(g, before);
        return;
    }
    now = sort_in(irq);
    if (now)
        deliver(g, now);
    if (before && before->vgic.stale)
        clear_stale(&before->vgic);
}

static bool lr_state(const struct virq *irq, struct gic_lr *lr)
{
    if (irq->lr == VGIC_NO_LR || !is_here(irq->holder))
        return false;
    gic_lr_decode(gic_lr_read(irq->lr), lr);
    return true;
}

/* What another CPU's list register holds is known as of its last fold: who polls makes that CPU fold. */
static void look_again(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (irq->lr == VGIC_NO_LR || is_here(irq->holder) || !(irq->active || irq->given.pending))
        return;
    irq->holder->vgic.refold = true;
    notify(g, irq->holder);
}

bool vgic_shows_pending(struct domain_vgic *g, struct virq *irq)
{
    struct gic_lr lr;

    look_again(g, irq);
    if (has_pending(irq))
        return true;
    return lr_state(irq, &lr) ? lr.pending : irq->given.pending && !irq->asked.clear_pending;
}

bool vgic_shows_active(struct domain_vgic *g, struct virq *irq)
{
    struct gic_lr lr;

    look_again(g, irq);
    if (lr_state(irq, &lr))
        return lr.active;
    return (irq->active && !irq->asked.clear_active) || irq->asked.set_active;
}

/* --- What others inject --- */

/*
 * The usual case, and the short way: a list register of this CPU still has the interrupt from last time. What a list register of this
 * CPU holds is up to date in all but its state, for whoever changes the interrupt gathers it.
 */
static bool pend_again(struct domain_vgic *g, struct virq *irq, unsigned source) REQUIRES(g->lock)
{
    struct vcpu *v = irq->holder;

    if (irq->lr == VGIC_NO_LR || !is_here(v) || v != irq->target || irq->given.hw_active || !gic_lr_pend_again(irq->lr, source))
        return false;
    irq->given.pending = true;
    if (v->blocked)
        notify(g, v);
    return true;
}

static void inject(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (likely(pend_again(g, irq, 0))) {
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

void vgic_send_sgi(struct domain_vgic *g, struct vcpu *v, unsigned sgi, unsigned source)
{
    struct virq *irq = &v->vgic.private[sgi];

    if (g->version == 3) {
        inject(g, irq);
    } else if (pend_again(g, irq, source)) {
        irq->given.source_bit = (uint8_t)(1u << source);
    } else {
        vgic_gather(g, irq);
        irq->sources |= (uint8_t)(1u << source);
        vgic_settle(g, irq);
    }
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

/* True if irq's end may be left to the guest: it is this interrupt's, and a private one's vCPU is the one of this CPU. */
static bool takes_physical(struct vcpu *v, struct virq *virq, unsigned irq)
{
    if (!virq)
        return false;
    if (!is_private(virq))
        return virq->hw_irq == irq;
    virq->hw_irq = (uint16_t)irq;
    v->vgic.hw_private |= 1u << virq->intid;
    return is_here(v);
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
        vgic_gather(g, virq);
        virq->latch = true;
        virq->hw_active = true;
        vgic_settle(g, virq);
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
    c->maintenance = 0;
    gic_vcpu_load(&c->interface);
    load_private(c);
    if (!list_empty(&c->queue))
        watch_for_room(g, c, top_up(g, c));
    vgic_end(g);
}

void vgic_save(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    struct vcpu_vgic *c = &v->vgic;

    vgic_begin(g);
    take_eoi_count(c);
    for (uint32_t used = c->used; used; used &= used - 1) {
        struct virq *irq = c->lrs[__builtin_ctz(used)];
        struct vcpu *now_for;

        absorb(c, (unsigned)__builtin_ctz(used));
        now_for = sort_in(irq);
        if (now_for && now_for != v)
            notify(g, now_for);
    }
    clear_stale(c);
    save_private(c);
    gic_vcpu_save(&c->interface);
    c->maintenance = 0;
    c->resident = NULL;
    residents[this_cpu()->id] = NULL;
    vgic_end(g);
}

void vgic_update_running(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;

    vgic_begin(g);
    if (!is_here(v))
        ; /* it was saved in between, and comes in by vgic_load */
    else if (v->vgic.refold || top_up(g, &v->vgic))
        refold(g, v);
    vgic_end(g);
}

void vgic_maintenance_interrupt(void)
{
    struct vcpu *v = residents[this_cpu()->id];
    struct domain_vgic *g;

    if (!v)
        return;
    g = &v->domain->vgic;
    vgic_begin(g);
    refold(g, v);
    vgic_end(g);
}

/* --- What a vCPU would take --- */

static bool is_above_mask(const struct virq *irq, uint8_t mask, const bool group_enabled[2])
{
    return irq->priority < mask && group_enabled[irq->group1];
}

static bool any_above_mask(struct domain_vgic *g, struct vcpu *v, uint8_t mask, const bool group_enabled[2]) REQUIRES(g->lock)
{
    struct vcpu_vgic *c = &v->vgic;

    list_for_each(irq, &c->queue, struct virq, node)
        if (is_deliverable(irq) && g->group_enabled[irq->group1] && is_above_mask(irq, mask, group_enabled))
            return true;
    for (uint32_t used = is_here(v) ? c->used : 0; used; used &= used - 1) {
        unsigned n = (unsigned)__builtin_ctz(used);
        struct gic_lr lr;

        gic_lr_decode(gic_lr_read(n), &lr);
        if (lr.pending && is_above_mask(c->lrs[n], mask, group_enabled))
            return true;
    }
    return false;
}

bool vgic_pending(struct vcpu *v)
{
    struct domain_vgic *g = &v->domain->vgic;
    struct vcpu_vgic *c = &v->vgic;
    bool pending = false, group_enabled[2];
    uint8_t mask;

    vgic_begin(g);
    if (!list_empty(&c->queue) || c->used) {
        gic_vmcr_decode(is_here(v) ? gic_read_vmcr() : c->interface.vmcr, &mask, group_enabled);
        pending = any_above_mask(g, v, mask, group_enabled);
    }
    vgic_end(g);
    return pending;
}

/* --- Beginning and end --- */

/* GICD_CTLR: what is in list registers of a group that went off is taken back, what waited for it goes in. */
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
        if (is_here(v)) {
            refold(g, v);
        } else {
            v->vgic.refold = true;
            notify(g, v);
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
            dequeue(irq);
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
            dequeue(irq);
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
    g->distributor = layout->distributor;
    return version == 2 ? vgicv2_init(d, layout) : vgicv3_init(d, layout);
}
