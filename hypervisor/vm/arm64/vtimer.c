// SPDX-License-Identifier: Apache-2.0
#include "vm/arm64/vtimer.h"

#include <xen/xen.h>

#include "arch/barrier.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/time.h"
#include "cpu/timer.h"
#include "dev/gic.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/records.h"
#include "vm/vcpu.h"

static struct timer_irqs machine;

/* dom0 sees the machine's own numbers, for it sees the machine's device tree; others those of the public header. */
static unsigned virtual_intid(const struct domain *d)
{
    return d->privileged ? machine.virtual : GUEST_TIMER_VIRT_PPI;
}

static unsigned physical_intid(const struct domain *d)
{
    return d->privileged ? machine.physical : GUEST_TIMER_PHYS_NS_PPI;
}

/* The guest that runs ends it; a late one, for a vCPU that has just left, is ended here. */
static void virtual_timer_fired(unsigned irq, void *data)
{
    struct vcpu *v = this_cpu()->current;

    (void)data;
    if (v)
        vgic_inject_physical(v->domain, v, virtual_intid(v->domain), irq);
    else
        gic_set_active(irq, false);
}

void vtimer_init(const struct timer_irqs *irqs)
{
    machine = *irqs;
    if (irq_request_forwarded(irqs->virtual, virtual_timer_fired, NULL, "virtual timer"))
        panic("the virtual timer's interrupt %u cannot be had", irqs->virtual);
}

static void vtimer_cpu_off(void)
{
    write_sysreg(0, cntv_ctl_el0);
}

static int vtimer_cpu_on(void)
{
    vtimer_cpu_off();
    gic_set_type(machine.virtual, GIC_LEVEL_HIGH);
    gic_enable_irq(machine.virtual);
    return 0;
}

const struct cpu_stage vtimer_cpu_stage = {
    .name = "vtimer", .on = vtimer_cpu_on, .off = vtimer_cpu_off, .kept = true
};

uint64_t vtimer_now(const struct vcpu *v)
{
    return counter_now() - v->domain->clock.counter_offset;
}

/*
 * The machine's counter when the guest's reaches `cval`; the end of time, if it is not reached before. A domain that
 * came from another machine may have a counter that is ahead of this one's: its offset is below zero.
 */
static uint64_t machine_time(const struct vcpu *v, uint64_t cval)
{
    uint64_t offset = v->domain->clock.counter_offset, at;

    if ((int64_t)offset < 0)
        return cval > -offset ? cval + offset : 0;
    return __builtin_add_overflow(cval, offset, &at) ? UINT64_MAX : at;
}

static bool phys_condition(const struct vcpu *v)
{
    return (v->vtimer.phys_ctl & CNT_CTL_ENABLE) && vtimer_now(v) >= v->vtimer.phys_cval;
}

/*
 * The line follows the condition unless masked; until the condition holds a timer waits for it. The timer fires where
 * it was set, and v may be on another CPU by then, writing: whoever comes second decides by what the registers are.
 */
static void phys_update(struct vcpu *v) REQUIRES(v->vtimer.phys_lock)
{
    bool met = phys_condition(v);

    vgic_set_line(v->domain, v, physical_intid(v->domain), met && !(v->vtimer.phys_ctl & CNT_CTL_IMASK));
    if (!met && (v->vtimer.phys_ctl & CNT_CTL_ENABLE))
        timer_set(&v->vtimer.phys, machine_time(v, v->vtimer.phys_cval));
    else
        timer_cancel(&v->vtimer.phys);
}

static void phys_fired(void *data)
{
    struct vcpu *v = data;

    spin_lock(&v->vtimer.phys_lock);
    phys_update(v);
    spin_unlock(&v->vtimer.phys_lock);
}

/*
 * The vCPU finds the interrupt waiting; the hardware timer, once loaded, has nothing to add until the guest has ended
 * it. This may come late, when the hardware timer is loaded already and the guest may have set it anew or switched it
 * off: then only the hardware timer counts.
 */
static void virt_fired(void *data)
{
    struct vcpu *v = data;

    vgic_inject_away(v, virtual_intid(v->domain));
}

void vtimer_vcpu_init(struct vcpu *v)
{
    timer_init(&v->vtimer.virt, virt_fired, v);
    timer_init(&v->vtimer.phys, phys_fired, v);
}

void vtimer_vcpu_reset(struct vcpu *v)
{
    timer_stop(&v->vtimer.virt);
    timer_stop(&v->vtimer.phys);
    v->vtimer.cval = v->vtimer.ctl = 0;
    v->vtimer.phys_cval = v->vtimer.phys_ctl = 0;
}

void vtimer_vcpu_destroy(struct vcpu *v)
{
    vtimer_vcpu_reset(v);
}

static bool virt_would_interrupt(const struct vcpu *v)
{
    return (v->vtimer.ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;
}

void vtimer_shift(struct vcpu *v, uint64_t ticks)
{
    uint64_t at;

    if (v->vtimer.virt.queued)
        timer_set(&v->vtimer.virt,
                  __builtin_add_overflow(timer_expires(&v->vtimer.virt), ticks, &at) ? UINT64_MAX : at);
    phys_fired(v);
}

static void wait_for_virtual(struct vcpu *v)
{
    if (v->blocked && virt_would_interrupt(v))
        timer_set(&v->vtimer.virt, machine_time(v, v->vtimer.cval));
}

void vtimer_begin(struct vcpu *v)
{
    wait_for_virtual(v);
    phys_fired(v);
}

void vtimer_retract(struct vcpu *v)
{
    uint64_t ctl = read_sysreg(cntv_ctl_el0);

    if ((ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK | CNT_CTL_ISTATUS)) != (CNT_CTL_ENABLE | CNT_CTL_ISTATUS))
        vgic_retract(v->domain, v, virtual_intid(v->domain));
}

void vtimer_save(struct vcpu *v)
{
    v->vtimer.ctl = read_sysreg(cntv_ctl_el0);
    write_sysreg(0, cntv_ctl_el0);
    v->vtimer.cval = read_sysreg(cntv_cval_el0);
    isb();
    wait_for_virtual(v);
}

void vtimer_load(struct vcpu *v)
{
    if (v->vtimer.virt.queued)
        timer_stop(&v->vtimer.virt);
    write_sysreg(v->domain->clock.counter_offset - (uint64_t)counter_bias(), cntvoff_el2);
    write_sysreg(v->vtimer.cval, cntv_cval_el0);
    isb();
    write_sysreg(v->vtimer.ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK), cntv_ctl_el0);
}

uint64_t vtimer_phys_read(struct vcpu *v, enum cntp_register reg)
{
    switch (reg) {
    case CNTP_TVAL:
        return (uint32_t)(v->vtimer.phys_cval - vtimer_now(v));
    case CNTP_CTL:
        return v->vtimer.phys_ctl | (phys_condition(v) ? CNT_CTL_ISTATUS : 0);
    default:
        return v->vtimer.phys_cval;
    }
}

void vtimer_phys_write(struct vcpu *v, enum cntp_register reg, uint64_t value)
{
    spin_lock(&v->vtimer.phys_lock);
    switch (reg) {
    case CNTP_TVAL:
        v->vtimer.phys_cval = vtimer_now(v) + (uint64_t)(int64_t)(int32_t)value;
        break;
    case CNTP_CTL:
        v->vtimer.phys_ctl = value & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
        break;
    default:
        v->vtimer.phys_cval = value;
        break;
    }
    phys_update(v);
    spin_unlock(&v->vtimer.phys_lock);
}

/* --- Its record: the registers --- */

struct vtimer_record_v1 {
    uint64_t cval, ctl;              /* CNTV */
    uint64_t phys_cval, phys_ctl;    /* CNTP */
};

#define CTL_WRITABLE (CNT_CTL_ENABLE | CNT_CTL_IMASK)

static int timer_save(void *object, unsigned instance, struct record_writer *w)
{
    const struct vcpu_vtimer *t = &domain_vcpu(object, instance)->vtimer;
    struct vtimer_record_v1 r = { t->cval, t->ctl & CTL_WRITABLE, t->phys_cval, t->phys_ctl };

    record_write(w, &r, sizeof(r));
    return 0;
}

static int timer_check(void *object, unsigned instance, struct record_reader *in)
{
    struct vtimer_record_v1 r;

    (void)object;
    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    return (r.ctl | r.phys_ctl) & ~(uint64_t)CTL_WRITABLE ? record_refuse(in, -EBADMSG, "has bits that a timer has not")
                                                          : 0;
}

/* The counter stands still until vtimer_begin(). The interrupt may be pending, or active in the guest, already. */
static int timer_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct vtimer_record_v1 r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    v->vtimer.cval = r.cval;
    v->vtimer.ctl = r.ctl;
    v->vtimer.phys_cval = r.phys_cval;
    v->vtimer.phys_ctl = r.phys_ctl;
    vgic_pair_private(v, virtual_intid(v->domain), machine.virtual);
    return 0;
}

const struct record_kind vtimer_record = {
    .name = "TIMER", .id = RECORD_TIMER, .version = 1, .count = record_count_vcpus,
    .save = timer_save, .check = timer_check, .restore = timer_restore,
};
