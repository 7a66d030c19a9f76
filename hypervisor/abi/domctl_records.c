// SPDX-License-Identifier: Apache-2.0
/*
 * XEN_DOMCTL_gethvmcontext, _sethvmcontext and _gethvmcontext_partial, and TORPOR_DOMCTL_NEEDS: a domain's records
 * (vm/records.h) to the toolstack and back. A stream is copied whole into memory of the hypervisor's before anything of
 * it is looked at.
 */
#include "abi/domctl.h"

#include <xen/domctl.h>

#include "abi/domctl_needs.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/records.h"

/* Above all that the largest domain has: 128 vCPUs, and every port that there may be. */
#define MAX_STREAM (8 * MIB)

/* Saves into memory of the size that it needs, and tells the guest. */
static int save_to_guest(struct domain *d, uint64_t guest, uint32_t room, uint32_t *size)
{
    struct record_writer w = { .size = min_u64(room, MAX_STREAM) };
    int error;

    w.to = heap_alloc(w.size);
    if (!w.to)
        return -ENOMEM;
    error = domain_save_records(d, &w);
    if (!error)
        error = copy_to_guest(guest, w.to, w.used);
    *size = (uint32_t)w.used;
    heap_free(w.to, w.size);
    return error;
}

/* No buffer, or one of no size: says how large one has to be. */
int domctl_get_records(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    struct record_writer w = { 0 };
    int error;

    if (c->buffer.q && c->size)
        return save_to_guest(d, c->buffer.q, c->size, &c->size);
    error = domain_save_records(d, &w);
    c->size = (uint32_t)w.used;
    return error;
}

int domctl_set_records(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    uint32_t size = c->size;
    void *stream;
    int error;

    if (size == 0 || size > MAX_STREAM)
        return -EINVAL;
    stream = heap_alloc(size);
    if (!stream)
        return -ENOMEM;
    error = copy_from_guest(stream, c->buffer.q, size);
    if (!error)
        error = domain_restore_records(d, stream, size);
    heap_free(stream, size);
    return error;
}

int domctl_get_record(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext_partial *c = &op->u.hvmcontext_partial;
    struct record_writer w = { .size = min_u64(c->bufsz, MAX_STREAM) };
    int error;

    if (c->buffer.q && w.size) {
        w.to = heap_alloc(w.size);
        if (!w.to)
            return -ENOMEM;
    }
    error = domain_save_record(d, c->type, c->instance, &w);
    if (!error && w.to)
        error = copy_to_guest(c->buffer.q, w.to, w.used);
    c->bufsz = w.used;
    heap_free(w.to, w.size);
    return error;
}

_Static_assert(sizeof(struct torpor_domctl_needs) <= sizeof(((struct xen_domctl *)0)->u), "it fits into a domctl");

static int needs_to_guest(struct domain *d, struct torpor_domctl_needs *n, void *room)
{
    struct record_writer w = { .to = room, .size = n->size };
    int error = domain_save_needs(d, &w);

    if (!error)
        error = copy_to_guest(n->buffer, room, w.used);
    n->size = (uint32_t)w.used;
    return error;
}

static int needs_from_guest(struct domain *d, const struct torpor_domctl_needs *n, void *room)
{
    int error = copy_from_guest(room, n->buffer, n->size);

    return error ? error : domain_check_needs(d, room, n->size);
}

int domctl_needs(struct domain *d, struct xen_domctl *op)
{
    struct torpor_domctl_needs *n = (void *)&op->u;
    uint32_t size = n->size;
    void *room;
    int error;

    if (!size || size > TORPOR_NEEDS_MAX || n->check > 1)
        return -EINVAL;
    room = heap_alloc(size);
    if (!room)
        return -ENOMEM;
    error = n->check ? needs_from_guest(d, n, room) : needs_to_guest(d, n, room);
    heap_free(room, size);
    return error;
}
