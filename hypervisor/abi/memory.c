// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_memory_op (xen/include/public/memory.h): how much memory a domain has and where. This file has the
 * reservations (lists of extents that are populated or given back) and the plain questions; mappings are in
 * memory_map.c.
 */
#include "abi/memory.h"

#include <xen/memory.h>

#include "abi/abi.h"
#include "cpu/cpu.h"
#include "mm/frames.h"
#include "mm/p2m.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/memory.h"
#include "vm/vcpu.h"

struct reservation {
    struct domain *d;
    uint64_t list_va;      /* xen_pfn_t[count]; 0: none */
    uint64_t count;
    unsigned order;
    unsigned address_bits; /* 0: any */
};

long memory_op_continue(unsigned op, uint64_t start)
{
    current_vcpu()->regs.x[0] = op | start << MEMORY_OP_BITS;
    return -ERESTART;
}

static int extent_change(unsigned op, const struct reservation *r, uint64_t index)
{
    uint64_t gfn;

    if (op == XENMEM_increase_reservation)
        return memory_increase(r->d, r->order, r->address_bits);
    if (copy_from_guest_index(&gfn, r->list_va, index))
        return -EFAULT;
    return op == XENMEM_populate_physmap ? memory_populate(r->d, GFN(gfn), r->order, r->address_bits, preempt_pending)
                                         : memory_decrease(r->d, GFN(gfn), r->order);
}

/* The number of extents done, which is less than asked for where one failed. */
static long reservation_walk(unsigned op, const struct reservation *r, uint64_t start)
{
    for (uint64_t i = start; i < r->count; i++) {
        int error;

        if (i > start && preempt_pending())
            return memory_op_continue(op, i);
        error = extent_change(op, r, i);
        if (error == -ERESTART)
            return memory_op_continue(op, i);
        if (error)
            return (long)i;
    }
    return (long)r->count;
}

/* An extent of 1 GiB is for a toolstack to ask for. */
static bool order_allowed(unsigned op, const struct xen_memory_reservation *arg)
{
    if (arg->extent_order <= MEMORY_EXTENT_ORDER)
        return true;
    return arg->extent_order == FRAMES_LARGE_ORDER && op == XENMEM_populate_physmap &&
           current_vcpu()->domain->privileged && !XENMEMF_get_address_bits(arg->mem_flags);
}

static long reservation_change(unsigned op, uint64_t arg_va, uint64_t start)
{
    struct xen_memory_reservation arg;
    struct reservation r;
    long result;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    /* As the ABI has it, a request that cannot be begun is one of which nothing (more) was done. */
    if (start >= arg.nr_extents || arg.nr_extents > MEMORY_OP_MAX_START || !order_allowed(op, &arg))
        return (long)start;
    r = (struct reservation){
        .list_va = arg.extent_start.q,
        .count = arg.nr_extents,
        .order = arg.extent_order,
        .address_bits = XENMEMF_get_address_bits(arg.mem_flags),
    };
    if (op != XENMEM_decrease_reservation) {
        if (r.address_bits && r.address_bits <= PAGE_SHIFT)
            return (long)start;
        if (arg.mem_flags & XENMEMF_populate_on_demand)
            return (long)start;
    }
    if (op != XENMEM_increase_reservation && !r.list_va)
        return (long)start;

    r.d = abi_domain_get_allowed(arg.domid, &error);
    if (!r.d)
        return error;
    result = reservation_walk(op, &r, start);
    domain_put(r.d);
    return result;
}

static long reservation_query(unsigned op, uint64_t arg_va)
{
    struct xen_memory_domain arg;
    struct domain *d;
    long result;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;
    switch (op) {
    case XENMEM_current_reservation:
        result = (long)frames_owned(&d->frames);
        break;
    case XENMEM_maximum_reservation:
        result = (long)frames_limit(&d->frames);
        break;
    default:
        result = (long)p2m_max_gfn(&d->p2m);
        break;
    }
    domain_put(d);
    return result;
}

static long claim_pages(uint64_t arg_va)
{
    struct xen_memory_reservation arg;
    struct domain *d;
    long result;

    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.extent_start.q || arg.extent_order || arg.mem_flags)
        return -EINVAL;
    d = abi_domain_get(arg.domid);
    if (!d)
        return -ESRCH;
    result = frames_claim(&d->frames, arg.nr_extents);
    domain_put(d);
    return result;
}

/* No domain has a virtual NUMA topology: XEN_DOMCTL_setvnumainfo is not supported. */
static long vnuma_query(uint64_t arg_va)
{
    struct xen_vnuma_topology_info arg;
    struct domain *d;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;
    domain_put(d);
    return -EOPNOTSUPP;
}

static long reserved_device_memory(uint64_t arg_va)
{
    struct xen_reserved_device_memory_map arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.flags & ~(uint32_t)XENMEM_RDM_ALL)
        return -EINVAL;
    arg.nr_entries = 0;
    return copy_to_guest(arg_va, &arg, sizeof(arg));
}

long abi_memory_op(uint64_t cmd, uint64_t arg_va)
{
    unsigned op = (unsigned)cmd & (BIT(MEMORY_OP_BITS) - 1);
    uint64_t start = cmd >> MEMORY_OP_BITS;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation_change(op, arg_va, start);
    case XENMEM_add_to_physmap_batch:
        return memory_add_to_physmap_batch(arg_va, start);
    default:
        break;
    }
    if (start)
        return -EINVAL;

    switch (op) {
    case XENMEM_maximum_ram_page:
        return (long)frames_last().mfn;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return reservation_query(op, arg_va);
    case XENMEM_add_to_physmap:
        return memory_add_to_physmap(arg_va);
    case XENMEM_remove_from_physmap:
        return memory_remove_from_physmap(arg_va);
    case XENMEM_acquire_resource:
        return memory_acquire_resource(arg_va);
    case XENMEM_claim_pages:
        return claim_pages(arg_va);
    case XENMEM_get_vnumainfo:
        return vnuma_query(arg_va);
    case XENMEM_reserved_device_memory_map:
        return reserved_device_memory(arg_va);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0;
    default:
        return -ENOSYS;
    }
}
