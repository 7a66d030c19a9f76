// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_event_channel_op (xen/include/public/event_channel.h). A domain acts on its own ports; a privileged one
 * also opens, looks at and resets those of others. The domain that a port may be connected with is the port's own
 * affair: the opener named it.
 */
#include "abi/abi.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

#include "cpu/cpu.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

/* The caller's own number may be asked for as DOMID_SELF. */
static domid_t own_id(const struct domain *caller, domid_t id)
{
    return id == DOMID_SELF ? caller->id : id;
}

static long op_alloc_unbound(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_alloc_unbound arg;
    struct domain *d;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.dom, &err);
    if (!d)
        return err;
    err = evtchn_alloc_unbound(d, own_id(caller, arg.remote_dom), &arg.port);
    domain_put(d);
    return err ? err : copy_to_guest(arg_va, &arg, sizeof(arg));
}

static long op_bind_interdomain(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_bind_interdomain arg;
    struct domain *remote;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    remote = abi_domain_get(arg.remote_dom);
    if (!remote)
        return -ESRCH;
    err = evtchn_bind_interdomain(caller, remote, arg.remote_port, &arg.local_port);
    domain_put(remote);
    return err ? err : copy_to_guest(arg_va, &arg, sizeof(arg));
}

static long op_bind_virq(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_bind_virq arg;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    err = evtchn_bind_virq(caller, arg.virq, arg.vcpu, &arg.port);
    return err ? err : copy_to_guest(arg_va, &arg, sizeof(arg));
}

static long op_bind_ipi(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_bind_ipi arg;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    err = evtchn_bind_ipi(caller, arg.vcpu, &arg.port);
    return err ? err : copy_to_guest(arg_va, &arg, sizeof(arg));
}

static void status_fill(struct evtchn_status *arg, const struct evtchn_port_status *status)
{
    arg->status = status->status;
    arg->vcpu = status->vcpu;
    switch (status->status) {
    case EVTCHNSTAT_unbound:
        arg->u.unbound.dom = status->remote_domain;
        break;
    case EVTCHNSTAT_interdomain:
        arg->u.interdomain.dom = status->remote_domain;
        arg->u.interdomain.port = status->remote_port;
        break;
    case EVTCHNSTAT_virq:
        arg->u.virq = status->virq;
        break;
    default:
        break;
    }
}

static long op_status(uint64_t arg_va)
{
    struct evtchn_port_status status;
    struct evtchn_status arg;
    struct domain *d;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.dom, &err);
    if (!d)
        return err;
    err = evtchn_status(d, arg.port, &status);
    domain_put(d);
    if (err)
        return err;
    status_fill(&arg, &status);
    return copy_to_guest(arg_va, &arg, sizeof(arg));
}

static long op_bind_vcpu(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_bind_vcpu arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return evtchn_bind_vcpu(caller, arg.port, arg.vcpu);
}

/* Where a reset stopped is kept with the domain: the call is simply made again. */
static long op_reset(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_reset arg;
    struct domain *d;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    d = abi_domain_get_allowed(arg.dom, &err);
    if (!d)
        return err;
    /* Another domain's ports are taken from it only while its owner keeps it paused. */
    if (d != caller && !domain_is_paused_by_controller(d))
        err = -EINVAL;
    else
        err = evtchn_reset(d, preempt_pending);
    domain_put(d);
    return err;
}

static long op_init_control(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_init_control arg;
    int err;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    err = evtchn_init_control(caller, arg.vcpu, GFN(arg.control_gfn), arg.offset);
    arg.link_bits = EVTCHN_FIFO_LINK_BITS;
    return err ? err : copy_to_guest(arg_va, &arg, sizeof(arg));
}

static long op_expand_array(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_expand_array arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return evtchn_expand_array(caller, GFN(arg.array_gfn));
}

static long op_set_priority(struct domain *caller, uint64_t arg_va)
{
    struct evtchn_set_priority arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return evtchn_set_priority(caller, arg.port, arg.priority);
}

/* The calls whose whole argument is a port number: struct evtchn_send, _close and _unmask. */
static long op_port(struct domain *caller, int (*act)(struct domain *d, uint32_t port), uint64_t arg_va)
{
    evtchn_port_t port;

    if (unlikely(copy_from_guest(&port, arg_va, sizeof(port))))
        return -EFAULT;
    return act(caller, port);
}

long abi_event_channel_op(uint64_t cmd, uint64_t arg_va)
{
    struct domain *caller = current_vcpu()->domain;

    switch (cmd) {
    case EVTCHNOP_send:
        return op_port(caller, evtchn_send, arg_va);
    case EVTCHNOP_unmask:
        return op_port(caller, evtchn_unmask, arg_va);
    case EVTCHNOP_close:
        return op_port(caller, evtchn_close, arg_va);
    case EVTCHNOP_alloc_unbound:
        return op_alloc_unbound(caller, arg_va);
    case EVTCHNOP_bind_interdomain:
        return op_bind_interdomain(caller, arg_va);
    case EVTCHNOP_bind_virq:
        return op_bind_virq(caller, arg_va);
    case EVTCHNOP_bind_ipi:
        return op_bind_ipi(caller, arg_va);
    case EVTCHNOP_bind_pirq:
        /* Physical interrupts reach an Arm guest through its GIC; none has a PIRQ number. */
        return -EINVAL;
    case EVTCHNOP_status:
        return op_status(arg_va);
    case EVTCHNOP_bind_vcpu:
        return op_bind_vcpu(caller, arg_va);
    case EVTCHNOP_reset:
        return op_reset(caller, arg_va);
    case EVTCHNOP_init_control:
        return op_init_control(caller, arg_va);
    case EVTCHNOP_expand_array:
        return op_expand_array(caller, arg_va);
    case EVTCHNOP_set_priority:
        return op_set_priority(caller, arg_va);
    default:
        return -ENOSYS;
    }
}
