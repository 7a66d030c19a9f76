// SPDX-License-Identifier: Apache-2.0
#include "fake_gic.h"

#include <stdlib.h>

#include "base/cpu.h"
#include "base/printk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "dev/irq.h"
#include "dev/its.h"
#include "vm/irq.h"

#define IDLE_PRIORITY 0x100
#define NONE          1023

struct gic_info gic;
struct cpu cpus[MAX_CPUS];

static struct {
    struct vcpu *running;
    uint64_t lr[GIC_MAX_LRS];
    uint32_t vmcr, maintenance;
    uint32_t apr;                      /* a bit for each of 32 priorities */
    unsigned eoi_count;
    bool on, split;
    uint32_t waiting;                  /* the interrupt for irq_handle_all(), 0: none */
} interface[FAKE_CPUS];

static struct { bool enabled, edge, active[FAKE_CPUS]; unsigned target; } irqs[FAKE_NR_IRQS];
static unsigned kicks[8], lr_accesses;
static long heap_bytes;

/* --- The rest of the machine --- */

void printk(const char *fmt, ...) { (void)fmt; }

void *heap_alloc(size_t size)
{
    heap_bytes += (long)size;
    return calloc(1, size);
}

void heap_free(void *p, size_t size)
{
    if (p)
        heap_bytes -= (long)size;
    free(p);
}

void *heap_alloc_array(size_t n, size_t size) { return heap_alloc(n * size); }

int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    (void)p2m;
    assert_int_equal(gfn.gfn, 0x3002);
    assert_int_equal(mfn.mfn, gic.virtual_interface >> PAGE_SHIFT);
    assert_int_equal(nr, 2);
    assert_int_equal(type, P2M_DEVICE);
    return 0;
}

void vcpu_kick(struct vcpu *v)
{
    v->blocked = false;
    kicks[v->id]++;
}

unsigned fake_kicks(struct vcpu *v)
{
    unsigned n = kicks[v->id];

    kicks[v->id] = 0;
    return n;
}

void fake_on(unsigned cpu) { host_cpu = cpu; }

/* --- Physical interrupts --- */

void gic_enable_irq(unsigned irq) { irqs[irq].enabled = true; }
void gic_disable_irq(unsigned irq) { irqs[irq].enabled = false; }
void gic_set_type(unsigned irq, enum gic_type type) { irqs[irq].edge = type == GIC_EDGE_RISING; }
void gic_set_target(unsigned irq, unsigned cpu) { irqs[irq].target = cpu; }
void gic_set_pending(unsigned irq, bool pending) { (void)irq, (void)pending; }
void gic_drop_priority(uint32_t ack) { (void)ack; }
void gic_deactivate(uint32_t ack) { gic_set_active(ack, false); }

static void set_active(unsigned cpu, unsigned irq, bool active)
{
    for (unsigned i = 0; i < FAKE_CPUS; i++)
        if (irq >= 32 || i == cpu)
            irqs[irq].active[i] = active;
}

void gic_set_active(unsigned irq, bool active) { set_active(host_cpu, irq, active); }

uint32_t gic_ack(void)
{
    uint32_t ack = interface[host_cpu].waiting;

    interface[host_cpu].waiting = 0;
    return ack ? ack : NONE;
}

void fake_irq_arrives(unsigned cpu, unsigned irq)
{
    unsigned before = host_cpu;

    if (!irqs[irq].enabled || irqs[irq].active[cpu])
        return;
    fake_on(cpu);
    set_active(cpu, irq, true);
    interface[cpu].waiting = irq;
    irq_handle_all();
    fake_on(before);
}

static its_handler *take_message;
static unsigned next_cpu;

int its_start(unsigned first, unsigned count, its_handler *handler)
{
    (void)first;
    (void)count;
    take_message = handler;
    return 0;
}

void its_take(uint32_t lpi) { next_cpu = take_message(lpi - ITS_FIRST_LPI); }

unsigned fake_message_arrives(unsigned cpu, unsigned message)
{
    unsigned before = host_cpu;

    fake_on(cpu);
    interface[cpu].waiting = ITS_FIRST_LPI + message;
    irq_handle_all();
    fake_on(before);
    return next_cpu;
}

bool fake_irq_enabled(unsigned irq) { return irqs[irq].enabled; }
bool fake_irq_active(unsigned cpu, unsigned irq) { return irqs[irq].active[cpu]; }
bool fake_irq_edge(unsigned irq) { return irqs[irq].edge; }
unsigned fake_irq_target(unsigned irq) { return irqs[irq].target; }

/* --- List registers: a struct gic_lr in a word --- */

_Static_assert(sizeof(struct gic_lr) <= 16, "of which the flags are packed here");

uint64_t gic_lr_encode(const struct gic_lr *lr)
{
    assert_false(lr->hw && lr->eoi_interrupt);
    assert_false(lr->hw && lr->pending && lr->active);
    return lr->intid | (uint64_t)lr->hw_irq << 10 | (uint64_t)lr->priority << 20 | (uint64_t)lr->source << 28 |
           (uint64_t)lr->pending << 32 | (uint64_t)lr->active << 33 | (uint64_t)lr->hw << 34 |
           (uint64_t)lr->eoi_interrupt << 35 | (uint64_t)lr->group1 << 36;
}

void gic_lr_decode(uint64_t raw, struct gic_lr *lr)
{
    *lr = (struct gic_lr){
        .intid = raw & 0x3ff, .hw_irq = raw >> 10 & 0x3ff, .priority = (uint8_t)(raw >> 20), .source = raw >> 28 & 7,
        .pending = raw >> 32 & 1, .active = raw >> 33 & 1, .hw = raw >> 34 & 1, .eoi_interrupt = raw >> 35 & 1,
        .group1 = raw >> 36 & 1,
    };
}

void gic_lr_write(unsigned n, uint64_t raw)
{
    assert_true(n < gic.nr_lrs);
    lr_accesses++;
    interface[host_cpu].lr[n] = raw;
}

uint64_t gic_lr_read(unsigned n)
{
    assert_true(n < gic.nr_lrs);
    lr_accesses++;
    return interface[host_cpu].lr[n];
}

static bool is_empty(uint64_t raw)
{
    struct gic_lr lr;

    gic_lr_decode(raw, &lr);
    return !lr.pending && !lr.active && !lr.eoi_interrupt;
}

uint32_t gic_lrs_empty(void)
{
    uint32_t empty = 0;

    for (unsigned n = 0; n < gic.nr_lrs; n++)
        empty |= (uint32_t)is_empty(interface[host_cpu].lr[n]) << n;
    return empty;
}

bool gic_lr_pend_again(unsigned n, unsigned source, bool hw)
{
    struct gic_lr lr;

    gic_lr_decode(gic_lr_read(n), &lr);
    if (lr.active || lr.hw != hw || lr.eoi_interrupt || (lr.intid < 16 && lr.source != source))
        return false;
    lr.pending = true;
    gic_lr_write(n, gic_lr_encode(&lr));
    return true;
}

unsigned fake_lr_accesses(void)
{
    unsigned n = lr_accesses;

    lr_accesses = 0;
    return n;
}

/* --- The virtual CPU interface. VMCR: mask in the low byte, group enables above. --- */

uint32_t gic_read_vmcr(void) { return interface[host_cpu].vmcr; }
uint32_t gic_vmcr_reset(void) { return 0x3ff; }
uint32_t gic_vmcr_fields(void) { return 0x3ff; }
void gic_set_maintenance(uint32_t reasons) { interface[host_cpu].maintenance = reasons; }

void gic_vmcr_decode(uint32_t vmcr, uint8_t *priority_mask, bool group_enabled[2])
{
    *priority_mask = (uint8_t)vmcr;
    group_enabled[0] = vmcr & 0x100;
    group_enabled[1] = vmcr & 0x200;
}

unsigned gic_take_eoi_count(void)
{
    unsigned n = interface[host_cpu].eoi_count;

    interface[host_cpu].eoi_count = 0;
    return n;
}

void gic_vcpu_save(struct gic_vcpu_state *s)
{
    assert_true(interface[host_cpu].on);
    for (unsigned n = 0; n < gic.nr_lrs; n++)
        assert_true(is_empty(interface[host_cpu].lr[n]));
    s->vmcr = interface[host_cpu].vmcr;
    s->apr[0] = interface[host_cpu].apr;
    interface[host_cpu].on = false;
    interface[host_cpu].maintenance = 0;
}

void gic_vcpu_load(const struct gic_vcpu_state *s)
{
    assert_false(interface[host_cpu].on);
    interface[host_cpu].vmcr = s->vmcr;
    interface[host_cpu].apr = s->apr[0];
    interface[host_cpu].eoi_count = 0;
    interface[host_cpu].on = true;
}

void fake_mask(unsigned cpu, uint8_t priority) { interface[cpu].vmcr = 0x300u | priority; }
void fake_split_end(unsigned cpu, bool split) { interface[cpu].split = split; }

static unsigned running_priority(unsigned cpu)
{
    return interface[cpu].apr ? (unsigned)__builtin_ctz(interface[cpu].apr) << 3 : IDLE_PRIORITY;
}

static uint64_t *best_pending(unsigned cpu)
{
    uint64_t *best = NULL;
    struct gic_lr lr, best_lr = { 0 };

    for (unsigned n = 0; n < gic.nr_lrs; n++) {
        gic_lr_decode(interface[cpu].lr[n], &lr);
        if (!lr.pending || lr.active || (best && lr.priority >= best_lr.priority))
            continue;
        best = &interface[cpu].lr[n];
        best_lr = lr;
    }
    return best;
}

unsigned fake_ack(unsigned cpu)
{
    uint64_t *at = best_pending(cpu);
    struct gic_lr lr;

    assert_true(interface[cpu].on);
    if (!at)
        return NONE;
    gic_lr_decode(*at, &lr);
    if (lr.priority >= (interface[cpu].vmcr & 0xff) || lr.priority >= running_priority(cpu))
        return NONE;
    interface[cpu].apr |= 1u << (lr.priority >> 3);
    lr.pending = false;
    lr.active = true;
    *at = gic_lr_encode(&lr);
    return lr.intid | (unsigned)lr.source << 10;
}

void fake_deactivate(unsigned cpu, unsigned iar)
{
    struct gic_lr lr;

    for (unsigned n = 0; n < gic.nr_lrs; n++) {
        gic_lr_decode(interface[cpu].lr[n], &lr);
        if (!lr.active || lr.intid != (iar & 0x3ff) || (lr.intid < 16 && lr.source != iar >> 10))
            continue;
        lr.active = false;
        interface[cpu].lr[n] = gic_lr_encode(&lr);
        if (lr.hw)
            set_active(cpu, lr.hw_irq, false);
        return;
    }
    interface[cpu].eoi_count++;
}

void fake_end(unsigned cpu, unsigned iar)
{
    interface[cpu].apr &= interface[cpu].apr - 1;
    if (!interface[cpu].split)
        fake_deactivate(cpu, iar);
}

static bool maintenance_due(unsigned cpu)
{
    unsigned valid = 0, pending = 0, ended = 0;
    uint32_t reasons = interface[cpu].maintenance;
    struct gic_lr lr;

    for (unsigned n = 0; n < gic.nr_lrs; n++) {
        gic_lr_decode(interface[cpu].lr[n], &lr);
        valid += lr.pending || lr.active;
        pending += lr.pending && !lr.active;
        ended += !lr.pending && !lr.active && lr.eoi_interrupt;
    }
    return ended || (reasons & GIC_MAINT_UNDERFLOW && valid < 2) || (reasons & GIC_MAINT_NO_PENDING && !pending) ||
           (reasons & GIC_MAINT_EOI_COUNT && interface[cpu].eoi_count);
}

/* --- Running --- */

void fake_run(unsigned cpu, struct vcpu *v)
{
    fake_on(cpu);
    if (interface[cpu].running)
        vgic_save(interface[cpu].running);
    interface[cpu].running = v;
    if (!v)
        return;
    v->sched.cpu = &cpus[cpu];
    vgic_load(v);
}

static bool settle_one(unsigned cpu)
{
    struct vcpu *v = interface[cpu].running;

    if (!v)
        return false;
    fake_on(cpu);
    if (v->work & WORK_VGIC) {
        v->work = 0;
        vgic_update_running(v);
        return true;
    }
    if (!maintenance_due(cpu))
        return false;
    interface[cpu].waiting = FAKE_MAINTENANCE;
    irq_handle_all();
    return true;
}

void fake_settle(void)
{
    unsigned before = host_cpu, rounds = 0;
    bool more;

    do {
        more = false;
        for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++)
            more |= settle_one(cpu);
        assert_true(++rounds < 10000);   /* a maintenance interrupt that never ends */
    } while (more);
    fake_on(before);
}

/* --- Guests --- */

static bool maintained;   /* the table of handlers is the program's, not a test's */

void fake_gic_reset(unsigned version, unsigned lrs, bool lr_deactivates)
{
    memset(interface, 0, sizeof(interface));
    memset(irqs, 0, sizeof(irqs));
    memset(kicks, 0, sizeof(kicks));
    for (unsigned i = 0; i < FAKE_CPUS; i++)
        cpus[i].id = i;
    fake_on(0);
    heap_bytes = 0;
    gic = (struct gic_info){
        .version = version, .nr_irqs = FAKE_NR_IRQS, .nr_lrs = lrs, .priority_bits = 5,
        .virtual_interface = 0x8040000, .virtual_interface_size = 0x2000, .maintenance_irq = FAKE_MAINTENANCE,
        .lr_deactivates = lr_deactivates,
    };
    gic_enable_irq(FAKE_TIMER);
    if (!maintained)
        vgic_init();
    maintained = true;
}

static void nobody(unsigned irq, void *data) { (void)irq, (void)data; }

void fake_gic_assert_nothing_left(void)
{
    assert_int_equal(heap_bytes, 0);
    for (unsigned irq = 32; irq < FAKE_NR_IRQS; irq++) {
        assert_false(irqs[irq].enabled);
        assert_false(irqs[irq].active[0]);
        assert_int_equal(irq_claim(irq, nobody, NULL, "a test"), 0);
        irq_release(irq);
    }
}

struct domain *fake_guest(unsigned vcpus, unsigned spis)
{
    struct vgic_layout layout = { 0x3001000, 0x3002000, 0x3020000, vcpus * 0x20000 };
    struct domain *d = calloc(1, sizeof(*d));

    d->max_vcpus = vcpus;
    d->vcpus = calloc(vcpus, sizeof(*d->vcpus));
    assert_int_equal(vgic_domain_init(d, gic.version, spis, &layout), 0);
    for (unsigned i = 0; i < vcpus; i++) {
        struct vcpu *v = d->vcpus[i] = calloc(1, sizeof(*v));

        v->id = i;
        v->core.vmpidr = 0x80000000 | i;
        v->domain = d;
        assert_int_equal(vgic_vcpu_init(v), 0);
        vgic_vcpu_reset(v);
    }
    return d;
}

void fake_guest_free(struct domain *d)
{
    for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++)
        if (interface[cpu].running && interface[cpu].running->domain == d)
            fake_run(cpu, NULL);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        vgic_vcpu_destroy(d->vcpus[i]);
        free(d->vcpus[i]);
        d->vcpus[i] = NULL;
    }
    vgic_domain_destroy(d);
    free(d->vcpus);
    free(d);
}

static uint64_t access(struct vcpu *v, uint64_t gpa, unsigned size, bool write, uint64_t value)
{
    struct mmio_access a = { .size = size, .write = write, .value = value };

    return mmio_emulate(v, gpa, &a) == MMIO_DONE ? a.value : FAKE_REFUSED;
}

uint64_t fake_read(struct vcpu *v, uint64_t gpa, unsigned size) { return access(v, gpa, size, false, 0); }

uint64_t fake_write(struct vcpu *v, uint64_t gpa, unsigned size, uint64_t value)
{
    return access(v, gpa, size, true, value);
}

/* --- The invariant of vm/vgic/state.h --- */

static void assert_placed(const struct virq *irq)
{
    if (irq->lr != VGIC_NO_LR) {
        assert_false(irq->queued);
        assert_ptr_equal(irq->holder->vgic.lrs[irq->lr], irq);
        assert_true(irq->holder->vgic.used & 1u << irq->lr);
        assert_non_null(irq->holder->vgic.resident);
        return;
    }
    assert_false(irq->given.pending || irq->given.hw_active);
    if (irq->queued)
        assert_true(irq->active || (irq->enabled && (irq->latch || irq->sources || (irq->level && irq->line))));
    else
        assert_false(irq->active && irq->target);
}

static void assert_registers(struct vcpu *v)
{
    unsigned cpu = (unsigned)(v->vgic.resident - cpus);
    struct gic_lr lr;

    assert_int_equal(v->vgic.stale, 0);
    for (unsigned n = 0; v->vgic.resident && n < gic.nr_lrs; n++) {
        gic_lr_decode(interface[cpu].lr[n], &lr);
        if (v->vgic.used & 1u << n)
            assert_int_equal(lr.intid, v->vgic.lrs[n]->intid);
        else
            assert_true(is_empty(interface[cpu].lr[n]));
    }
}

void fake_assert_consistent(struct domain *d)
{
    for (unsigned i = 0; i < d->vgic.nr_spis; i++)
        assert_placed(&d->vgic.spis[i]);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        for (unsigned n = 0; n < VGIC_NR_PRIVATE; n++)
            assert_placed(&d->vcpus[i]->vgic.private[n]);
        assert_registers(d->vcpus[i]);
    }
}
