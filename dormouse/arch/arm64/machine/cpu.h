// SPDX-License-Identifier: Apache-2.0
/* A vCPU (dormouse/arch/arm64/cpu.h), as the rest of Dormouse sees it. */
#pragma once
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/xen/xen.h"
#include "lib/base.h"

/* None crosses a page, as registering asks. */
extern struct vcpu_place {
    struct vcpu_info info;
} __attribute__((aligned(64))) vcpu_places[MAX_CPUS];

/* Read anew each time: a thread may have gone to another CPU since. */
static inline unsigned cpu_id(void)
{
    struct cpu *c;

    __asm__ volatile("mrs %0, tpidr_el1" : "=r"(c));
    return c->id;
}

static inline struct vcpu_info *vcpu_info_of(unsigned id) { return &vcpu_places[id].info; }

static inline bool irq_is_enabled(void) { return !(sysreg_read(daif) & BIT(7)); }

#include "machine/irq.h"
