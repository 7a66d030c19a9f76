// SPDX-License-Identifier: Apache-2.0
/*
 * HYPERVISOR_physdev_op (xen/include/public/physdev.h). Dom0 reports the PCI devices that it finds; PCI devices are not passed to
 * other domains here, so it is told that, as by stock Xen without PCI passthrough, and goes on.
 */
#include "abi/abi.h"

#include <xen/physdev.h>

long abi_physdev_op(uint64_t cmd, uint64_t arg_va)
{
    (void)arg_va;
    switch (cmd) {
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}
