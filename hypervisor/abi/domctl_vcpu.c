// SPDX-License-Identifier: Apache-2.0
/*
 * Domctls about vCPUs: their registers, where they run, and what share they get. Registers are read and written while the vCPU
 * is held off every CPU, so that what is in memory is all there is.
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "abi/ctl_bitmap.h"
#include "base/cpu.h"
#include "cpu/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

/*
 * What a toolstack may put into a guest's PSTATE (Arm ARM DDI 0487, C5.2.19 SPSR_EL2): the flags, the masks, and bits that
 * only mean something to EL1 and EL0. Not IL, SS, nor an AArch32 state.
 */
#define PSTATE_MODE       UINT64_C(0x1f)
#define PSTATE_DAIF       UINT64_C(0x3c0)
#define PSTATE_BTYPE      UINT64_C(0xc00)
#define PSTATE_SSBS       BIT(12)
#define PSTATE_PAN        BIT(22)
#define PSTATE_UAO        BIT(23)
#define PSTATE_DIT        BIT(24)
#define PSTATE_TCO        BIT(25)
#define PSTATE_NZCV       UINT64_C(0xf0000000)
#define PSTATE_ALLOWED    (PSTATE_MODE | PSTATE_DAIF | PSTATE_BTYPE | PSTATE_SSBS | PSTATE_PAN | PSTATE_UAO | PSTATE_DIT | \
                           PSTATE_TCO | PSTATE_NZCV)

_Static_assert(offsetof(struct vcpu_guest_core_regs, x30) == 30 * sizeof(uint64_t), "x0 to x30 are an array in both");

static bool pstate_allowed(uint64_t pstate)
{
    uint64_t mode = pstate & PSTATE_MODE;

    if (pstate & ~PSTATE_ALLOWED)
        return false;
    return mode == PSR_MODE_EL1h || mode == PSR_MODE_EL1t || mode == PSR_MODE_EL0t;
}

static void context_store(struct vcpu *v, const struct vcpu_guest_context *c)
{
    memcpy(v->regs.x, &c->user_regs, sizeof(v->regs.x));
    v->regs.pc = c->user_regs.pc64;
    v->regs.pstate = c->user_regs.cpsr;
    v->el1.spsr = c->user_regs.spsr_el1;
    v->el1.sp_el0 = c->user_regs.sp_el0;
    v->el1.sp_el1 = c->user_regs.sp_el1;
    v->el1.elr = c->user_regs.elr_el1;
    v->el1.sctlr = c->sctlr;
    v->el1.tcr = c->ttbcr;
    v->el1.ttbr0 = c->ttbr0;
    v->el1.ttbr1 = c->ttbr1;
    v->initialised = true;
}

static void context_load(const struct vcpu *v, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    memcpy(&c->user_regs, v->regs.x, sizeof(v->regs.x));
    c->user_regs.pc64 = v->regs.pc;
    c->user_regs.cpsr = v->regs.pstate;
    c->user_regs.spsr_el1 = v->el1.spsr;
    c->user_regs.sp_el0 = v->el1.sp_el0;
    c->user_regs.sp_el1 = v->el1.sp_el1;
    c->user_regs.elr_el1 = v->el1.elr;
    c->sctlr = v->el1.sctlr;
    c->ttbcr = v->el1.tcr;
    c->ttbr0 = v->el1.ttbr0;
    c->ttbr1 = v->el1.ttbr1;
    c->flags = vcpu_is_on(v) ? VGCF_online : 0;
}

/* No context at all: as it was created, off and with nothing to run. */
static int reset_context(struct vcpu *v)
{
    vcpu_pause_sync(v);
    vcpu_claim_paused(v);
    vcpu_reset(v, 0, 0);
    v->initialised = false;
    vcpu_release(v, false);
    vcpu_unpause(v);
    return 0;
}

int domctl_set_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context context;

    if (!v)
        return -EINVAL;
    if (!op->u.vcpucontext.ctxt.q)
        return reset_context(v);
    if (copy_from_guest(&context, op->u.vcpucontext.ctxt.q, sizeof(context)))
        return -EFAULT;
    if (!pstate_allowed(context.user_regs.cpsr))
        return -EINVAL;
    vcpu_pause_sync(v);
    vcpu_claim_paused(v);
    context_store(v, &context);
    vcpu_release(v, context.flags & VGCF_online);
    vcpu_unpause(v);
    return 0;
}

int domctl_get_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context context;

    if (!v)
        return -EINVAL;
    if (!v->initialised)
        return -ENODATA;
    vcpu_pause_sync(v);
    context_load(v, &context);
    vcpu_unpause(v);
    return copy_to_guest(op->u.vcpucontext.ctxt.q, &context, sizeof(context));
}

int domctl_get_vcpu_info(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, info->vcpu);

    if (!v)
        return -ESRCH;
    info->online = vcpu_is_on(v);
    info->blocked = v->blocked;
    info->running = v->sched.running;
    info->cpu_time = sched_runtime_ns(&v->sched);
    info->cpu = v->sched.cpu ? v->sched.cpu->id : 0;
    return 0;
}

/* The bitmaps come back as they act: within the CPUs that exist, the soft one also within the hard one. */
int domctl_set_affinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    uint64_t present = BIT(cpus_present()) - 1;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    uint64_t hard, soft;
    int error;

    if (!v)
        return -ESRCH;
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) ||
        (a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)))
        return -EINVAL;
    hard = v->sched.hard_affinity;
    soft = v->sched.soft_affinity;
    if ((a->flags & XEN_VCPUAFFINITY_HARD) && ctl_bitmap_read(&a->cpumap_hard, &hard))
        return -EFAULT;
    if ((a->flags & XEN_VCPUAFFINITY_SOFT) && ctl_bitmap_read(&a->cpumap_soft, &soft))
        return -EFAULT;
    if (a->flags & XEN_VCPUAFFINITY_FORCE)
        sched_pin_override(&v->sched, -1);
    error = sched_set_affinity(&v->sched, hard, soft);
    if (error)
        return error;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        error = ctl_bitmap_write(&a->cpumap_hard, hard & present);
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT))
        error = ctl_bitmap_write(&a->cpumap_soft, soft & hard & present);
    return error;
}

int domctl_get_affinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    uint64_t present = BIT(cpus_present()) - 1;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    int error = 0;

    if (!v)
        return -ESRCH;
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -EINVAL;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        error = ctl_bitmap_write(&a->cpumap_hard, v->sched.hard_affinity & present);
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT))
        error = ctl_bitmap_write(&a->cpumap_soft, v->sched.soft_affinity & present);
    return error;
}

/* All memory is one node, 0. */
int domctl_set_node_affinity(struct domain *d, struct xen_domctl *op)
{
    uint64_t nodes;

    (void)d;
    if (ctl_bitmap_read(&op->u.nodeaffinity.nodemap, &nodes))
        return -EFAULT;
    return nodes & BIT(0) ? 0 : -EINVAL;
}

int domctl_get_node_affinity(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    return ctl_bitmap_write(&op->u.nodeaffinity.nodemap, BIT(0));
}

int domctl_scheduler(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
    unsigned weight, cap;

    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    sched_domain_get(&d->sched, &weight, &cap);
    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_putinfo:
        /* Weight 0 leaves it as it is; a cap of 0 is none. */
        return sched_domain_set(&d->sched, s->u.credit2.weight ? s->u.credit2.weight : weight, s->u.credit2.cap);
    case XEN_DOMCTL_SCHEDOP_getinfo:
        s->u.credit2.weight = (uint16_t)weight;
        s->u.credit2.cap = (uint16_t)cap;
        return 0;
    default:
        return -EINVAL;
    }
}

int domctl_set_address_size(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    return op->u.address_size.size == 64 ? 0 : -EINVAL;
}
