// SPDX-License-Identifier: Apache-2.0
/* A CPU that loses its state and comes back (head.S). */
#pragma once

#include "lib/base.h"

/* The registers that a C function may count on: x19 to x30, SP, TPIDR_EL2. */
struct cpu_context {
    uint64_t registers[14];
};

/*
 * Keeps that in *c and calls down(c). Comes back with down's result, or with 0 when the firmware entered resume_entry
 * with c instead, everything else in the CPU being lost.
 */
int64_t cpu_sleep(struct cpu_context *c, int64_t (*down)(struct cpu_context *c));
extern char resume_entry[];

/*
 * This CPU leaves the hypervisor: EL2, MMU off, x0 to x3 = 0, at `entry`, as an arm64 Image is entered (Linux
 * Documentation/arm64/booting.rst). tables, leaving: physical addresses of boot_root and cpu_leaving. Its interrupts,
 * timers and memory are put right by the caller. The way back is to enter jump_back_entry, at EL2 with the
 * MMU off, on a CPU of which nothing else is expected: cpu_sleep(&jump_context, ...) then returns 0.
 */
NORETURN void cpu_leave_to(uint64_t entry, uint64_t tables, uint64_t leaving);
extern char jump_back_entry[], cpu_leaving[], boot_root[];
extern struct cpu_context jump_context;

/*
 * This CPU leaves firmware that has its MMU and caches on, and enters `copy`, another copy of this image, as a boot
 * loader does, with the device tree `tree`. What is needed of both is clean to the point of coherency.
 */
NORETURN void cpu_leave_firmware(char *copy, void *tree);
