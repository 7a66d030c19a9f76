// SPDX-License-Identifier: Apache-2.0
/*
 * Domctls about vCPUs: their registers, where they run, and their share.
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

_Static_assert(offsetof(struct vcpu_guest_core_regs, x30) == 30 * sizeof(uint64_t), "x0 to x30 are an array in both");

static void context_from_abi(struct core_context *to, const struct vcpu_guest_context *from)
{
    memcpy(to->x, &from->user_regs, sizeof(to->x));
    to->pc = from->user_regs.pc64;
    to->pstate = from->user_regs.cpsr;
    to->spsr = from->user_regs.spsr_el1;
    to->sp_el0 = from->user_regs.sp_el0;
    to->sp_el1 = from->user_regs.sp_el1;
    to->elr = from->user_regs.elr_el1;
    to->sctlr = from->sctlr;
    to->tcr = from->ttbcr;
    to->ttbr0 = from->ttbr0;
    to->ttbr1 = from->ttbr1;
}

static void context_to_abi(struct vcpu_guest_context *to, const struct core_context *from, bool on)
{
    memset(to, 0, sizeof(*to));
    memcpy(&to->user_regs, from->x, sizeof(from->x));
    to->user_regs.pc64 = from->pc;
    to->user_regs.cpsr = from->pstate;
    to->user_regs.spsr_el1 = from->spsr;
    to->user_regs.sp_el0 = from->sp_el0;
    to->user_regs.sp_el1 = from->sp_el1;
    to->user_regs.elr_el1 = from->elr;
    to->sctlr = from->sctlr;
    to->ttbcr = from->tcr;
    to->ttbr0 = from->ttbr0;
    to->ttbr1 = from->ttbr1;
    to->flags = on ? VGCF_online : 0;
}

int domctl_set_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context abi;
    struct core_context context;

    if (!v)
        return -EINVAL;
    if (!op->u.vcpucontext.ctxt.q) {
        vcpu_clear_context(v);
        return 0;
    }
    if (copy_from_guest(&abi, op->u.vcpucontext.ctxt.q, sizeof(abi)))
        return -EFAULT;
    context_from_abi(&context, &abi);
    return vcpu_set_context(v, &context, abi.flags & VGCF_online);
}

int domctl_get_context(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context abi;
    struct core_context context;
    bool on;
    int err;

    if (!v)
        return -EINVAL;
    err = vcpu_get_context(v, &context, &on);
    if (err)
        return err;
    context_to_abi(&abi, &context, on);
    return copy_to_guest(op->u.vcpucontext.ctxt.q, &abi, sizeof(abi));
}

int domctl_get_vcpu_info(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, info->vcpu);

    if (!v)
        return -ESRCH;
    info->online = vcpu_is_on(v);
    info->blocked = v->blocked;
    info->running = sched_is_running(&v->sched);
    info->cpu_time = sched_runtime_ns(&v->sched);
    info->cpu = sched_cpu_number(&v->sched);
    return 0;
}

/* The bitmaps come back as they act: within the CPUs that exist, the soft one also within the hard one. */
int domctl_set_affinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    cpu_mask present = cpu_mask_below(cpus_present());
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    cpu_mask hard, soft;
    int error;

    if (!v)
        return -ESRCH;
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) ||
        (a->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)))
        return -EINVAL;
    sched_get_affinity(&v->sched, &hard, &soft);
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
    cpu_mask present = cpu_mask_below(cpus_present());
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    cpu_mask hard, soft;
    int error = 0;

    if (!v)
        return -ESRCH;
    if (!(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -EINVAL;
    sched_get_affinity(&v->sched, &hard, &soft);
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        error = ctl_bitmap_write(&a->cpumap_hard, hard & present);
    if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT))
        error = ctl_bitmap_write(&a->cpumap_soft, soft & present);
    return error;
}

/* All memory is one node, 0. */
int domctl_set_node_affinity(struct domain *d, struct xen_domctl *op)
{
    cpu_mask nodes;

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
