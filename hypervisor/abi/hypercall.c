// SPDX-License-Identifier: Apache-2.0
/*
 * Which hypercall number is which handler (xen/include/public/xen.h, the list in arch-arm.h). The one place where guest
 * registers become arguments: a parameter that the ABI declares as 32 bits wide is cut to them here, since
 * the upper half of its register is unspecified (AAPCS64 6.8.2). Numbers that are not in the switch are -ENOSYS.
 */
#include "abi/abi.h"

#include <xen/xen.h>

#include "vm/domain.h"
#include "vm/vcpu.h"

#define INSTRUCTION_SIZE 4

long abi_dispatch(uint64_t number, const uint64_t *x)
{
    switch (number) {
    case __HYPERVISOR_memory_op:
        return abi_memory_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_multicall:
        return abi_multicall(x[0], (uint32_t)x[1]);
    case __HYPERVISOR_xen_version:
        return abi_xen_version((uint32_t)x[0], x[1]);
    case __HYPERVISOR_console_io:
        return abi_console_io((uint32_t)x[0], (uint32_t)x[1], x[2]);
    case __HYPERVISOR_grant_table_op:
        return abi_grant_table_op((uint32_t)x[0], x[1], (uint32_t)x[2]);
    case __HYPERVISOR_vm_assist:
        return abi_vm_assist((uint32_t)x[0], (uint32_t)x[1]);
    case __HYPERVISOR_vcpu_op:
        return abi_vcpu_op((uint32_t)x[0], (uint32_t)x[1], x[2]);
    case __HYPERVISOR_sched_op:
        return abi_sched_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_event_channel_op:
        return abi_event_channel_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_hvm_op:
        return abi_hvm_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_platform_op:
        return abi_platform_op(x[0]);
    case __HYPERVISOR_physdev_op:
        return abi_physdev_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_sysctl:
        return abi_sysctl(x[0]);
    case __HYPERVISOR_domctl:
        return abi_domctl(x[0]);
    case __HYPERVISOR_kexec_op:
        return abi_kexec_op((uint32_t)x[0], x[1]);
    case __HYPERVISOR_hypfs_op:
        return abi_hypfs_op((uint32_t)x[0], x[1], x[2], x[3], x[4]);
    default:
        return -ENOSYS;
    }
}

void abi_hypercall(struct vcpu *v)
{
    long result = abi_dispatch(v->regs.x[16], v->regs.x);

    if (unlikely(result == -ERESTART)) {
        v->regs.pc -= INSTRUCTION_SIZE;
        return;
    }
    v->regs.x[0] = (uint64_t)result;
}

struct domain *abi_domain_get(domid_t id)
{
    return domain_get(id == DOMID_SELF ? current_vcpu()->domain->id : id);
}

struct domain *abi_domain_get_allowed(domid_t id, int *error)
{
    struct domain *caller = current_vcpu()->domain;
    struct domain *d = abi_domain_get(id);

    *error = -ESRCH;
    if (!d || d == caller || caller->privileged)
        return d;
    *error = -EPERM;
    domain_put(d);
    return NULL;
}
