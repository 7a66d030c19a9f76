// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_vcpu_op (xen/include/public/vcpu.h). On Arm a guest registers where its vcpu_info and run-state areas are,
 * and that is all (arch-arm.h): bringing vCPUs up and down is PSCI's, timers are the architecture's.
 * And HYPERVISOR_vm_assist, whose one type that means anything here is the run-state update flag.
 */
#include "abi/abi.h"

#include <xen/vcpu.h>

#include "mm/frames.h"
#include "vm/domain.h"
#include "vm/evtchn/evtchn.h"
#include "vm/guest_access.h"
#include "vm/runstate.h"
#include "vm/vcpu.h"

static long op_register_vcpu_info(struct vcpu *v, uint64_t arg_va)
{
    struct vcpu_register_vcpu_info arg;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    return evtchn_register_vcpu_info(v, GFN(arg.mfn), arg.offset);
}

static int area_gfn(uint64_t va, gfn_t *gfn)
{
    uint64_t gpa;

    if (guest_va_to_gpa(va, true, &gpa))
        return -EFAULT;
    *gfn = GFN(gpa >> PAGE_SHIFT);
    return 0;
}

/* On Arm the address is virtual, of the caller's own; the area may lie across two pages. */
static long op_register_runstate(struct vcpu *v, uint64_t arg_va)
{
    struct vcpu_register_runstate_memory_area arg;
    gfn_t gfn[2] = { INVALID_GFN, INVALID_GFN };
    unsigned offset;
    int error;

    if (copy_from_guest(&arg, arg_va, sizeof(arg)))
        return -EFAULT;
    offset = arg.addr.p & ~PAGE_MASK;
    if (offset % sizeof(uint64_t))
        return -EINVAL;

    error = area_gfn(arg.addr.p, &gfn[0]);
    if (!error && runstate_area_crosses(offset))
        error = area_gfn((arg.addr.p & PAGE_MASK) + PAGE_SIZE, &gfn[1]);
    return error ? error : runstate_set_area(v, gfn, offset);
}

long abi_vcpu_op(uint64_t cmd, uint64_t vcpu_id, uint64_t arg_va)
{
    struct vcpu *v = domain_vcpu(current_vcpu()->domain, (unsigned)vcpu_id);

    switch (cmd) {
    case VCPUOP_register_runstate_memory_area:
        return v ? op_register_runstate(v, arg_va) : -ENOENT;
    case VCPUOP_register_vcpu_info:
        return v ? op_register_vcpu_info(v, arg_va) : -ENOENT;
    default:
        return -EINVAL;
    }
}

long abi_vm_assist(uint64_t cmd, uint64_t type)
{
    struct domain *d = current_vcpu()->domain;

    if (type != VMASST_TYPE_runstate_update_flag)
        return -EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable:
        runstate_set_update_flag(d, true);
        return 0;
    case VMASST_CMD_disable:
        runstate_set_update_flag(d, false);
        return 0;
    default:
        return -ENOSYS;
    }
}
