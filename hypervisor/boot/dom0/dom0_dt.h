// SPDX-License-Identifier: Apache-2.0
/*
 * dom0's device tree, out of the machine's: devices that the hypervisor keeps are left out or replaced by those that it
 * emulates, everything else is copied, and dom0's builder is told the copied devices' needs.
 */
#pragma once

#include "boot/ranges.h"
#include "dev/gic.h"
#include "lib/base.h"

/*
 * The registers and interrupts that dom0 has to be given for the devices it drives. Ranges are page aligned. An error
 * is told in one line and the device goes without; -ENOMEM ends the building.
 */
struct dom0_device_visitor {
    int (*map_mmio)(void *context, uint64_t start, uint64_t size);
    /* Reserved memory, to be mapped cacheable: dom0's drivers choose. */
    int (*map_memory)(void *context, uint64_t start, uint64_t size);
    /* A shared interrupt (INTID >= 32), each once; device: the name of the node it was found at. */
    int (*route_irq)(void *context, unsigned irq, bool edge, const char *device);
    /* Of a device set aside for another domain (`xen,passthrough`): dom0's toolstack may hand it out. */
    int (*allow_mmio)(void *context, uint64_t start, uint64_t size);
    int (*allow_irq)(void *context, unsigned irq, bool edge, const char *device);
    /* One line of a PCI host bridge's msi-map to gic->its (dev/its.h: its_map_functions). */
    int (*map_functions)(void *context, unsigned segment, uint32_t rid, uint32_t mask, uint32_t device, uint32_t count);
    /* Shared interrupts that no device has: dom0's PCI devices raise them by messages to gic->its. Error: none can. */
    int (*carry_messages)(void *context, unsigned first, unsigned count);
};

struct dom0_dt_params {
    const struct boot_range *memory;     /* dom0's RAM */
    unsigned memory_count;
    const char *bootargs;
    struct boot_range ramdisk;           /* where dom0 finds it; size 0: none */
    const uint64_t *mpidrs;              /* one for each vCPU */
    unsigned vcpus;
    const struct gic_info *gic;          /* emulated at the machine's addresses */
    struct boot_range grant_table;       /* guest-physical room for grant frames */
    const struct boot_range *extended;   /* regions where nothing is, for foreign mappings */
    unsigned extended_count;
    unsigned event_irq;                  /* private INTID (16..31) of the event-channel upcall */
    const char *uart_path;               /* the hypervisor's own, not dom0's; NULL: none */
    const struct dom0_device_visitor *visitor;
    void *context;                       /* the visitor's */
};

/*
 * Writes dom0's tree to out, at most `size` bytes (host tree + 16 KiB is ample). Returns its length in bytes, or
 * -ENOSPC, -EINVAL (the host's tree cannot be used), -ENOMEM (from the visitor), with one line printed. Boot only.
 */
int dom0_dt_build(const void *host_fdt, const struct dom0_dt_params *params, void *out, size_t size);
