// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU: struct cpu, which the vCPU finds at %gs:0, with its vcpu_info in it. The upcall mask there is what the
 * interrupt flag is elsewhere; %gs makes it this vCPU's in one instruction, wherever the thread runs next.
 */
#pragma once
#include "dormouse/arch/x86_64/asm.h"
#include "dormouse/xen/xen.h"
#include "lib/base.h"

enum { MAX_CPUS = 8 };

struct cpu {
    struct cpu *self;               /* %gs:0 */
    unsigned id;                    /* %gs:8 */
    struct vcpu_info info __attribute__((aligned(64)));   /* none crosses a page, as registering asks */
};
_Static_assert(offsetof(struct cpu, info.evtchn_upcall_mask) == 65, "the mask's place, below");

extern struct cpu cpus[MAX_CPUS];
extern char stacks[MAX_CPUS][STACK_SIZE];       /* vCPUs begin on them, and idle there */

static inline unsigned cpu_id(void)
{
    unsigned id;

    __asm__ volatile("movl %%gs:8, %0" : "=r"(id));
    return id;
}

static inline struct vcpu_info *vcpu_info_of(unsigned id) { return &cpus[id].info; }

/* An event that came while they were masked is taken before this returns. */
void irq_enable(void);

static inline void irq_disable(void) { __asm__ volatile("movb $1, %%gs:65" ::: "memory"); }

static inline bool irq_is_enabled(void)
{
    uint8_t mask;

    __asm__ volatile("movb %%gs:65, %0" : "=r"(mask) : : "memory");
    return !mask;
}

/*
 * Sleeps until an interrupt is pending, and takes it. Call with interrupts masked, after testing the awaited condition.
 */
void irq_wait(void);

#include "machine/irq.h"
