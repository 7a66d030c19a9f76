// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's command line: Xen's names where the meaning is the same (docs/command-line.md). A wrong value or an
 * unknown option is told in one line and changes nothing.
 */
#pragma once

#include "lib/base.h"

#define OPTION_TEXT 128
#define OPTION_NAME 16

struct options {
    uint64_t dom0_mem;            /* bytes */
    uint64_t dom0_mem_max;        /* bytes dom0 may have later; 0: no more than dom0_mem */
    bool dom0_mem_given;
    unsigned dom0_max_vcpus;      /* 0: as many as there are CPUs */
    unsigned maxcpus;             /* 0: all */
    bool uart_console;            /* console=dtuart, the default; console=none: only xl dmesg */
    char dtuart[OPTION_TEXT];     /* "" : stdout-path */
    char earlycon[OPTION_NAME];   /* the kind of a UART that the device tree does not tell; "": none */
    uint64_t earlycon_at;         /* ... its address */
    unsigned earlycon_shift;      /* ... and how far its registers are apart: 1 << shift bytes */
    char console_switch;          /* a..z: Ctrl- with it, three times, switches the input; 0: never */
    bool console_switch_to_dom0;  /* input goes to dom0 once it starts */
    bool console_wakeup;          /* input on the UART wakes a sleeping host */
    bool noreboot;                /* halt instead */
    bool guest_ptp;               /* guests are offered the time of day as KVM offers it */
    bool iommu;                   /* SMMUs are driven, the default */
    uint64_t crashkernel;         /* bytes of dom0's memory to load kernels into, whole 2 MiB; 0: none */
    uint64_t crashkernel_at;      /* ... and where; 0: anywhere */
};

extern struct options options;

/* Reads `text` into `options`, from the defaults on. Keeps a copy for cmdline_text(). */
void options_parse(const char *text);
