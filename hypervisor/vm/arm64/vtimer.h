// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's generic timers (Arm ARM DDI 0487, "The Generic Timer in AArch64 state"). The virtual timer is the
 * hardware's, with CNTVOFF_EL2 a property of the domain; its interrupt is given to the guest as a hardware interrupt,
 * so that the end of it is the guest's own. While the vCPU waits for it, a software timer stands in and wakes the vCPU.
 * The physical timer is emulated. Both count the same time: the machine's counter less the domain's offset, which
 * CNTPCT_EL0 shows, too.
 */
#pragma once

#include "arch/lock.h"
#include "cpu/timer.h"
#include "lib/base.h"

struct vcpu;
struct domain;

/* The machine's interrupts of the timers, private ones; 0 if the device tree has none. Boot. */
struct timer_irqs {
    unsigned physical, virtual;
};
void vtimer_init(const struct timer_irqs *irqs);
/* This CPU's virtual timer and its interrupt; a host sleep keeps it as dom0's and the interrupt controller's state. */
struct cpu_stage;
extern const struct cpu_stage vtimer_cpu_stage;

/* vtimer.c's */
struct vcpu_vtimer {
    uint64_t cval, ctl;            /* CNTV_CVAL_EL0 and CTL while it does not run */
    /* over changes of CNTP, and what follows from it: `phys` and the line. Before vgic.lock */
    struct spinlock phys_lock;
    uint64_t phys_cval, phys_ctl;  /* the emulated CNTP; its own vCPU reads it without the lock */
    struct timer virt, phys;       /* stand in for the CPU's while it does not run; and for CNTP always */
};

void vtimer_vcpu_init(struct vcpu *v);
void vtimer_vcpu_reset(struct vcpu *v);
void vtimer_vcpu_destroy(struct vcpu *v);
/*
 * Before the vGIC's state goes out, and after it came in: the timer is off while its interrupt is in no list register.
 */
void vtimer_save(struct vcpu *v);
void vtimer_load(struct vcpu *v);

/*
 * v's domain, which does not run, has not seen that many ticks: its virtual counter and its timers are behind by them.
 */
void vtimer_shift(struct vcpu *v, uint64_t ticks);
/* v's domain runs from now on, its counter as clock_begin() has set it: arms the timers that v waits for. */
void vtimer_begin(struct vcpu *v);
/*
 * v runs here: a virtual timer interrupt that it has not taken, and whose cause the guest has removed, is pending no
 * more.
 */
void vtimer_retract(struct vcpu *v);

/* The guest's counter, virtual and physical: ticks. */
uint64_t vtimer_now(const struct vcpu *v);

/* CNTP_*_EL0 that trapped. `reg` is TVAL, CTL or CVAL. */
enum cntp_register { CNTP_TVAL, CNTP_CTL, CNTP_CVAL };
uint64_t vtimer_phys_read(struct vcpu *v, enum cntp_register reg);
void vtimer_phys_write(struct vcpu *v, enum cntp_register reg, uint64_t value);

struct record_kind;
extern const struct record_kind vtimer_record;
