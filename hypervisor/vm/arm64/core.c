// SPDX-License-Identifier: Apache-2.0
/* A vCPU's core in memory: what it begins with, and what a toolstack may make of it. */
#include "arch/layout.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

_Static_assert(offsetof(struct vcpu, regs) == 0, "vectors.S: SP_EL2 is the vCPU and its frame");
_Static_assert(offsetof(struct cpu_regs, pc) == REGS_PC, "vectors.S knows this offset");
_Static_assert(offsetof(struct cpu_regs, pstate) == REGS_PSTATE, "vectors.S knows this offset");

#define SCTLR_RESET   0x30d00800u   /* the RES1 bits; MMU and caches off */
#define PSTATE_RESET  (PSTATE_EL1h | PSTATE_DAIF)
#define MPIDR_RES1    BIT(31)

/*
 * HCR_EL2 for every guest. Set/way maintenance is made harmless (SWIO), TLB maintenance is broadcast (FB) since vCPUs move;
 * FMO stays so that guests run in group 1 only. A walk of stage 1 does not read devices (PTW).
 */
#define HCR_GUEST (HCR_RW | HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TWE | \
                   HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TLOR | HCR_TERR)

/*
 * What a guest's PSTATE may have (Arm ARM DDI 0487, SPSR_EL2): the flags, the masks, and bits that
 * only mean something to EL1 and EL0. Not IL, SS, nor an AArch32 state.
 */
#define PSTATE_BTYPE      UINT64_C(0xc00)
#define PSTATE_SSBS       BIT(12)
#define PSTATE_PAN        BIT(22)
#define PSTATE_UAO        BIT(23)
#define PSTATE_DIT        BIT(24)
#define PSTATE_TCO        BIT(25)
#define PSTATE_NZCV       UINT64_C(0xf0000000)
#define PSTATE_MODE       (UINT64_C(0) + (PSTATE_MODE_MASK | PSTATE_NRW))
#define PSTATE_ALLOWED    (PSTATE_MODE | PSTATE_DAIF | PSTATE_BTYPE | PSTATE_SSBS | PSTATE_PAN | PSTATE_UAO | PSTATE_DIT | \
                           PSTATE_TCO | PSTATE_NZCV)

/* Sixteen to a cluster, so that a GICv3 SGI's target list reaches each (ICC_SGI1R_EL1); libxl's device trees say the same. */
static uint64_t mpidr_of(unsigned id)
{
    return (id & 0xf) | (uint64_t)(id >> 4) << 8;
}

void core_vcpu_init(struct vcpu *v)
{
    v->core.hcr = HCR_GUEST;
    v->core.vmpidr = mpidr_of(v->id) | MPIDR_RES1;
}

void core_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    memset(&v->regs, 0, sizeof(v->regs));
    memset(&v->core.el1, 0, sizeof(v->core.el1));
    memset(&v->core.fpu, 0, sizeof(v->core.fpu));
    v->core.fpu_cpu = NULL;
    v->regs.x[0] = context_id;
    v->regs.pc = entry;
    v->regs.pstate = PSTATE_RESET;
    v->core.el1.sctlr = SCTLR_RESET;
    v->core.hcr &= ~HCR_VSE;
}

void core_vcpu_destroy(struct vcpu *v)
{
    for (unsigned i = 0; i < cpus_present(); i++) {
        if (cpus[i].fpu_owner == v)
            cpus[i].fpu_owner = NULL;
        if (v->domain->core.last_vcpu[i] == v)
            v->domain->core.last_vcpu[i] = NULL;
    }
}

bool core_context_allowed(const struct core_context *c)
{
    uint64_t mode = c->pstate & PSTATE_MODE;

    if (c->pstate & ~PSTATE_ALLOWED)
        return false;
    return mode == PSTATE_EL1h || mode == PSTATE_EL1t || mode == PSTATE_EL0t;
}

void core_set_context(struct vcpu *v, const struct core_context *c)
{
    struct el1_state *el1 = &v->core.el1;

    memcpy(v->regs.x, c->x, sizeof(v->regs.x));
    v->regs.pc = c->pc;
    v->regs.pstate = c->pstate;
    el1->sp_el0 = c->sp_el0;
    el1->sp_el1 = c->sp_el1;
    el1->elr = c->elr;
    el1->spsr = c->spsr;
    el1->sctlr = c->sctlr;
    el1->tcr = c->tcr;
    el1->ttbr0 = c->ttbr0;
    el1->ttbr1 = c->ttbr1;
}

void core_get_context(const struct vcpu *v, struct core_context *c)
{
    const struct el1_state *el1 = &v->core.el1;

    memcpy(c->x, v->regs.x, sizeof(c->x));
    c->pc = v->regs.pc;
    c->pstate = v->regs.pstate;
    c->sp_el0 = el1->sp_el0;
    c->sp_el1 = el1->sp_el1;
    c->elr = el1->elr;
    c->spsr = el1->spsr;
    c->sctlr = el1->sctlr;
    c->tcr = el1->tcr;
    c->ttbr0 = el1->ttbr0;
    c->ttbr1 = el1->ttbr1;
}
