// SPDX-License-Identifier: Apache-2.0
/*
 * The boot loader's and the device tree's description of this machine, in the hypervisor's own terms. Read once, at
 * boot; texts point into the device tree, which has to stay where it is until dom0 is built.
 */
#pragma once

#include "base/cpu.h"
#include "boot/ranges.h"
#include "dev/uart.h"
#include "lib/base.h"

#define BOOT_UART_PATH 128

struct boot_uart {
    const struct uart_driver *driver;   /* NULL: there is none that we know */
    char path[BOOT_UART_PATH];   /* of its node */
    struct uart_place place;
    unsigned irq;                /* INTID; 0: none */
};

struct boot_psci {
    bool present;
    bool hvc;                    /* the conduit; otherwise smc */
    bool is_0_1;                 /* only arm,psci: calls by the numbers below */
    uint32_t cpu_on;             /* the function's number: 0.1's, or CPU_ON of DEN0022 */
};

/* Generic timer's private interrupts, INTIDs; 0: not there. */
struct boot_timer {
    unsigned secure_phys, phys, virt, hyp;
    uint64_t frequency;          /* Hz, if the tree has to say so; 0: CNTFRQ_EL0 is right */
};

struct bootinfo {
    struct boot_ranges ram;       /* page aligned; without no-map ranges */
    struct boot_ranges reserved;  /* not free: firmware's, modules', and those of bootinfo_reserve() */
    uint64_t fdt_size;            /* bytes of the device tree */
    struct boot_range kernel, ramdisk;   /* size 0: none was given */
    uint64_t seed;                /* of /chosen's kaslr-seed and rng-seed; 0: it has none */
    const char *cmdline;          /* the hypervisor's; never NULL */
    const char *dom0_cmdline;     /* never NULL */
    struct { uint64_t mpidr; } cpus[MAX_CPUS];   /* in the tree's order */
    unsigned cpu_count;
    struct boot_psci psci;
    struct boot_timer timer;
    struct boot_uart uart;        /* stdout-path's */
};

/*
 * fdt: mapped whole (DT_MAX_SIZE bytes of its head may be read). 0, or -errno with one line printed. The uart is found
 * before anything else can fail, so that the caller can show that line: uart.driver is valid even on errors.
 */
int bootinfo_parse(const void *fdt, struct bootinfo *b);

/*
 * Takes [start, start + size) out of free memory: the hypervisor's image, the device tree's own pages. Rounded to
 * pages. -ENOSPC.
 */
int bootinfo_reserve(struct bootinfo *b, uint64_t start, uint64_t size);

/* Calls `found` for each free range, page aligned, in ascending order: RAM without the reserved ranges. */
void bootinfo_for_each_free(const struct bootinfo *b, void (*found)(void *context, uint64_t start, uint64_t size),
                            void *context);

/*
 * dtuart=NAME: a path or an alias, with or without ":options", instead of stdout-path. -ENOENT with one line: not a
 * UART we know.
 */
int bootinfo_select_uart(const void *fdt, struct bootinfo *b, const char *name);
