// SPDX-License-Identifier: Apache-2.0
/*
 * Physical CPUs going on and off. Each has one stack and one struct cpu, found through
 * TPIDR_EL2. EL2 runs to completion with interrupts masked: a trap enters on the top of
 * the stack and leaves by returning to some vCPU, or waits in the idle loop. Nothing ever
 * sleeps half-way in the hypervisor; long work returns -ERESTART and the guest calls again.
 */
#pragma once

#include "base/cpu.h"
#include "lib/base.h"

/*
 * The stages of a CPU on its way on, in this order, and on its way off in reverse: the boot CPU, secondaries, a
 * CPU that goes off for a host sleep and comes back, and the one that sleeps last. Above us, for it names parts of
 * rooms above (power/cpu_stages.c).
 */
extern const struct cpu_stage *const cpu_stages[];
extern const unsigned cpu_stages_count;

/* This CPU through the list. -errno: a stage failed, and those before it are off again. */
int cpu_stages_on(void);
void cpu_stages_off(void);
/* After the firmware brought it back from a host sleep. */
void cpu_stages_resume(void);
/* EL2's registers, the first stage. */
extern const struct cpu_stage cpu_core_stage;

/* The boot CPU's struct and EL2's registers, so that a fault is told from now on. First thing in C. */
void cpu_boot_init(void);
/*
 * Starts secondary CPUs by PSCI, in the order of mpidr[1..count-1] (mpidr[0] is this CPU); one line for each that does
 * not come.
 */
void cpus_start(const uint64_t *mpidr, unsigned count);
/* A secondary's C entry (arch/arm64/head.S). */
NORETURN void cpu_secondary_start(struct cpu *cpu);
/* Runs the scheduler's vCPUs, for ever, from the top of this CPU's stack. */
NORETURN void cpu_run_guests(void);
/* Boot, once: a panic can stop the CPUs that come from now on. */
void cpu_stop_init(void);

/* A host sleep: every CPU but this one off, and on again. Their guests are frozen. */
struct sleep_stage;
extern const struct sleep_stage cpus_stage;
/* The idle loop's: goes off if it is to. Returns if it is not, or if the firmware refuses. */
void cpu_off_if_called(struct cpu *cpu);
/* This CPU's registers of EL2 but for its context, into its struct. */
void cpu_note_left(void);
/* Whether a CPU was lost that is not off: firmware then does not put the system to sleep (PSCI 5.20.1). */
bool cpus_lost_are_on(void);
/* From one step to the next; false: another had come first, and nothing changed. */
bool cpu_step(struct cpu *cpu, enum cpu_way from, enum cpu_way to);
enum cpu_way cpu_way_of(const struct cpu *cpu);
/* Starts a CPU that is off; true when it is there. False, and one line: it is lost if it may still come. */
bool cpu_start(struct cpu *cpu);

/* Makes `cpu` pass through its exit path soon (it takes need_schedule and its vCPU's work there). */
void cpu_kick(struct cpu *cpu);
/* Sets need_schedule and kicks, if it is not this CPU. */
void cpu_request_schedule(struct cpu *cpu);

/* Assembly: entry/vectors.S, arch/arm64/head.S. */
extern char vectors[], vectors_hardened[], vectors_ras[], vectors_ras_hardened[], secondary_entry[];
NORETURN void run_guests_on_stack(uint8_t *stack_top, struct vcpu *(*first)(void));
