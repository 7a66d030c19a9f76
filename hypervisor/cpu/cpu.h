// SPDX-License-Identifier: Apache-2.0
/*
 * Physical CPUs. Each has one stack and one struct cpu, found through
 * TPIDR_EL2. EL2 runs to completion with interrupts masked: a trap enters on the top of
 * the stack and leaves by returning to some vCPU, or waits in the idle loop. Nothing ever
 * sleeps half-way in the hypervisor; long work returns -ERESTART and the guest calls again.
 */
#pragma once

#include "base/cpu.h"
#include "lib/base.h"

/* The boot CPU's struct, its stack that of the boot code. First thing in C. */
void cpu_boot_init(void);
/* Starts secondary CPUs by PSCI, in the order of mpidr[1..count-1] (mpidr[0] is this CPU); one line for each that does not come. */
void cpus_start(const uint64_t *mpidr, unsigned count);
/* A secondary's C entry. */
NORETURN void cpu_secondary_start(struct cpu *cpu);
void cpu_set_online(struct cpu *cpu, bool is_online);
/* The machine's end: makes sure that what was printed reached somebody, by semihosting if there is no UART. */
NORETURN void cpu_stop_for_good(void);
/* Leaves the boot stack for this CPU's own and runs what the scheduler picks, for ever. */
NORETURN void cpu_run_guests(void);

/* A host sleep: every CPU but this one off, and on again. Their guests are frozen. */
struct sleep_stage;
extern const struct sleep_stage cpus_stage;
/* The idle loop's: goes off if it is to. Returns if it is not, or if the firmware refuses. */
void cpu_off_if_called(struct cpu *cpu);
/* Whether a CPU was lost that is not off: firmware then does not put the system to sleep (PSCI 5.20.1). */
bool cpus_lost_are_on(void);
/* From one step to the next; false: another had come first, and nothing changed. */
bool cpu_step(struct cpu *cpu, enum cpu_way from, enum cpu_way to);
enum cpu_way cpu_way_of(const struct cpu *cpu);
/* EL2's registers of this CPU, after the firmware brought it back. */
void cpu_restore(void);
/* Starts a CPU that is off; true when it is there. False, and one line: it is lost if it may still come. */
bool cpu_start(struct cpu *cpu);

/* Makes `cpu` pass through its exit path soon (it takes need_schedule and its vCPU's work there). */
void cpu_kick(struct cpu *cpu);
/* Sets need_schedule and kicks, if it is not this CPU. */
void cpu_request_schedule(struct cpu *cpu);
