// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU's core between memory and this CPU's registers. The general registers are the trap entry's; here are EL1's
 * system registers, the timer, the virtual interrupt interface and the FPU. Between vCPUs of one domain the FPU is
 * loaded when it is first used, and stays loaded as long as nobody else on this CPU uses it. Another domain's registers
 * are never left there behind a trap: whether a CPU computes with them on a guess is nothing that the architecture
 * says.
 */
#include "arch/barrier.h"
#include "arch/cache.h"
#include "arch/ras.h"
#include "arch/sysreg.h"
#include "arch/walks.h"
#include "base/cpu.h"
#include "mm/vmid.h"
#include "vm/domain.h"
#include "vm/vcpu.h"
#include "vm/arm64/vtimer.h"

static void el1_save(struct el1_state *s)
{
    s->sp_el0 = read_sysreg(sp_el0);
    s->sp_el1 = read_sysreg(sp_el1);
    s->elr = read_sysreg(elr_el1);
    s->spsr = read_sysreg(spsr_el1);
    s->sctlr = read_sysreg(sctlr_el1);
    s->cpacr = read_sysreg(cpacr_el1);
    s->ttbr0 = read_sysreg(ttbr0_el1);
    s->ttbr1 = read_sysreg(ttbr1_el1);
    s->tcr = read_sysreg(tcr_el1);
    s->mair = read_sysreg(mair_el1);
    s->amair = read_sysreg(amair_el1);
    s->vbar = read_sysreg(vbar_el1);
    s->esr = read_sysreg(esr_el1);
    s->far = read_sysreg(far_el1);
    s->afsr0 = read_sysreg(afsr0_el1);
    s->afsr1 = read_sysreg(afsr1_el1);
    s->par = read_sysreg(par_el1);
    s->contextidr = read_sysreg(contextidr_el1);
    s->tpidr_el0 = read_sysreg(tpidr_el0);
    s->tpidrro_el0 = read_sysreg(tpidrro_el0);
    s->tpidr_el1 = read_sysreg(tpidr_el1);
    s->cntkctl = read_sysreg(cntkctl_el1);
    s->csselr = read_sysreg(csselr_el1);
}

/* All but the registers that let walks begin: walks_start() writes these last. */
static void el1_load(const struct el1_state *s)
{
    write_sysreg(s->sp_el0, sp_el0);
    write_sysreg(s->sp_el1, sp_el1);
    write_sysreg(s->elr, elr_el1);
    write_sysreg(s->spsr, spsr_el1);
    write_sysreg(s->cpacr, cpacr_el1);
    write_sysreg(s->ttbr0, ttbr0_el1);
    write_sysreg(s->ttbr1, ttbr1_el1);
    write_sysreg(s->mair, mair_el1);
    write_sysreg(s->amair, amair_el1);
    write_sysreg(s->vbar, vbar_el1);
    write_sysreg(s->esr, esr_el1);
    write_sysreg(s->far, far_el1);
    write_sysreg(s->afsr0, afsr0_el1);
    write_sysreg(s->afsr1, afsr1_el1);
    write_sysreg(s->par, par_el1);
    write_sysreg(s->contextidr, contextidr_el1);
    write_sysreg(s->tpidr_el0, tpidr_el0);
    write_sysreg(s->tpidrro_el0, tpidrro_el0);
    write_sysreg(s->tpidr_el1, tpidr_el1);
    write_sysreg(s->cntkctl, cntkctl_el1);
    write_sysreg(s->csselr, csselr_el1);
}

static bool fpu_is_on(void)
{
    return !(read_sysreg(cptr_el2) & CPTR_TFP);
}

static void fpu_set_trap(bool trap)
{
    uint64_t cptr = read_sysreg(cptr_el2);

    write_sysreg(trap ? cptr | CPTR_TFP : cptr & ~CPTR_TFP, cptr_el2);
    isb();
}

/* Its own state is in this CPU's registers. */
static bool fpu_is_loaded(const struct vcpu *v)
{
    return this_cpu()->fpu_owner == v && v->core.fpu_cpu == this_cpu();
}

void core_fpu_trap(struct vcpu *v)
{
    fpu_set_trap(false);
    if (!fpu_is_loaded(v))
        fpu_load(&v->core.fpu);
    this_cpu()->fpu_owner = v;
    v->core.fpu_cpu = this_cpu();
}

static void fpu_switch_in(struct vcpu *v)
{
    const struct vcpu *owner = this_cpu()->fpu_owner;

    if (!owner || owner->domain != v->domain)
        core_fpu_trap(v);
    else
        fpu_set_trap(!fpu_is_loaded(v));
}

/*
 * Without FEAT_RAS an error of v's accesses is taken now, or else at the next guest's first instruction. After
 * el1_save(), for taking it costs registers.
 */
static void serror_settle(struct vcpu *v)
{
    dsb_sy();
    isb();
    if (likely(!(read_sysreg(isr_el1) & ISR_A)))
        return;
    serror_take();
    v->core.hcr |= HCR_VSE;
}

void vcpu_switch_out(struct vcpu *v)
{
    el1_save(&v->core.el1);
    v->core.hcr = read_sysreg(hcr_el2);   /* a virtual SError may be pending still */
    if (!this_cpu()->has_ras)
        serror_settle(v);
    walks_stop();   /* until the next is switched in: this one may be gone before, and its VMID another's */
    vtimer_save(v);
    vgic_save(v);
    if (fpu_is_on())
        fpu_save(&v->core.fpu);
}

void core_load(struct vcpu *v)
{
    walks_stop();
    write_sysreg(v->core.hcr, hcr_el2);
    el1_load(&v->core.el1);
    isb();
    walks_start(v->core.el1.sctlr, v->core.el1.tcr);
    core_fpu_trap(v);
}

/*
 * vCPUs of a domain use the same VMID with address space numbers of their own: translations that another of them left
 * here go; and those of another domain with the VMID, which cannot be known from one's own, with both stages.
 */
static void tlb_claim(struct vcpu *v)
{
    struct vcpu **last = &v->domain->core.last_vcpu[this_cpu()->id];

    if (unlikely(vmid_is_shared(v->domain->p2m.vmid)))
        tlb_flush_vmid_local();
    else if (*last && *last != v)
        tlb_flush_guest_local();
    *last = v;
}

/* A domain that began on another make of CPU goes on seeing that one. */
static void midr_switch_in(const struct vcpu *v)
{
    uint64_t midr = v->domain->cpu_view.midr;

    if (likely(!midr && !this_cpu()->other_midr))
        return;
    write_sysreg(midr ? midr : read_sysreg(midr_el1), vpidr_el2);
    this_cpu()->other_midr = midr;
}

void vcpu_switch_in(struct vcpu *v)
{
    write_sysreg(v->domain->p2m.vttbr, vttbr_el2);
    write_sysreg(v->core.hcr, hcr_el2);
    write_sysreg(v->core.vmpidr, vmpidr_el2);
    midr_switch_in(v);
    if (this_cpu()->has_ras)
        /* a guest's DISR_EL1, of which it is not told: nothing is kept, and nothing shown to the next */
        write_ras(0, VDISR_EL2);
    el1_load(&v->core.el1);
    isb();
    tlb_claim(v);
    walks_start(v->core.el1.sctlr, v->core.el1.tcr);
    vgic_load(v);
    vtimer_load(v);
    fpu_switch_in(v);
}
