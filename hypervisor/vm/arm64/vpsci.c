// SPDX-License-Identifier: Apache-2.0
#include "vm/arm64/vpsci.h"

#include "lib/base.h"

#include <xen/sched.h>

#include "arch/psci.h"
#include "arch/sysreg.h"
#include "cpu/speculation.h"
#include "vm/domain.h"
#include "vm/vcpu.h"
#include "vm/arm64/vptp.h"

#define VERSION_1_1    0x00010001
#define SMCCC_1_1      0x00010001
#define NO_MIGRATION   2            /* MIGRATE_INFO_TYPE: trusted OS not present */
#define SUSPEND_STATE_MASK 0x03ffffffu  /* original format of power_state: StateID, StateType, PowerLevel */
#define SUSPEND_POWER_DOWN (1u << 16)

static int (*host_suspend)(struct vcpu *v);

void vpsci_set_host_suspend(int (*suspend)(struct vcpu *v)) { host_suspend = suspend; }

static struct vcpu *vcpu_of_mpidr(const struct domain *d, uint64_t mpidr)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i] && (d->vcpus[i]->core.vmpidr & MPIDR_AFFINITY) == mpidr)
            return d->vcpus[i];
    return NULL;
}

/* A place from which a vCPU could fetch: RAM of the domain's, instruction aligned. */
static bool entry_is_valid(struct domain *d, uint64_t entry)
{
    struct p2m_entry e;

    return !(entry & 3) && p2m_lookup(&d->p2m, GFN(entry >> PAGE_SHIFT), &e) &&
           (e.type == P2M_RAM_RW || e.type == P2M_RAM_RO);
}

/* Not inlined, as the others that are rare: the calls that are not stay without a large frame. */
static NOINLINE int64_t cpu_on(struct vcpu *caller, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct domain *d = caller->domain;
    struct vcpu *v = mpidr & ~MPIDR_AFFINITY ? NULL : vcpu_of_mpidr(d, mpidr);

    if (!v)
        return PSCI_INVALID_PARAMETERS;
    if (!entry_is_valid(d, entry))
        return PSCI_INVALID_ADDRESS;
    switch (vcpu_claim(v)) {   /* 5.6.2: one of several callers starts it */
    case VCPU_ON:
        return PSCI_ALREADY_ON;
    case VCPU_COMING:
        return PSCI_ON_PENDING;
    default:
        vcpu_reset(v, entry, context);
        vcpu_release(v, true);
        return PSCI_SUCCESS;
    }
}

static NOINLINE int64_t affinity_info(struct vcpu *caller, uint64_t affinity, uint64_t level)
{
    struct domain *d = caller->domain;
    bool found = false, coming = false;
    uint64_t mask;

    if (level > 3 || affinity & ~MPIDR_AFFINITY)
        return PSCI_INVALID_PARAMETERS;
    mask = level == 3 ? UINT64_C(0xff00000000) : MPIDR_AFFINITY & ~(BIT(8 * level) - 1);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (!v || (v->core.vmpidr & mask) != (affinity & mask))
            continue;
        found = true;
        switch (vcpu_power_of(v)) {
        case VCPU_ON:
            return PSCI_AFFINITY_ON;
        case VCPU_COMING:
            coming = true;
            break;
        default:
            break;
        }
    }
    if (!found)
        return PSCI_INVALID_PARAMETERS;
    return coming ? PSCI_AFFINITY_ON_PENDING : PSCI_AFFINITY_OFF;
}

/* Every state is a standby here; a power-down state returns through the entry point, which a standby may not (5.4). */
static NOINLINE int64_t cpu_suspend(struct vcpu *v, uint64_t state, uint64_t entry, uint64_t context)
{
    if (state & ~(uint64_t)SUSPEND_STATE_MASK)
        return PSCI_INVALID_PARAMETERS;
    if (!(state & SUSPEND_POWER_DOWN)) {
        vcpu_block(v);
        return PSCI_SUCCESS;
    }
    if (!entry_is_valid(v->domain, entry))
        return PSCI_INVALID_ADDRESS;
    (void)context;
    /* "The PSCI implementation can downgrade the request to a standby" (5.4.4): the caller goes on behind the call. */
    vcpu_block(v);
    return PSCI_SUCCESS;
}

static bool others_are_on(const struct vcpu *caller)
{
    const struct domain *d = caller->domain;

    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i] && d->vcpus[i] != caller && vcpu_power_of(d->vcpus[i]) != VCPU_OFF)
            return true;
    return false;
}

/*
 * 5.20. dom0's is the whole host's. The caller comes back at `entry`, so its registers are not to be touched after
 * success.
 */
static NOINLINE int64_t system_suspend(struct vcpu *v, uint64_t entry, uint64_t context)
{
    if (others_are_on(v))
        return PSCI_DENIED;
    if (!entry_is_valid(v->domain, entry))
        return PSCI_INVALID_ADDRESS;
    if (v->domain->privileged && host_suspend && host_suspend(v))
        return PSCI_DENIED;
    vcpu_restart(v, entry, context);
    if (!v->domain->privileged)
        vcpu_suspend(v);
    return PSCI_SUCCESS;
}

static bool is_implemented(uint32_t function)
{
    switch (function) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND_32:
    case PSCI_CPU_SUSPEND_64:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON_32:
    case PSCI_CPU_ON_64:
    case PSCI_AFFINITY_INFO_32:
    case PSCI_AFFINITY_INFO_64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case PSCI_SYSTEM_SUSPEND_32:
    case PSCI_SYSTEM_SUSPEND_64:
    case SMCCC_VERSION:
        return true;
    default:
        return false;
    }
}

static int64_t arch_features(uint32_t function)
{
    return function == SMCCC_VERSION || function == SMCCC_ARCH_FEATURES ? 0 : speculation_features(function);
}

static int64_t call(struct vcpu *v, uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
    switch (function) {
    case PSCI_VERSION:
        return VERSION_1_1;
    case SMCCC_VERSION:
        return SMCCC_1_1;
    case SMCCC_ARCH_FEATURES:
        return arch_features((uint32_t)a);
    case SMCCC_ARCH_WORKAROUND_1:   /* the way here was through vectors that have done it, where this CPU needs it */
    case SMCCC_ARCH_WORKAROUND_3:
        return PSCI_SUCCESS;
    case PSCI_FEATURES:
        return is_implemented((uint32_t)a) ? 0 : PSCI_NOT_SUPPORTED;
    case PSCI_CPU_ON_32:
    case PSCI_CPU_ON_64:
        return cpu_on(v, a, b, c);
    case PSCI_CPU_OFF:
        vcpu_go_off(v);
        return PSCI_SUCCESS;
    case PSCI_AFFINITY_INFO_32:
    case PSCI_AFFINITY_INFO_64:
        return affinity_info(v, a, b);
    case PSCI_CPU_SUSPEND_32:
    case PSCI_CPU_SUSPEND_64:
        return cpu_suspend(v, a, b, c);
    case PSCI_MIGRATE_INFO_TYPE:
        return NO_MIGRATION;
    case PSCI_SYSTEM_OFF:
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
        return PSCI_SUCCESS;
    case PSCI_SYSTEM_RESET:
        domain_shutdown(v->domain, SHUTDOWN_reboot);
        return PSCI_SUCCESS;
    default:
        return vptp_call(v, function);
    }
}

void vpsci_call(struct vcpu *v)
{
    uint32_t function = (uint32_t)v->regs.x[0];
    uint64_t mask = function & SMCCC_64BIT ? UINT64_MAX : UINT32_MAX;
    uint64_t a = v->regs.x[1] & mask, b = v->regs.x[2] & mask, c = v->regs.x[3] & mask;
    int64_t result;

    if (function == PSCI_SYSTEM_SUSPEND_32 || function == PSCI_SYSTEM_SUSPEND_64) {
        result = system_suspend(v, a, b);
        if (result != PSCI_SUCCESS)
            v->regs.x[0] = (uint64_t)result;
        return;
    }
    v->regs.x[0] = (uint64_t)call(v, function, a, b, c);
}
