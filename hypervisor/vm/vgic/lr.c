// SPDX-License-Identifier: Apache-2.0
/*
 * How virtual interrupts reach list registers.
 *
 * Each vCPU has a queue of the interrupts that it is to see (pending and enabled, or active), best first, and list
 * registers that are filled from its head. A vCPU's list registers are written only by the CPU where it is resident;
 * every other CPU queues, sets WORK_VGIC and kicks. Interrupts that a guest has ended are noticed lazily: when a
 * register is wanted, when the state is looked at, or on a switch. When more interrupts want in than there are
 * registers, all are taken back and the best put in (refold); the maintenance interrupt calls when it is the others'
 * turn.
 *
 * A physical interrupt that was handed over stays active until its virtual one ends: by the list register itself (hw)
 * where that works, otherwise by us after the end's maintenance interrupt.
 */
#include "lib/bitmap.h"
#include "vm/vgic/internal.h"

/*
 * Ends the physical interrupt. A private one's active state is in the registers only while its vCPU is resident here.
 */
static void release_physical(struct virq *irq)
{
    irq->hw_active = false;
    if (!virq_is_private(irq) || vcpu_is_here(irq->target))
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

void vgic_dequeue(struct virq *irq)
{
    list_remove(&irq->node);
    irq->queued = false;
}

/* Joins the list register's state with the fields'. The register is then free but still has to be written. */
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

/*
 * Short for absorb() and sort_in() where a list register holds nothing any more: the guest has ended its interrupt, and
 * nothing more was asked of it. False: there is more to it.
 */
static bool forget(struct vcpu_vgic *c, unsigned n)
{
    struct virq *irq = c->lrs[n];

    if (irq->given.hw_active || irq->asked.set_active || virq_has_pending(irq))
        return false;
    irq->active = false;
    irq->given = (typeof(irq->given)){ 0 };
    irq->asked = (typeof(irq->asked)){ 0 };
    irq->holder = irq->target;
    irq->lr = VGIC_NO_LR;
    c->lrs[n] = NULL;
    c->used &= ~(1u << n);
    c->stale |= 1u << n;
    return true;
}

/* The sender whose SGI goes into the list register; an active one's stays. */
static uint8_t pick_source(const struct virq *irq)
{
    if (irq->active || !irq->sources)
        return irq->active_source;
    return (uint8_t)__builtin_ctz(irq->sources);
}

/*
 * The list register may show it as pending. An interrupt that is active here and goes elsewhere next, or comes next
 * from another sender, waits for its end.
 */
static bool may_show_pending(const struct virq *irq, uint8_t source, bool barred)
{
    if (barred || !virq_is_deliverable(irq) || (irq->active && irq->target != irq->holder))
        return false;
    return !irq->sources || irq->latch || irq->sources & (1u << source);
}

/*
 * Moves irq's state into list register n. One that is active may be barred: it, or its group, was switched off since.
 * Its end then makes a maintenance interrupt, so that it does not come again by gic_lr_pend_again().
 */
static ALWAYS_INLINE void fill(struct domain_vgic *g, struct vcpu_vgic *c, unsigned n, struct virq *irq)
    REQUIRES(g->lock)
{
    bool barred = unlikely(irq->active) && !(irq->enabled && g->group_enabled[irq->group1]);
    struct gic_lr lr = {
        .intid = irq->intid,
        .hw_irq = irq->hw_irq,
        .priority = irq->priority,
        .group1 = irq->group1,
        .active = irq->active,
        .source = pick_source(irq),
    };

    lr.pending = may_show_pending(irq, lr.source, barred);
    /* Pending and active at once is not for a register that deactivates the physical interrupt (IHI 0069 12.4.2). */
    lr.hw = irq->hw_active && gic.lr_deactivates && !barred && !(irq->active && virq_is_deliverable(irq));
    irq->given.pending = lr.pending;
    irq->given.hw_active = irq->hw_active;
    irq->hw_active = false;
    if (lr.pending) {
        irq->given.latch = irq->latch;
        irq->given.source_bit = irq->sources & (uint8_t)(1u << lr.source);
        irq->latch = false;
        irq->sources &= (uint8_t)~irq->given.source_bit;
    }
    lr.eoi_interrupt = !lr.hw && (barred || irq->given.hw_active || virq_is_deliverable(irq));
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

/* One that has just been absorbed goes back without a detour over a zero. */
static unsigned first_register(const struct vcpu_vgic *c, uint32_t unused)
{
    return (unsigned)__builtin_ctz(c->stale & unused ? c->stale & unused : unused);
}

/* The first of the queue that may go into a list register. */
static struct virq *pick(struct domain_vgic *g, struct vcpu_vgic *c, bool only_pending) REQUIRES(g->lock)
{
    list_for_each(irq, &c->queue, struct virq, node) {
        if (only_pending && !(virq_is_deliverable(irq) && !irq->active))
            continue;
        if (irq->active || g->group_enabled[irq->group1])
            return irq;
    }
    return NULL;
}

/* An interrupt that could be taken now: pending alone, the state that GIC_MAINT_NO_PENDING looks for, too. */
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
        vgic_dequeue(irq);
        fill(g, c, first_register(c, unused), irq);
    }
    return !list_empty(&c->queue) && pick(g, c, false);
}

/*
 * Short for sort_in() and top_up() where nothing else waits for a list register: irq, which is in none and whose holder
 * runs here, takes one at once, unless that is the last, or has nothing to show.
 */
static NOINLINE bool fill_at_once(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    struct vcpu *v = irq->holder;
    uint32_t unused = (uint32_t)(BIT(gic.nr_lrs) - 1) & ~v->vgic.used;

    if (v != irq->target || irq->queued || !list_empty(&v->vgic.queue) || v->vgic.refold ||
        !(unused & (unused - 1)) || !virq_is_deliverable(irq) || !g->group_enabled[irq->group1])
        return false;
    fill(g, &v->vgic, first_register(&v->vgic, unused), irq);
    return true;
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

/*
 * Ends that met no list register were of active interrupts in the queue, best first: a guest ends the one that
 * preempted before the others. So they are taken before any is put into the queue, or leaves it. One that deactivates
 * by ICC_DIR or GICC_DIR in another order, while it has more of them active than there are list registers, ends the
 * wrong ones, of its own: the count does not say which (IHI 0069 12.4.7), and GICv2 cannot trap that register alone.
 */
static NOINLINE void take_eoi_count(struct vcpu_vgic *c)
{
    unsigned count = gic_take_eoi_count();

    list_for_each_safe(irq, &c->queue, struct virq, node) {
        if (!count)
            return;
        if (!irq->active)
            continue;
        irq->active = false;
        if (irq->hw_active)
            release_physical(irq);
        if (!virq_is_deliverable(irq))
            vgic_dequeue(irq);
        count--;
    }
}

/* --- Where an interrupt belongs --- */

/* Queues irq where its state says, or nowhere. Returns the vCPU that has to look at its queue, or NULL. */
static struct vcpu *sort_in(struct virq *irq)
{
    if (irq->queued)
        vgic_dequeue(irq);
    if (irq->hw_active && !irq->active && !virq_has_pending(irq))
        release_physical(irq);
    if (!irq->active || !irq->holder)
        irq->holder = irq->target;
    if (!irq->holder || !(irq->active || virq_is_deliverable(irq)))
        return NULL;
    enqueue(&irq->holder->vgic, irq);
    return irq->holder;
}

void vgic_notify(struct domain_vgic *g, struct vcpu *v)
{
    if (v->vgic.resident && !vcpu_is_here(v))
        __atomic_fetch_or(&v->work, WORK_VGIC, __ATOMIC_SEQ_CST);
    bitmap_set(g->kicks, v->id);
}

/* Returns the list registers that hold nothing, as they stand: a bitmap. */
static uint32_t take_back(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    struct vcpu_vgic *c = &v->vgic;
    uint32_t empty = c->used ? gic_lrs_empty() : 0;

    if (c->maintenance & GIC_MAINT_EOI_COUNT)
        take_eoi_count(c);
    for (uint32_t used = c->used; used; used &= used - 1) {
        unsigned n = (unsigned)__builtin_ctz(used);
        struct virq *irq = c->lrs[n];
        struct vcpu *now_for;

        if (empty & 1u << n && forget(c, n))
            continue;
        absorb(c, n);
        now_for = sort_in(irq);
        if (now_for && now_for != v)
            vgic_notify(g, now_for);
    }
    return empty;
}

void vgic_empty_registers(struct domain_vgic *g, struct vcpu *v)
{
    v->vgic.stale &= ~take_back(g, v);
    clear_stale(&v->vgic);
    v->vgic.maintenance = 0;
}

void vgic_fill_registers(struct domain_vgic *g, struct vcpu *v)
{
    bool rest = top_up(g, &v->vgic);

    if (unlikely(rest || v->vgic.maintenance))
        watch_for_room(g, &v->vgic, rest);
}

/* A private interrupt that another CPU changed: the physical one's end is for this CPU. */
static void sort_in_private(struct vcpu_vgic *c)
{
    for (uint32_t bits = c->hw_private; bits; bits &= bits - 1) {
        struct virq *irq = &c->private[__builtin_ctz(bits)];

        if (irq->lr == VGIC_NO_LR && !irq->queued)
            sort_in(irq);
    }
}

void vgic_refold(struct domain_vgic *g, struct vcpu *v)
{
    v->vgic.refold = false;
    (void)take_back(g, v);
    sort_in_private(&v->vgic);
    vgic_fill_registers(g, v);
    clear_stale(&v->vgic);
}

void vgic_look_at_queue(struct domain_vgic *g, struct vcpu *v)
{
    if (unlikely(v->vgic.maintenance & GIC_MAINT_EOI_COUNT))
        take_eoi_count(&v->vgic);
    if (v->vgic.refold || top_up(g, &v->vgic))
        vgic_refold(g, v);
}

static void deliver(struct domain_vgic *g, struct vcpu *v) REQUIRES(g->lock)
{
    if (!vcpu_is_here(v)) {
        vgic_notify(g, v);
        return;
    }
    vgic_look_at_queue(g, v);
    if (v->blocked)
        vgic_notify(g, v);
}

bool vgic_gather(struct domain_vgic *g, struct virq *irq)
{
    (void)g;
    if (irq->lr == VGIC_NO_LR)
        return true;
    if (!vcpu_is_here(irq->holder))
        return false;
    if (unlikely(irq->holder->vgic.maintenance & GIC_MAINT_EOI_COUNT))
        take_eoi_count(&irq->holder->vgic);
    absorb(&irq->holder->vgic, irq->lr);
    return true;
}

void vgic_settle(struct domain_vgic *g, struct virq *irq)
{
    struct vcpu *before = irq->holder, *now;

    if (irq->lr != VGIC_NO_LR) {
        before->vgic.refold = true;
        vgic_notify(g, before);
        return;
    }
    if (before && vcpu_is_here(before) && fill_at_once(g, irq)) {
        if (before->blocked)
            vgic_notify(g, before);
    } else {
        now = sort_in(irq);
        if (now)
            deliver(g, now);
    }
    if (before && before->vgic.stale)
        clear_stale(&before->vgic);
}

static bool lr_state(const struct virq *irq, struct gic_lr *lr)
{
    if (irq->lr == VGIC_NO_LR || !vcpu_is_here(irq->holder))
        return false;
    gic_lr_decode(gic_lr_read(irq->lr), lr);
    return true;
}

/* The state in another CPU's list register is known as of its last fold: a reader of it makes that CPU fold. */
static void look_again(struct domain_vgic *g, struct virq *irq) REQUIRES(g->lock)
{
    if (irq->lr == VGIC_NO_LR || vcpu_is_here(irq->holder) || !(irq->active || irq->given.pending))
        return;
    irq->holder->vgic.refold = true;
    vgic_notify(g, irq->holder);
}

bool vgic_shows_pending(struct domain_vgic *g, struct virq *irq)
{
    struct gic_lr lr;

    look_again(g, irq);
    if (virq_has_pending(irq))
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
