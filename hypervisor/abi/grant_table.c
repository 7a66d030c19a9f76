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

#include "arch/nospec.h"
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

/* A call under way: one entry at a time. */
struct grant_call {
    struct domain *caller;
    union grant_op op;
    unsigned progress;   /* how far a long entry has come; 0 at its beginning */
};

/*
 * How to do one entry. Its own result goes into the entry; its return value, if not 0, ends the whole call, or stops it
 * (-ERESTART).
 */
struct grant_op_kind {
    size_t size;
    bool single;     /* an array of it is not allowed */
    bool silent;     /* nothing is written back */
    bool resumed;    /* an entry may stop half-way */
    long (*run)(struct grant_call *call);
    bool (*settle)(struct domain *caller);   /* after the last entry, until it says false; may stop in between */
};

/* How far an entry has come stands in the command while the call is stopped, above its number, as Xen has it. */
#define COMMAND_BITS 12
#define COMMAND_MASK ((UINT64_C(1) << COMMAND_BITS) - 1)

static long run_map(struct grant_call *call)
{
    struct grant_map map = {
        .host_addr = call->op.map.host_addr,
        .flags = call->op.map.flags,
        .ref = call->op.map.ref,
        .granter = call->op.map.dom,
    };

    call->op.map.status = (int16_t)grant_map_ref(call->caller, &map);
    if (call->op.map.status == GNTST_okay) {
        call->op.map.handle = map.handle;
        call->op.map.dev_bus_addr = map.machine_addr;
    }
    return 0;
}

static long run_unmap(struct grant_call *call)
{
    struct gnttab_unmap_grant_ref *op = &call->op.unmap;

    op->status = (int16_t)grant_unmap_ref(call->caller, op->handle, op->host_addr, op->dev_bus_addr);
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

static long run_copy(struct grant_call *call)
{
    struct grant_copy_end from = copy_end(&call->op.copy.source, call->op.copy.flags & GNTCOPY_source_gref);
    struct grant_copy_end to = copy_end(&call->op.copy.dest, call->op.copy.flags & GNTCOPY_dest_gref);

    call->op.copy.status = (int16_t)grant_copy(call->caller, &from, &to, call->op.copy.len);
    return 0;
}

/* Only domains without a p2m of the hypervisor's can give pages away; bad_page: the page stays the caller's. */
static long run_transfer(struct grant_call *call)
{
    call->op.transfer.status = GNTST_bad_page;
    return 0;
}

static long run_swap(struct grant_call *call)
{
    call->op.swap.status = (int16_t)grant_swap(call->caller, call->op.swap.ref_a, call->op.swap.ref_b);
    return 0;
}

static long run_flush(struct grant_call *call)
{
    const struct gnttab_cache_flush *f = &call->op.flush;

    if (f->op & GNTTAB_CACHE_SOURCE_GREF)
        return -EOPNOTSUPP;
    if (f->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL) || (uint64_t)f->offset + f->length > PAGE_SIZE)
        return -EINVAL;
    if (f->length == 0 || f->op == 0)
        return 0;
    return grant_cache_flush(call->caller, f->a.dev_bus_addr, f->offset, f->length, &call->progress, preempt_pending);
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

static long run_setup(struct grant_call *call)
{
    struct domain *d = table_owner(call->op.setup.dom, &call->op.setup.status);

    if (!d)
        return 0;
    call->op.setup.status = setup_table(d, &call->op.setup);
    domain_put(d);
    return 0;
}

static long run_size(struct grant_call *call)
{
    struct domain *d = table_owner(call->op.size.dom, &call->op.size.status);
    unsigned now, max;

    if (!d)
        return 0;
    grant_size(d, &now, &max);
    call->op.size.nr_frames = now;
    call->op.size.max_nr_frames = max;
    domain_put(d);
    return 0;
}

/* Frames of that kind belong to version 2. */
static long run_status_frames(struct grant_call *call)
{
    struct domain *d = table_owner(call->op.status_frames.dom, &call->op.status_frames.status);

    if (!d)
        return 0;
    call->op.status_frames.status = GNTST_general_error;
    domain_put(d);
    return 0;
}

static long run_set_version(struct grant_call *call)
{
    uint32_t wanted = call->op.set_version.version;

    if (wanted != 1 && wanted != 2)
        return -EINVAL;
    return wanted == GRANT_VERSION ? 0 : -ENOSYS;
}

static long run_get_version(struct grant_call *call)
{
    struct domain *d;
    int error;

    d = abi_domain_get_allowed(call->op.get_version.dom, &error);
    if (!d)
        return error;
    call->op.get_version.version = GRANT_VERSION;
    domain_put(d);
    return 0;
}

#define SIZE(member) sizeof(((union grant_op *)NULL)->member)

static const struct grant_op_kind kinds[] = {
    [GNTTABOP_map_grant_ref]     = { .size = SIZE(map), .run = run_map },
    [GNTTABOP_unmap_grant_ref]   = { .size = SIZE(unmap), .run = run_unmap, .settle = grant_trim },
    [GNTTABOP_setup_table]       = { .size = SIZE(setup), .single = true, .run = run_setup },
    [GNTTABOP_transfer]          = { .size = SIZE(transfer), .run = run_transfer },
    [GNTTABOP_copy]              = { .size = SIZE(copy), .run = run_copy },
    [GNTTABOP_query_size]        = { .size = SIZE(size), .single = true, .run = run_size },
    [GNTTABOP_set_version]       = { .size = SIZE(set_version), .single = true, .run = run_set_version },
    [GNTTABOP_get_status_frames] = { .size = SIZE(status_frames), .single = true, .run = run_status_frames },
    [GNTTABOP_get_version]       = { .size = SIZE(get_version), .single = true, .run = run_get_version },
    [GNTTABOP_swap_grant_ref]    = { .size = SIZE(swap), .run = run_swap },
    [GNTTABOP_cache_flush]       = { .size = SIZE(flush), .silent = true, .resumed = true, .run = run_flush },
};

static long entry_run(struct grant_call *call, const struct grant_op_kind *kind, uint64_t va)
{
    long error;

    if (copy_from_guest(&call->op, va, kind->size))
        return -EFAULT;
    error = kind->run(call);
    if (error || kind->silent)
        return error;
    return copy_to_guest(va, &call->op, kind->size);
}

/* The call goes on with `count` entries at va, of which the first has come as far as `progress`. */
static long call_stop(uint64_t cmd, uint64_t va, uint64_t count, unsigned progress)
{
    struct vcpu *v = current_vcpu();

    v->regs.x[0] = cmd | (uint64_t)progress << COMMAND_BITS;
    v->regs.x[1] = va;
    v->regs.x[2] = count;
    return -ERESTART;
}

static const struct grant_op_kind *kind_of(uint64_t command)
{
    uint64_t cmd = command & COMMAND_MASK;
    const struct grant_op_kind *kind = cmd < ARRAY_SIZE(kinds) ? &kinds[index_nospec(cmd, ARRAY_SIZE(kinds))] : NULL;

    if (!kind || !kind->run || (command != cmd && !kind->resumed))
        return NULL;
    return kind;
}

long abi_grant_table_op(uint64_t command, uint64_t va, uint64_t count)
{
    struct grant_call call = { .caller = current_vcpu()->domain, .progress = (unsigned)(command >> COMMAND_BITS) };
    const struct grant_op_kind *kind = kind_of(command);
    uint64_t cmd = command & COMMAND_MASK;

    if (!kind)
        return -ENOSYS;
    if (count > INT32_MAX || (kind->single && count != 1))
        return -EINVAL;
    for (; count; count--, va += kind->size) {
        long error = entry_run(&call, kind, va);

        if (error == -ERESTART)
            return call_stop(cmd, va, count, call.progress);
        if (error)
            return error;
        call.progress = 0;
        if (count > 1 && preempt_pending())
            return call_stop(cmd, va + kind->size, count - 1, 0);
    }
    while (kind->settle && kind->settle(call.caller))
        if (preempt_pending())
            return call_stop(cmd, va, 0, 0);
    return 0;
}
