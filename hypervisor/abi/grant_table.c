// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_grant_table_op (xen/include/public/grant_table.h): arrays of operations, each with a status of its own.
 * One loop walks every kind of array, between two entries it may stop, and the call goes on with the
 * rest of the array. Acting for another domain (its table's size and frames) needs privilege; using a grant
 * needs only the grant.
 */
#include "abi/abi.h"

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "cpu/cpu.h"
#include "vm/domain.h"
#include "vm/grant/grant.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define GRANT_VERSION 1

union grant_op {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_setup_table setup;
    struct gnttab_transfer transfer;
    struct gnttab_copy copy;
    struct gnttab_query_size size;
    struct gnttab_set_version set_version;
    struct gnttab_get_status_frames status_frames;
    struct gnttab_get_version get_version;
    struct gnttab_swap_grant_ref swap;
    struct gnttab_cache_flush flush;
};

/* How to do one entry. Its own result goes into the entry; what it returns, if not 0, ends the whole call. */
struct grant_op_kind {
    size_t size;
    bool single;     /* an array of it is not allowed */
    bool silent;     /* nothing is written back */
    long (*run)(struct domain *caller, union grant_op *op);
};

static long run_map(struct domain *caller, union grant_op *op)
{
    struct grant_map map = {
        .host_addr = op->map.host_addr,
        .flags = op->map.flags,
        .ref = op->map.ref,
        .granter = op->map.dom,
    };

    op->map.status = (int16_t)grant_map_ref(caller, &map);
    if (op->map.status == GNTST_okay) {
        op->map.handle = map.handle;
        op->map.dev_bus_addr = map.machine_addr;
    }
    return 0;
}

static long run_unmap(struct domain *caller, union grant_op *op)
{
    op->unmap.status = (int16_t)grant_unmap_ref(caller, op->unmap.handle, op->unmap.host_addr, op->unmap.dev_bus_addr);
    return 0;
}

static struct grant_copy_end copy_end(const struct gnttab_copy_ptr *p, bool is_ref)
{
    return (struct grant_copy_end){
        .is_ref = is_ref,
        .domain = p->domid,
        .ref = is_ref ? p->u.ref : 0,
        .gfn = is_ref ? 0 : p->u.gmfn,
        .offset = p->offset,
    };
}

static long run_copy(struct domain *caller, union grant_op *op)
{
    struct grant_copy_end from = copy_end(&op->copy.source, op->copy.flags & GNTCOPY_source_gref);
    struct grant_copy_end to = copy_end(&op->copy.dest, op->copy.flags & GNTCOPY_dest_gref);

    op->copy.status = (int16_t)grant_copy(caller, &from, &to, op->copy.len);
    return 0;
}

/* Only domains without a p2m of the hypervisor's can give pages away; bad_page: the page stays the caller's. */
static long run_transfer(struct domain *caller, union grant_op *op)
{
    (void)caller;
    op->transfer.status = GNTST_bad_page;
    return 0;
}

static long run_swap(struct domain *caller, union grant_op *op)
{
    op->swap.status = (int16_t)grant_swap(caller, op->swap.ref_a, op->swap.ref_b);
    return 0;
}

static long run_flush(struct domain *caller, union grant_op *op)
{
    const struct gnttab_cache_flush *f = &op->flush;

    if (f->op & GNTTAB_CACHE_SOURCE_GREF)
        return -EOPNOTSUPP;
    if (f->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL) || (uint64_t)f->offset + f->length > PAGE_SIZE)
        return -EINVAL;
    if (f->length == 0 || f->op == 0)
        return 0;
    return grant_cache_flush(caller, f->a.dev_bus_addr, f->offset, f->length);
}

/* The domain whose table is asked about, or NULL and *status. */
static struct domain *table_owner(domid_t id, int16_t *status)
{
    struct domain *d;
    int error;

    d = abi_domain_get_allowed(id, &error);
    *status = d ? GNTST_okay : error == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
    return d;
}

static int16_t setup_table(struct domain *d, const struct gnttab_setup_table *op)
{
    if (grant_grow(d, op->nr_frames))
        return GNTST_general_error;
    for (unsigned i = 0; i < op->nr_frames; i++) {
        xen_pfn_t gfn = grant_frame_gfn(d, i).gfn;

        if (copy_to_guest_index(op->frame_list.q, i, &gfn))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static long run_setup(struct domain *caller, union grant_op *op)
{
    struct domain *d = table_owner(op->setup.dom, &op->setup.status);

    (void)caller;
    if (!d)
        return 0;
    op->setup.status = setup_table(d, &op->setup);
    domain_put(d);
    return 0;
}

static long run_size(struct domain *caller, union grant_op *op)
{
    struct domain *d = table_owner(op->size.dom, &op->size.status);
    unsigned now, max;

    (void)caller;
    if (!d)
        return 0;
    grant_size(d, &now, &max);
    op->size.nr_frames = now;
    op->size.max_nr_frames = max;
    domain_put(d);
    return 0;
}

/* Frames of that kind belong to version 2. */
static long run_status_frames(struct domain *caller, union grant_op *op)
{
    struct domain *d = table_owner(op->status_frames.dom, &op->status_frames.status);

    (void)caller;
    if (!d)
        return 0;
    op->status_frames.status = GNTST_general_error;
    domain_put(d);
    return 0;
}

static long run_set_version(struct domain *caller, union grant_op *op)
{
    uint32_t wanted = op->set_version.version;

    (void)caller;
    if (wanted != 1 && wanted != 2)
        return -EINVAL;
    return wanted == GRANT_VERSION ? 0 : -ENOSYS;
}

static long run_get_version(struct domain *caller, union grant_op *op)
{
    struct domain *d;
    int error;

    (void)caller;
    d = abi_domain_get_allowed(op->get_version.dom, &error);
    if (!d)
        return error;
    op->get_version.version = GRANT_VERSION;
    domain_put(d);
    return 0;
}

#define SIZE(member) sizeof(((union grant_op *)NULL)->member)

static const struct grant_op_kind kinds[] = {
    [GNTTABOP_map_grant_ref]     = { .size = SIZE(map), .run = run_map },
    [GNTTABOP_unmap_grant_ref]   = { .size = SIZE(unmap), .run = run_unmap },
    [GNTTABOP_setup_table]       = { .size = SIZE(setup), .single = true, .run = run_setup },
    [GNTTABOP_transfer]          = { .size = SIZE(transfer), .run = run_transfer },
    [GNTTABOP_copy]              = { .size = SIZE(copy), .run = run_copy },
    [GNTTABOP_query_size]        = { .size = SIZE(size), .single = true, .run = run_size },
    [GNTTABOP_set_version]       = { .size = SIZE(set_version), .single = true, .run = run_set_version },
    [GNTTABOP_get_status_frames] = { .size = SIZE(status_frames), .single = true, .run = run_status_frames },
    [GNTTABOP_get_version]       = { .size = SIZE(get_version), .single = true, .run = run_get_version },
    [GNTTABOP_swap_grant_ref]    = { .size = SIZE(swap), .run = run_swap },
    [GNTTABOP_cache_flush]       = { .size = SIZE(flush), .silent = true, .run = run_flush },
};

static long entry_run(struct domain *caller, const struct grant_op_kind *kind, uint64_t va)
{
    union grant_op op;
    long error;

    if (copy_from_guest(&op, va, kind->size))
        return -EFAULT;
    error = kind->run(caller, &op);
    if (error || kind->silent)
        return error;
    return copy_to_guest(va, &op, kind->size);
}

long abi_grant_table_op(uint64_t cmd, uint64_t va, uint64_t count)
{
    struct vcpu *v = current_vcpu();
    const struct grant_op_kind *kind = cmd < ARRAY_SIZE(kinds) ? &kinds[cmd] : NULL;

    if (!kind || !kind->run)
        return -ENOSYS;
    if (count > INT32_MAX || (kind->single && count != 1))
        return -EINVAL;
    for (; count; count--, va += kind->size) {
        long error = entry_run(v->domain, kind, va);

        if (error)
            return error;
        if (count > 1 && preempt_pending()) {
            v->regs.x[1] = va + kind->size;
            v->regs.x[2] = count - 1;
            return -ERESTART;
        }
    }
    return 0;
}
