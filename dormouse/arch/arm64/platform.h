// SPDX-License-Identifier: Apache-2.0
/*
 * This domain, as the device tree describes it. Filled in once at boot, read-only afterwards. All addresses are guest
 * physical; interrupts are GIC INTIDs.
 */
#pragma once
#include "lib/base.h"

struct platform {
    const void *fdt;
    char bootargs[1024];            /* extra= of the domain's configuration */
    unsigned gic_version;           /* 2 or 3 */
    uint64_t gicd, gicc, gicr;      /* distributor; CPU interface (2); first redistributor (3) */
    uint64_t gicr_size;
    unsigned timer_virtual, timer_physical;
    bool xen;                       /* the tree names a hypervisor that speaks Xen's ABI */
    uint64_t uart;                  /* a PL011, which is the console where there is no Xen */
    unsigned evtchn_intid;
    uint64_t grant_base, grant_size;
    uint64_t foreign_base, foreign_size;   /* dom0: where others' pages may be mapped */
    uint64_t ram_base, ram_size;    /* the first bank */
    unsigned cpus;
    const char *psci_method;        /* "hvc" or "smc" */
    const void *ramdisk;            /* NULL: none */
    uint64_t ramdisk_size;
};
extern struct platform platform;

/* Reads the tree at `fdt`; false if there is none. Members that a tree lacks stay zero. */
bool platform_init(const void *fdt);
/* The value of NAME=value in the boot arguments, as a number (decimal or 0x), else `otherwise`. */
uint64_t platform_option(const char *name, uint64_t otherwise);
bool platform_flag(const char *name);
