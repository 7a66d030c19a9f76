// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_platform_op (xen/include/public/platform.h), of which Arm has the wall clock alone: dom0 gives the
 * time of a system time, and every domain's shared info follows.
 */
#include "abi/abi.h"

#include <xen/platform.h>

#include "base/time.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/*
 * Wall-clock time secs.nsecs, now. The header wants the system time at which it was; Linux on Arm gives its own
 * CLOCK_MONOTONIC, which began when dom0 did and stood still while dom0 slept, so that is not looked at but for its
 * plausibility.
 */
static long op_settime(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    uint64_t epoch, now = system_time_ns();

    if (nsecs >= NS_PER_SECOND || __builtin_mul_overflow(secs, NS_PER_SECOND, &epoch) ||
        __builtin_add_overflow(epoch, nsecs, &epoch) || system_time > epoch || now > epoch)
        return -EINVAL;
    wallclock_set(epoch - now);
    return 0;
}

long abi_platform_op(uint64_t arg_va)
{
    struct xen_platform_op op;

    if (copy_from_guest(&op, arg_va, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    switch (op.cmd) {
    case XENPF_settime32:
        return op_settime(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
    case XENPF_settime64:
        return op.u.settime64.mbz ? -EINVAL
                                  : op_settime(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time);
    default:
        return -ENOSYS;
    }
}
