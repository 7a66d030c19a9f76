// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU's arm64 virt machine as its secure world sees it (hw/arm/virt.c: base_memmap; docs/system/arm/virt.rst), and the
 * two things that the firmware does to it: switching it off or resetting it, and forgetting the non-secure UART's
 * settings.
 *
 * The addresses are part of the machine's definition and the same with every option; facts that depend on options are
 * taken from the device tree.
 */
#pragma once

#define MACHINE_FLASH       0x00000000   /* secure; holds the file of -bios */
#define MACHINE_GICD        0x08000000
#define MACHINE_GICC        0x08010000
#define MACHINE_GICH        0x08030000
#define MACHINE_GICR        0x080a0000
#define MACHINE_UART        0x09000000   /* PL011, the non-secure world's */
#define MACHINE_FW_CFG      0x09020000
#define MACHINE_SECURE_UART 0x09040000   /* PL011 */
#define MACHINE_SECURE_GPIO 0x090b0000   /* PL061: line 0 powers the machine off, line 1 resets it */
#define MACHINE_PLATFORM_BUS 0x0c000000  /* behind the devices above */
#define MACHINE_SECURE_RAM  0x0e000000
#define MACHINE_SECURE_RAM_SIZE 0x01000000
#define MACHINE_RAM         0x40000000   /* begins with the device tree */

#ifndef __ASSEMBLY__
#include "lib/base.h"

/* A device's register. */
static inline volatile char *machine_register(uint64_t base, uint64_t offset)
{
    return (volatile char *)(base + offset);
}

NORETURN void machine_power_off(void);
NORETURN void machine_reset(void);

/* The non-secure UART as it is after a reset: disabled, no divisors, no interrupts, its FIFOs empty. */
void machine_reset_uart(void);

/* One line to the secure UART, and the machine stands still. */
NORETURN void machine_fail(const char *fmt, ...) PRINTF(1, 2);
#endif
