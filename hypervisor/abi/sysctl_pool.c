// SPDX-License-Identifier: Apache-2.0
/*
 * Sysctls about scheduling. One pool, 0, has all CPUs and all domains; the errors for operations that would change that
 * are those that xen/include/public/sysctl.h lists for cpupool operations.
 */
#include "abi/sysctl.h"

#include <xen/sysctl.h>

#include "abi/ctl_bitmap.h"
#include "base/cpu.h"
#include "cpu/sched.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define POOL_ID 0

int sysctl_sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

int sysctl_scheduler(struct xen_sysctl *op)
{
    struct xen_sysctl_scheduler_op *s = &op->u.scheduler_op;
    uint32_t us = s->u.sched_credit2.ratelimit_us;

    if (s->cpupool_id != POOL_ID)
        return -ESRCH;
    if (s->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    switch (s->cmd) {
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
            return -EINVAL;
        sched_set_ratelimit(us);
        return 0;
    case XEN_SYSCTL_SCHEDOP_getinfo:
        s->u.sched_credit2.ratelimit_us = sched_ratelimit();
        return 0;
    default:
        return -EINVAL;
    }
}

static uint32_t domain_count(void)
{
    uint32_t count = 0;

    domain_for_each(d)
        count++;
    return count;
}

/* Asked for a pool from a number on. */
static int pool_info(struct xen_sysctl_cpupool_op *p)
{
    if (p->cpupool_id > POOL_ID)
        return -ENOENT;
    p->cpupool_id = POOL_ID;
    p->sched_id = XEN_SCHEDULER_CREDIT2;
    p->n_dom = domain_count();
    return ctl_bitmap_write(&p->cpumap, cpu_mask_below(cpus_present()));
}

/* Every CPU is in the pool: none is free to be added, and none can leave it. */
static int pool_change_cpu(const struct xen_sysctl_cpupool_op *p, int error)
{
    if (p->cpupool_id != POOL_ID)
        return -ENOENT;
    if (p->cpu >= cpus_present() && p->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY)
        return -EINVAL;
    return error;
}

static int pool_move_domain(const struct xen_sysctl_cpupool_op *p)
{
    struct domain *d;

    if (p->domid >= DOMID_FIRST_RESERVED)
        return -EINVAL;
    d = domain_get((domid_t)p->domid);
    if (!d)
        return -EINVAL;
    domain_put(d);
    if (d == current_vcpu()->domain)
        return -EPERM;
    return p->cpupool_id == POOL_ID ? 0 : -ENOENT;
}

int sysctl_cpupool(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return p->cpupool_id == POOL_ID ? -EEXIST : -EOPNOTSUPP;
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return p->cpupool_id == POOL_ID ? -EBUSY : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(p);
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return pool_change_cpu(p, -ENODEV);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return pool_change_cpu(p, -EBUSY);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return pool_move_domain(p);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return ctl_bitmap_write(&p->cpumap, 0);
    default:
        return -ENOSYS;
    }
}
