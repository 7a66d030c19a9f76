// SPDX-License-Identifier: Apache-2.0
#include "vm/arm64/vptp.h"

#include "arch/psci.h"
#include "base/options.h"
#include "vm/clock.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define VENDOR_UID      0x8600ff01u   /* call UID */
#define VENDOR_FEATURES 0x86000000u   /* a bit for each of KVM's functions */
#define VENDOR_PTP      0x86000001u

#define FUNCTION_FEATURES 0
#define FUNCTION_PTP      1

/* Which counter is wanted with the time; a guest's two show the same. */
#define COUNTER_VIRTUAL  0
#define COUNTER_PHYSICAL 1

/* 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, in the registers' order */
static const uint32_t kvm_uid[] = { 0xb66fb428u, 0xe911c52eu, 0x564bcaa9u, 0x743a004du };

static int64_t answer(struct vcpu *v, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    v->regs.x[1] = b;
    v->regs.x[2] = c;
    v->regs.x[3] = d;
    return a;
}

/* ns since the epoch and the counter at that moment, the upper halves first. */
static int64_t tell_time(struct vcpu *v)
{
    uint32_t counter = (uint32_t)v->regs.x[1];
    uint64_t at, ns = wallclock_of(v->domain, &at);

    if ((counter != COUNTER_VIRTUAL && counter != COUNTER_PHYSICAL) || !ns)
        return PSCI_NOT_SUPPORTED;
    return answer(v, (uint32_t)(ns >> 32), (uint32_t)ns, (uint32_t)(at >> 32), (uint32_t)at);
}

int64_t vptp_call(struct vcpu *v, uint32_t function)
{
    if (!options.guest_ptp || v->domain->privileged)
        return PSCI_NOT_SUPPORTED;
    switch (function) {
    case VENDOR_UID:
        return answer(v, kvm_uid[0], kvm_uid[1], kvm_uid[2], kvm_uid[3]);
    case VENDOR_FEATURES:
        return answer(v, BIT(FUNCTION_FEATURES) | BIT(FUNCTION_PTP), 0, 0, 0);
    case VENDOR_PTP:
        return tell_time(v);
    default:
        return PSCI_NOT_SUPPORTED;
    }
}
