// SPDX-License-Identifier: Apache-2.0
/*
 * An interrupt controller for unit tests, as dev/gic.h promises one: CPUs with list registers, a virtual CPU interface
 * that a guest acknowledges and ends interrupts at, and physical interrupts that are enabled, pending and active. And
 * the rest that vm/vgic*.c needs of a machine: domains, kicks, a heap that counts.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dev/gic.h"
#include "lib/base.h"
#include "vm/domain.h"
#include "vm/mmio.h"
#include "vm/vcpu.h"

#define FAKE_CPUS     2
#define FAKE_NR_IRQS  96
#define FAKE_MAINTENANCE 25
#define FAKE_TIMER    27

/* Everything off and idle; list registers end physical interrupts if lr_deactivates. */
void fake_gic_reset(unsigned version, unsigned lrs, bool lr_deactivates);
void fake_gic_assert_nothing_left(void);

struct domain *fake_guest(unsigned vcpus, unsigned spis);
void fake_guest_free(struct domain *d);

/* v runs on that CPU from now on (NULL: none does), and so do calls made after it. */
void fake_run(unsigned cpu, struct vcpu *v);
/* Calls come from that CPU. */
void fake_on(unsigned cpu);
/* The hypervisor's way back to the guest on every CPU: vGIC work, and maintenance interrupts until there are none. */
void fake_settle(void);

/* At the virtual CPU interface of a CPU: 1023 if there is nothing to take; bits 12:10 are the sender as in GICV_IAR. */
unsigned fake_ack(unsigned cpu);
void fake_end(unsigned cpu, unsigned iar);          /* drops the priority, and deactivates unless split */
void fake_split_end(unsigned cpu, bool split);
void fake_deactivate(unsigned cpu, unsigned iar);
void fake_mask(unsigned cpu, uint8_t priority);

/* The physical side. */
/* acknowledged by irq_handle_all() on that CPU, if enabled and not active */
void fake_irq_arrives(unsigned cpu, unsigned irq);
/* A message by the ITS; taken, and its priority dropped, by that CPU. Where the next one is to come. */
unsigned fake_message_arrives(unsigned cpu, unsigned message);
bool fake_irq_enabled(unsigned irq);
bool fake_irq_active(unsigned cpu, unsigned irq);
bool fake_irq_edge(unsigned irq);
unsigned fake_irq_target(unsigned irq);
unsigned fake_kicks(struct vcpu *v);                /* since last asked */
unsigned fake_lr_accesses(void);                    /* list registers read and written, since last asked */

/* Guest register accesses; a refused one gives FAKE_REFUSED. */
#define FAKE_REFUSED (~UINT64_C(0))
uint64_t fake_read(struct vcpu *v, uint64_t gpa, unsigned size);
uint64_t fake_write(struct vcpu *v, uint64_t gpa, unsigned size, uint64_t value);

/* Every interrupt of d is in exactly one place, and list registers hold what the vCPUs think. */
void fake_assert_consistent(struct domain *d);
