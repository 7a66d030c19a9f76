// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU: registers by name, barriers, interrupt masking, and struct cpu, which each vCPU finds in TPIDR_EL1.
 * Invariant: a struct cpu is written by its own vCPU, or by vCPU 0 before that one was started.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dormouse/arch/arm64/asm.h"

enum { MAX_CPUS = 8 };

struct cpu {
    void *stack_top;                /* first: entry.S loads it */
    unsigned id;                    /* vCPU number, and MPIDR_EL1.Aff0 */
    void (*run)(void *);
    void *arg;
    bool catching;                  /* trap.h: exceptions are counted and skipped */
    unsigned caught;
    uint64_t caught_esr, caught_far;
    uint64_t redistributor;         /* GICv3: address of this vCPU's RD frame */
};
extern struct cpu cpus[MAX_CPUS];
extern char stacks[MAX_CPUS][STACK_SIZE];

#define sysreg_read(name) \
    ({ uint64_t value_; __asm__ volatile("mrs %0, " #name : "=r"(value_)); value_; })
#define sysreg_write(name, value) \
    __asm__ volatile("msr " #name ", %0" : : "rZ"((uint64_t)(value)) : "memory")

static inline void isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void dsb(void) { __asm__ volatile("dsb sy" ::: "memory"); }
static inline void wfi(void) { __asm__ volatile("dsb sy\n\twfi" ::: "memory"); }
static inline void irq_enable(void) { __asm__ volatile("msr daifclr, #2" ::: "memory"); }
static inline void irq_disable(void) { __asm__ volatile("msr daifset, #2" ::: "memory"); }

/* Takes pending interrupts. Call with interrupts masked. */
static inline void irq_take(void)
{
    irq_enable();
    isb();
    irq_disable();
}

/* Sleeps until an interrupt is pending, and takes it. Call with interrupts masked, after testing the awaited
 * condition: an interrupt that came in between then still ends the sleep. */
static inline void irq_wait(void)
{
    wfi();
    irq_take();
}

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__("mrs %0, tpidr_el1" : "=r"(c));
    return c;
}

/* Device registers: plain loads and stores only, since a hypervisor decodes them from the syndrome (ESR_EL2.ISV). */
static inline uint32_t mmio_read32(uint64_t a)
{
    uint32_t v;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}
static inline void mmio_write32(uint64_t a, uint32_t v)
{
    __asm__ volatile("str %w0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}
static inline uint64_t mmio_read64(uint64_t a)
{
    uint64_t v;
    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}
static inline void mmio_write64(uint64_t a, uint64_t v)
{
    __asm__ volatile("str %0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}
static inline uint8_t mmio_read8(uint64_t a)
{
    uint32_t v;
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return (uint8_t)v;
}
static inline void mmio_write8(uint64_t a, uint8_t v)
{
    __asm__ volatile("strb %w0, [%1]" : : "rZ"(v), "r"(a) : "memory");
}
static inline uint16_t mmio_read16(uint64_t a)
{
    uint32_t v;
    __asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return (uint16_t)v;
}

/*
 * Starts vCPU `id` (1 to MAX_CPUS-1), which runs fn(arg) with its exception vectors, stack and interrupt
 * controller ready and interrupts masked, and switches itself off when fn returns.
 * Returns the PSCI status (0 or negative).
 */
long cpu_start(unsigned id, void (*fn)(void *), void *arg);
/*
 * The same again for a vCPU that was started before, whether it is off, on, or on its way; from several vCPUs at once.
 */
long cpu_start_again(unsigned id);
