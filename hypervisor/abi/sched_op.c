// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_sched_op (xen/include/public/sched.h): a vCPU gives way, waits, or ends its domain. Nothing sleeps
 * here: a call that blocks marks the vCPU and returns; the scheduler takes it off on the way out of the trap.
 */
#include "abi/abi.h"

#include <xen/sched.h>

#include "cpu/sched.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define POLL_MAX_PORTS 128

static long op_shutdown(struct domain *d, uint64_t arg_va, bool latch_only)
{
    struct sched_shutdown arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.reason > SHUTDOWN_MAX)
        return -EINVAL;
    if (latch_only)
        domain_latch_shutdown(d, arg.reason);
    else
        domain_shutdown(d, arg.reason);
    return 0;
}

static long op_remote_shutdown(struct domain *caller, uint64_t arg_va)
{
    struct sched_remote_shutdown arg;
    struct domain *d;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.reason > SHUTDOWN_MAX)
        return -EINVAL;
    d = abi_domain_get(arg.domain_id);
    if (!d)
        return -ESRCH;
    if (caller->privileged)
        domain_shutdown(d, arg.reason);
    domain_put(d);
    return caller->privileged ? 0 : -EPERM;
}

/* 1: a port of the list has an event, 0: none, or -errno. */
static long poll_look(struct domain *d, const evtchn_port_t *ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int pending = evtchn_port_pending(d, ports[i]);

        if (pending)
            return pending;
    }
    return 0;
}

/*
 * The ports are looked at only after evtchn_poll_begin(): an event that comes in between ends the poll, so that the
 * vCPU does not stay blocked. It goes on by an event, an interrupt or the time-out.
 */
static long op_poll(struct vcpu *v, uint64_t arg_va)
{
    evtchn_port_t ports[POLL_MAX_PORTS];
    struct sched_poll arg;
    long pending;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.nr_ports > POLL_MAX_PORTS)
        return -EINVAL;
    arg.nr_ports = (unsigned)index_nospec(arg.nr_ports, POLL_MAX_PORTS + 1);
    if (copy_from_guest(ports, arg.ports.q, arg.nr_ports * sizeof(ports[0])))
        return -EFAULT;

    evtchn_poll_begin(v, arg.nr_ports == 1 ? ports[0] : EVTCHN_POLL_ANY);
    pending = poll_look(v->domain, ports, arg.nr_ports);
    if (pending) {
        evtchn_poll_end(v);
        return pending < 0 ? pending : 0;
    }
    vcpu_block_polling(v, arg.timeout);
    return 0;
}

static long op_watchdog(struct domain *d, uint64_t arg_va)
{
    struct sched_watchdog arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return domain_watchdog(d, arg.id, arg.timeout);
}

static long op_pin_override(struct vcpu *v, uint64_t arg_va)
{
    struct sched_pin_override arg;

    if (v->domain != dom0)
        return -EPERM;
    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return sched_pin_override(&v->sched, arg.pcpu);
}

/* Apart from the calls that have no argument: those need no room on the stack, and come by the thousand. */
static NOINLINE long op_with_argument(struct vcpu *v, uint64_t cmd, uint64_t arg_va)
{
    switch (cmd) {
    case SCHEDOP_shutdown:
        return op_shutdown(v->domain, arg_va, false);
    case SCHEDOP_poll:
        return op_poll(v, arg_va);
    case SCHEDOP_remote_shutdown:
        return op_remote_shutdown(v->domain, arg_va);
    case SCHEDOP_shutdown_code:
        return op_shutdown(v->domain, arg_va, true);
    case SCHEDOP_watchdog:
        return op_watchdog(v->domain, arg_va);
    case SCHEDOP_pin_override:
        return op_pin_override(v, arg_va);
    default:
        return -ENOSYS;
    }
}

long abi_sched_op(uint64_t cmd, uint64_t arg_va)
{
    struct vcpu *v = current_vcpu();

    switch (cmd) {
    case SCHEDOP_yield:
        sched_yield(&v->sched);
        return 0;
    case SCHEDOP_block:
        vcpu_block(v);
        return 0;
    default:
        return op_with_argument(v, cmd, arg_va);
    }
}
