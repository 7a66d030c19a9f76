// SPDX-License-Identifier: Apache-2.0
/*
 * The part of HYPERVISOR_memory_op that places pages which are there already into a domain's address space: its shared
 * info and grant table, frames of other domains, device memory (xen/include/public/memory.h).
 */
#include "abi/memory.h"

#include <xen/memory.h>

#include "abi/abi.h"
#include "cpu/cpu.h"
#include "vm/domain.h"
#include "vm/grant/grant.h"
#include "vm/guest_access.h"
#include "vm/memory.h"
#include "vm/vcpu.h"

/* One page: index idx of a space, to gfn. foreign: whose, for XENMAPSPACE_gmfn_foreign; else NULL. */
static int map_one(struct domain *d, unsigned space, uint64_t idx, gfn_t gfn, struct domain *foreign)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        return idx ? -EINVAL : shared_info_map(d, gfn);
    case XENMAPSPACE_grant_table:
        /* Refused, too: status frames (XENMAPIDX_grant_table_status). Version 2 has them, version 1 has none. */
        return idx > UINT32_MAX || (idx & XENMAPIDX_grant_table_status) ? -EINVAL
                                                                         : grant_map_frame(d, (unsigned)idx, gfn);
    case XENMAPSPACE_gmfn_foreign:
        return memory_map_foreign(d, gfn, foreign, GFN(idx));
    case XENMAPSPACE_dev_mmio:
        return memory_map_device(d, gfn, MFN(idx));
    default:
        return -ENOSYS;
    }
}

long memory_add_to_physmap(uint64_t arg_va)
{
    struct xen_add_to_physmap arg;
    struct domain *d;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    /* This call has no field that names the foreign domain; only the batch has. */
    if (arg.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS;
    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;
    error = map_one(d, arg.space, arg.idx, GFN(arg.gpfn), NULL);
    domain_put(d);
    return error;
}

/* 0 with errors told one by one; an errno if a list cannot be read or written. */
static long batch_walk(struct domain *d, const struct xen_add_to_physmap_batch *arg, struct domain *foreign,
                       uint64_t start)
{
    for (uint64_t i = start; i < arg->size; i++) {
        uint64_t idx, gfn;
        int error;

        if (i > start && preempt_pending())
            return memory_op_continue(XENMEM_add_to_physmap_batch, i);
        if (copy_from_guest_index(&idx, arg->idxs.q, i) || copy_from_guest_index(&gfn, arg->gpfns.q, i))
            return -EFAULT;
        error = map_one(d, arg->space, idx, GFN(gfn), foreign);
        if (copy_to_guest_index(arg->errs.q, i, &error))
            return -EFAULT;
    }
    return 0;
}

long memory_add_to_physmap_batch(uint64_t arg_va, uint64_t start)
{
    struct domain *caller = current_vcpu()->domain;
    struct xen_add_to_physmap_batch arg;
    struct domain *d, *foreign = NULL;
    long result;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (start > arg.size)
        return -EILSEQ;
    if (arg.space == XENMAPSPACE_gmfn_foreign && !caller->privileged)
        return -EPERM;
    if (arg.space != XENMAPSPACE_gmfn_foreign && arg.u.res0)
        return -EOPNOTSUPP;

    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;
    if (arg.space == XENMAPSPACE_gmfn_foreign) {
        foreign = abi_domain_get(arg.u.foreign_domid);
        if (!foreign) {
            domain_put(d);
            return -ESRCH;
        }
    }
    result = batch_walk(d, &arg, foreign, start);
    if (foreign)
        domain_put(foreign);
    domain_put(d);
    return result;
}

long memory_remove_from_physmap(uint64_t arg_va)
{
    struct xen_remove_from_physmap arg;
    struct domain *d;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;
    error = memory_unmap(d, GFN(arg.gpfn));
    domain_put(d);
    return error;
}

/* Maps the frames that are asked for into the caller, as far as it comes; *done says how far. */
static int resource_map(struct domain *d, const struct xen_mem_acquire_resource *arg, uint32_t *done)
{
    struct domain *caller = current_vcpu()->domain;

    for (*done = 0; *done < arg->nr_frames; (*done)++) {
        uint64_t frame = arg->frame + *done;
        uint64_t gfn;
        mfn_t mfn;
        int error;

        if (*done > 0 && preempt_pending())
            return -ERESTART;
        if (copy_from_guest_index(&gfn, arg->frame_list.q, *done))
            return -EFAULT;
        if (frame > UINT32_MAX)
            return -EINVAL;
        error = grant_get_frame(d, (unsigned)frame, &mfn);
        if (!error)
            error = memory_map_shared(caller, GFN(gfn), d, mfn);
        if (error)
            return error;
    }
    return 0;
}

static int resource_size(struct domain *d, uint32_t *frames)
{
    unsigned now, max;

    grant_size(d, &now, &max);
    *frames = max;
    return 0;
}

/*
 * The part of the call after the domain was found; *arg becomes the answer to the guest, or the argument to call again
 * with.
 */
static int resource_acquire(struct domain *d, struct xen_mem_acquire_resource *arg)
{
    uint32_t done;
    int error;

    if (arg->type != XENMEM_resource_grant_table)
        return -EOPNOTSUPP;
    if (arg->id != XENMEM_resource_grant_table_id_shared)
        return -EINVAL;
    if (!arg->frame_list.q)
        return arg->nr_frames ? -EINVAL : resource_size(d, &arg->nr_frames);

    error = resource_map(d, arg, &done);
    if (error != -ERESTART)
        return error && done ? -EIO : error;
    arg->nr_frames -= done;
    arg->frame += done;
    arg->frame_list.q += done * sizeof(uint64_t);
    return -ERESTART;
}

long memory_acquire_resource(uint64_t arg_va)
{
    struct xen_mem_acquire_resource arg;
    struct domain *d;
    int error;

    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.pad)
        return -EINVAL;
    d = abi_domain_get(arg.domid);
    if (!d)
        return -ESRCH;
    error = d == current_vcpu()->domain ? -EPERM : resource_acquire(d, &arg);
    domain_put(d);
    if (error && error != -ERESTART)
        return error;
    return copy_to_guest(arg_va, &arg, sizeof(arg)) ? -EFAULT : error;
}
