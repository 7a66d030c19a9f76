// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU's core: its registers while it does not run, and their way into this CPU and out of it. The general ones are
 * the trap entry's (struct vcpu begins with them), for they are in memory in every trap; the rest is here.
 */
#pragma once

#include "arch/fpu.h"
#include "base/cpu.h"
#include "lib/base.h"

/* The trap entry's frame, in this order (entry/vectors.S knows the offsets). */
struct cpu_regs {
    uint64_t x[31];
    uint64_t pc;      /* ELR_EL2 */
    uint64_t pstate;  /* SPSR_EL2 */
    uint64_t pad;
};

struct el1_state {
    uint64_t sp_el0, sp_el1, elr, spsr;
    uint64_t sctlr, actlr, cpacr, ttbr0, ttbr1, tcr, mair, amair;
    uint64_t vbar, esr, far, afsr0, afsr1, par, contextidr;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1;
    uint64_t cntkctl, csselr;
};

/* core.c's and core_switch.c's */
struct vcpu_core {
    uint64_t hcr;                /* HCR_EL2 while it runs; VSE: a virtual SError is pending */
    uint64_t vmpidr;             /* its MPIDR_EL1 */
    struct el1_state el1;
    struct fpu_state fpu __attribute__((aligned(16)));
    struct cpu *fpu_cpu;         /* whose registers hold this state as of the last save, or NULL */
};

struct domain_core {
    struct vcpu *last_vcpu[MAX_CPUS];   /* whose stage-1 entries each CPU's TLB may hold */
};

/* v->id is set; its registers are not yet: core_vcpu_reset(). */
void core_vcpu_init(struct vcpu *v);
/*
 * Architectural reset state (PSCI DEN0022 6.4), entry at `entry` with x0 = context_id, in memory; v runs nowhere, or
 * goes on by core_load().
 */
void core_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id);
/* v runs nowhere and will not: no CPU knows it any more. */
void core_vcpu_destroy(struct vcpu *v);

/* Sets the result of v's current hypercall, or of its last one. v is in that call, or off its CPU. */
void core_set_result(struct vcpu *v, uint64_t result);

struct record_kind;
extern const struct record_kind core_record, fpu_record;

/*
 * v's whole state, timers and interrupts too, out of this CPU's registers into memory, and back. Between the two EL1's
 * tables are not walked (arch/walks.h).
 */
void vcpu_switch_out(struct vcpu *v);
void vcpu_switch_in(struct vcpu *v);
/* The part of vcpu_switch_in that a reset replaces: EL1's registers and the FPU's. */
void core_load(struct vcpu *v);
/* The guest used the FPU, which was another's: gives v its own. */
void core_fpu_trap(struct vcpu *v);

/* The registers by which a toolstack starts a vCPU and looks at one (XEN_DOMCTL_setvcpucontext). */
struct core_context {
    uint64_t x[31], pc, pstate;
    uint64_t sp_el0, sp_el1, elr, spsr;
    uint64_t sctlr, tcr, ttbr0, ttbr1;
};
/* False: a PSTATE that no 64-bit guest of ours can have. */
bool core_context_allowed(const struct core_context *c);
/* Of v, which is kept off its CPU. An allowed one goes in; other registers stay. */
void core_set_context(struct vcpu *v, const struct core_context *c);
void core_get_context(const struct vcpu *v, struct core_context *c);
