// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_hvm_op: a domain's parameters, by which the toolstack tells a guest where its store and console are
 * (xen/include/public/hvm/params.h). We only keep them: the toolstack writes, the guest reads. Indexes that are not
 * in the table are -EINVAL; other operations -ENOSYS, as arch-arm.h has it.
 */
#include "abi/abi.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

static long param_access(uint64_t arg_va, bool set)
{
    struct domain *caller = current_vcpu()->domain;
    struct xen_hvm_param arg;
    struct domain *d;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    if (arg.index >= HVM_NR_PARAMS || !params_known(arg.index))
        return -EINVAL;
    d = abi_domain_get_allowed(arg.domid, &error);
    if (!d)
        return error;

    if (set) {
        if (caller->privileged)
            params_set(d, arg.index, arg.value);
        domain_put(d);
        return caller->privileged ? 0 : -EPERM;
    }
    arg.value = params_get(d, arg.index);
    domain_put(d);
    return copy_to_guest(arg_va, &arg, sizeof(arg));
}

long abi_hvm_op(uint64_t cmd, uint64_t arg_va)
{
    switch (cmd) {
    case HVMOP_set_param:
        return param_access(arg_va, true);
    case HVMOP_get_param:
        return param_access(arg_va, false);
    default:
        return -ENOSYS;
    }
}
