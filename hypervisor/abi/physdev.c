// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_physdev_op (xen/include/public/physdev.h), of which Arm has what dom0 says of its PCI functions as it
 * finds them: an ITS needs to know them before they can interrupt by messages. None are passed to other domains.
 */
#include "abi/abi.h"

#include <xen/physdev.h>

#include "dev/its.h"
#include "vm/domain.h"
#include "vm/guest_access.h"
#include "vm/vcpu.h"

static uint32_t requester(uint8_t bus, uint8_t devfn) { return (uint32_t)bus << 8 | devfn; }

/* The optional words behind say which memory is near: there is one node. */
static long add(uint64_t arg_va)
{
    struct physdev_pci_device_add op;

    if (copy_from_guest(&op, arg_va, sizeof(op)))
        return -EFAULT;
    return its_add_function(op.seg, requester(op.bus, op.devfn));
}

static long remove(uint64_t arg_va)
{
    struct physdev_pci_device op;

    if (copy_from_guest(&op, arg_va, sizeof(op)))
        return -EFAULT;
    return its_remove_function(op.seg, requester(op.bus, op.devfn));
}

long abi_physdev_op(uint32_t cmd, uint64_t arg_va)
{
    if (cmd != PHYSDEVOP_pci_device_add && cmd != PHYSDEVOP_pci_device_remove)
        return -ENOSYS;
    if (!current_vcpu()->domain->privileged)
        return -EPERM;
    return cmd == PHYSDEVOP_pci_device_add ? add(arg_va) : remove(arg_va);
}
