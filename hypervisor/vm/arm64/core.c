// SPDX-License-Identifier: Apache-2.0
/* A vCPU's core in memory: the state that it begins with, and those that a toolstack may give it. */
#include "arch/layout.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/arm64/cpu_view.h"
#include "vm/records.h"
#include "vm/vcpu.h"

_Static_assert(offsetof(struct vcpu, regs) == 0, "vectors.S: SP_EL2 is the vCPU and its frame");
_Static_assert(offsetof(struct cpu_regs, pc) == REGS_PC, "vectors.S knows this offset");
_Static_assert(offsetof(struct cpu_regs, pstate) == REGS_PSTATE, "vectors.S knows this offset");

#define SCTLR_RESET   0x30d00800u   /* the RES1 bits; MMU and caches off */
#define PSTATE_RESET  (PSTATE_EL1h | PSTATE_DAIF)
#define MPIDR_RES1    BIT(31)

/*
 * HCR_EL2 for every guest. Set/way maintenance is made harmless (SWIO), TLB maintenance is broadcast (FB) since vCPUs
 * move; FMO stays so that guests run in group 1 only. A walk of stage 1 does not read devices (PTW).
 */
#define HCR_GUEST \
    (HCR_RW | HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TWE | \
     HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TLOR | HCR_TERR)

/*
 * The bits that a guest's PSTATE may have (Arm ARM DDI 0487, SPSR_EL2): the flags, the masks, and bits that only mean
 * something to EL1 and EL0. Not IL, SS, nor an AArch32 state.
 */
#define PSTATE_BTYPE      UINT64_C(0xc00)
#define PSTATE_SSBS       BIT(12)
#define PSTATE_PAN        BIT(22)
#define PSTATE_UAO        BIT(23)
#define PSTATE_DIT        BIT(24)
#define PSTATE_TCO        BIT(25)
#define PSTATE_NZCV       UINT64_C(0xf0000000)
#define PSTATE_MODE       (UINT64_C(0) + (PSTATE_MODE_MASK | PSTATE_NRW))
#define PSTATE_ALLOWED \
    (PSTATE_MODE | PSTATE_DAIF | PSTATE_BTYPE | PSTATE_SSBS | PSTATE_PAN | PSTATE_UAO | PSTATE_DIT | PSTATE_TCO | \
     PSTATE_NZCV)

/*
 * Sixteen to a cluster, so that a GICv3 SGI's target list reaches each (ICC_SGI1R_EL1); libxl's device trees say the
 * same.
 */
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

void core_set_result(struct vcpu *v, uint64_t result) { v->regs.x[0] = result; }

void core_vcpu_destroy(struct vcpu *v)
{
    for (unsigned i = 0; i < cpus_present(); i++) {
        if (cpus[i].fpu_owner == v)
            cpus[i].fpu_owner = NULL;
        if (v->domain->core.last_vcpu[i] == v)
            v->domain->core.last_vcpu[i] = NULL;
    }
}

static bool pstate_allowed(uint64_t pstate)
{
    uint64_t mode = pstate & PSTATE_MODE;

    if (pstate & ~PSTATE_ALLOWED)
        return false;
    return mode == PSTATE_EL1h || mode == PSTATE_EL1t || mode == PSTATE_EL0t;
}

bool core_context_allowed(const struct core_context *c) { return pstate_allowed(c->pstate); }

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

/* --- Records: the registers that a CPU loses by a reset --- */

/* In this order. ACTLR_EL1 is the host's. */
static const uint16_t el1_order[] = {
#define AT(reg) offsetof(struct el1_state, reg)
    AT(sp_el0), AT(sp_el1),     AT(elr),       AT(spsr),        AT(sctlr),     AT(cpacr),   AT(ttbr0),  AT(ttbr1),
    AT(tcr),    AT(mair),       AT(amair),     AT(vbar),        AT(esr),       AT(far),     AT(afsr0),  AT(afsr1),
    AT(par),    AT(contextidr), AT(tpidr_el0), AT(tpidrro_el0), AT(tpidr_el1), AT(cntkctl), AT(csselr),
#undef AT
};

struct core_record_v1 {
    uint64_t x[31], pc, pstate;
    uint64_t el1[ARRAY_SIZE(el1_order)];
    uint64_t serror;             /* 1: a system error waits for PSTATE.A to be clear (HCR_EL2.VSE) */
};

static uint64_t *el1_register(struct el1_state *s, unsigned i)
{
    return (uint64_t *)(void *)((char *)s + el1_order[i]);
}

/*
 * Bits that a program at EL1 or EL0 can come to have, AArch32 at EL0 among them (C5.2.19). Those of a mode that is none
 * would keep an ERET at EL2.
 */
#define PSTATE_IL          BIT(20)
#define PSTATE_32_ALLOWED \
    (PSTATE_MODE | UINT64_C(0x3e0) | UINT64_C(0xfc00) | UINT64_C(0xf0000) | PSTATE_IL | PSTATE_PAN | BIT(23) | \
     BIT(24) | UINT64_C(0x6000000) | BIT(27) | PSTATE_NZCV)

static bool pstate_is_possible(const struct domain *d, uint64_t pstate)
{
    if (pstate & PSTATE_NRW)
        return !(pstate & (PSTATE_MODE_MASK | ~PSTATE_32_ALLOWED)) && cpu_view_has_aarch32(d);
    return pstate_allowed(pstate & ~PSTATE_IL);
}

static int core_save(void *object, unsigned instance, struct record_writer *w)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct core_record_v1 r = { .pc = v->regs.pc, .pstate = v->regs.pstate, .serror = v->core.hcr & HCR_VSE ? 1 : 0 };

    if (!(r.pstate & PSTATE_NRW))
        r.pstate &= PSTATE_ALLOWED | PSTATE_IL;   /* single step is nothing without a debugger, and there is none */
    else
        r.pstate &= PSTATE_32_ALLOWED;
    memcpy(r.x, v->regs.x, sizeof(r.x));
    for (unsigned i = 0; i < ARRAY_SIZE(r.el1); i++)
        r.el1[i] = *el1_register(&v->core.el1, i);
    record_write(w, &r, sizeof(r));
    return 0;
}

/* The guest may put anything into all other registers itself. */
static int core_check(void *object, unsigned instance, struct record_reader *in)
{
    struct core_record_v1 r;

    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    if (r.serror > 1)
        return record_refuse(in, -EBADMSG, "has a system error that there is not");
    return pstate_is_possible(object, r.pstate) ? 0
                                                : record_refuse(in, -EBADMSG, "has a PSTATE that a guest cannot have");
}

static int core_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct core_record_v1 r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    memcpy(v->regs.x, r.x, sizeof(r.x));
    v->regs.pc = r.pc;
    v->regs.pstate = r.pstate;
    v->core.hcr = (v->core.hcr & ~HCR_VSE) | (r.serror ? HCR_VSE : 0);
    for (unsigned i = 0; i < ARRAY_SIZE(r.el1); i++)
        *el1_register(&v->core.el1, i) = r.el1[i];
    return 0;
}

const struct record_kind core_record = {
    .name = "CORE", .id = RECORD_CORE, .version = 1, .count = record_count_vcpus,
    .save = core_save, .check = core_check, .restore = core_restore,
};

struct fpu_record_v1 {
    __uint128_t v[32];
    uint32_t fpsr, fpcr, zero[2];
};

static int fpu_record_save(void *object, unsigned instance, struct record_writer *w)
{
    const struct fpu_state *fpu = &domain_vcpu(object, instance)->core.fpu;
    struct fpu_record_v1 r = { .fpsr = fpu->fpsr, .fpcr = fpu->fpcr };

    memcpy(r.v, fpu->v, sizeof(r.v));
    record_write(w, &r, sizeof(r));
    return 0;
}

static int fpu_record_check(void *object, unsigned instance, struct record_reader *in)
{
    struct fpu_record_v1 r;

    (void)object;
    (void)instance;
    if (!record_read(in, &r, sizeof(r)))
        return -EBADMSG;
    return r.zero[0] | r.zero[1] ? record_refuse(in, -EBADMSG, "has more than the registers that there are") : 0;
}

static int fpu_record_restore(void *object, unsigned instance, struct record_reader *in)
{
    struct vcpu *v = domain_vcpu(object, instance);
    struct fpu_record_v1 r;

    BUG_ON(!record_read(in, &r, sizeof(r)));
    memcpy(v->core.fpu.v, r.v, sizeof(r.v));
    v->core.fpu.fpsr = r.fpsr;
    v->core.fpu.fpcr = r.fpcr;
    v->core.fpu_cpu = NULL;
    return 0;
}

const struct record_kind fpu_record = {
    .name = "FPU", .id = RECORD_FPU, .version = 1, .count = record_count_vcpus,
    .save = fpu_record_save, .check = fpu_record_check, .restore = fpu_record_restore,
};
