// SPDX-License-Identifier: Apache-2.0
#include "firmware/psci.h"

#include "arch/psci.h"
#include "firmware/cpu.h"
#include "firmware/machine.h"
#include "firmware/sleep.h"
#include "firmware/sysreg.h"
#include "firmware/tree.h"
#include "firmware/workaround.h"

#define PSCI_VERSION_1_0       0x10000
#define SMCCC_VERSION_1_1      0x10001

#define ESR_EC_SMC32           0x13

typedef int64_t (*psci_call)(uint64_t a, uint64_t b, uint64_t c);

bool psci_entry_valid(uint64_t entry) { return !(entry & 3) && tree_is_ram(entry); }

static int64_t version(uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    return PSCI_VERSION_1_0;
}

static int64_t smccc_version(uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    return SMCCC_VERSION_1_1;
}

static int64_t cpu_off(uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    cpu_park();
}

static int64_t cpu_on(uint64_t target, uint64_t entry, uint64_t context)
{
    struct cpu *cpu = cpu_find(target);

    if (!cpu)
        return PSCI_INVALID_PARAMETERS;
    if (!psci_entry_valid(entry))
        return PSCI_INVALID_ADDRESS;
    if (!cpu_claim(cpu))
        return cpu_state_get(cpu) == CPU_ON_PENDING ? PSCI_ON_PENDING : PSCI_ALREADY_ON;
    cpu_start(cpu, entry, context);
    return PSCI_SUCCESS;
}

/* Higher levels than the CPU's own: 5.7.1 lets an implementation of 1.0 leave them out. */
static int64_t affinity_info(uint64_t target, uint64_t lowest_level, uint64_t c)
{
    struct cpu *cpu = cpu_find(target);

    (void)c;
    if (!cpu || lowest_level)
        return PSCI_INVALID_PARAMETERS;
    switch (cpu_state_get(cpu)) {
    case CPU_ON:
        return PSCI_AFFINITY_ON;
    case CPU_ON_PENDING:
        return PSCI_AFFINITY_ON_PENDING;
    default:
        return PSCI_AFFINITY_OFF;
    }
}

static int64_t system_off(uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    machine_power_off();
}

static int64_t system_reset(uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    machine_reset();
}

static int64_t system_suspend(uint64_t entry, uint64_t context, uint64_t c)
{
    (void)c;
    return sleep_system(entry, context);
}

static int64_t features(uint64_t function, uint64_t b, uint64_t c);

static const struct {
    uint32_t function;
    psci_call call;
} calls[] = {
    { PSCI_VERSION, version },
    { PSCI_CPU_SUSPEND_32, sleep_cpu },
    { PSCI_CPU_SUSPEND_64, sleep_cpu },
    { PSCI_CPU_OFF, cpu_off },
    { PSCI_CPU_ON_32, cpu_on },
    { PSCI_CPU_ON_64, cpu_on },
    { PSCI_AFFINITY_INFO_32, affinity_info },
    { PSCI_AFFINITY_INFO_64, affinity_info },
    { PSCI_SYSTEM_OFF, system_off },
    { PSCI_SYSTEM_RESET, system_reset },
    { PSCI_FEATURES, features },
    { PSCI_SYSTEM_SUSPEND_32, system_suspend },
    { PSCI_SYSTEM_SUSPEND_64, system_suspend },
    { SMCCC_VERSION, smccc_version },
    { SMCCC_ARCH_FEATURES, workaround_features },
};

static psci_call find_call(uint32_t function)
{
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
        if (calls[i].function == function)
            return calls[i].call;
    return NULL;
}

/* No call has a feature flag set: power_state has its original format, and only the platform coordinates (5.15.2). */
static int64_t features(uint64_t function, uint64_t b, uint64_t c)
{
    (void)b, (void)c;
    return find_call((uint32_t)function) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

void smc_handle(struct smc_frame *frame)
{
    uint64_t esr = read_sysreg(esr_el3), *x = frame->x;
    uint32_t function = (uint32_t)x[0];
    psci_call call = find_call(function);

    if (ESR_EC(esr) != ESR_EC_SMC64 && ESR_EC(esr) != ESR_EC_SMC32)
        exception_unexpected();
    if (workaround_call(function, x))
        return;
    if (!call)
        x[0] = (uint64_t)PSCI_NOT_SUPPORTED;
    else if (function & SMCCC_64BIT)
        x[0] = (uint64_t)call(x[1], x[2], x[3]);
    else
        x[0] = (uint64_t)call((uint32_t)x[1], (uint32_t)x[2], (uint32_t)x[3]);
}

void exception_unexpected(void)
{
    machine_fail("unexpected exception: pc %#llx, ESR %#llx, FAR %#llx, SPSR %#llx",
                 (unsigned long long)read_sysreg(elr_el3), (unsigned long long)read_sysreg(esr_el3),
                 (unsigned long long)read_sysreg(far_el3), (unsigned long long)read_sysreg(spsr_el3));
}
