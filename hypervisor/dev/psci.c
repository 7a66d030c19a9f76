// SPDX-License-Identifier: Apache-2.0
#include "dev/psci.h"

#include "arch/psci.h"
#include "base/cpu.h"
#include "base/printk.h"

#define PSCI_1_0   0x10000
#define SMCCC_1_1  0x10001

static enum psci_conduit conduit;
static uint32_t cpu_on_function = PSCI_CPU_ON_64;

/* The SMC64 call where there is one, for addresses may need more than 32 bits. */
void psci_init(enum psci_conduit c, uint32_t cpu_on)
{
    conduit = c;
    if (cpu_on != PSCI_CPU_ON_32)
        cpu_on_function = cpu_on;
}

/* SMCCC (DEN0028): x0-x3 are arguments and results, x4-x17 may be lost with version 1.0 firmware. */
static int64_t call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    if (conduit == PSCI_SMC)
        __asm__ volatile("smc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                         :
                         : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                           "memory");
    else if (conduit == PSCI_HVC)
        __asm__ volatile("hvc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                         :
                         : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                           "memory");
    else
        x0 = (uint64_t)PSCI_NOT_SUPPORTED;
    return (int64_t)x0;
}

int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
    return (int32_t)call(cpu_on_function, mpidr, entry, context);
}

int64_t psci_cpu_off(void)
{
    return (int32_t)call(PSCI_CPU_OFF, 0, 0, 0);
}

bool psci_cpu_is_off(uint64_t mpidr)
{
    int32_t state = (int32_t)call(PSCI_AFFINITY_INFO_64, mpidr, 0, 0);

    return state == PSCI_AFFINITY_OFF || state == PSCI_NOT_SUPPORTED;
}

bool psci_can_suspend(void)
{
    return (int32_t)call(PSCI_VERSION, 0, 0, 0) >= PSCI_1_0 &&
           (int32_t)call(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND_64, 0, 0) == PSCI_SUCCESS;
}

int64_t psci_system_suspend(paddr_t entry, uint64_t context)
{
    return (int32_t)call(PSCI_SYSTEM_SUSPEND_64, entry.pa, context, 0);
}

int32_t psci_arch_features(uint32_t function)
{
    if (conduit != PSCI_SMC || (int32_t)call(PSCI_VERSION, 0, 0, 0) < PSCI_1_0 ||
        (int32_t)call(PSCI_FEATURES, SMCCC_VERSION, 0, 0) != PSCI_SUCCESS ||
        (int32_t)call(SMCCC_VERSION, 0, 0, 0) < SMCCC_1_1)
        return PSCI_NOT_SUPPORTED;
    return (int32_t)call(SMCCC_ARCH_FEATURES, function, 0, 0);
}

void psci_arch_workaround_2(void)
{
    (void)call(SMCCC_ARCH_WORKAROUND_2, 1, 0, 0);
}

NORETURN void psci_system_off(void)
{
    call(PSCI_SYSTEM_OFF, 0, 0, 0);
    printk("torpor: the firmware does not power the machine off (PSCI SYSTEM_OFF); halted, switch it off by hand\n");
    cpu_halt();
}

NORETURN void psci_system_reset(void)
{
    call(PSCI_SYSTEM_RESET, 0, 0, 0);
    printk("torpor: the firmware does not reset the machine (PSCI SYSTEM_RESET); halted, reset it by hand\n");
    cpu_halt();
}
