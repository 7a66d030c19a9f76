// SPDX-License-Identifier: Apache-2.0
/*
 * The time of day as Linux's ptp_kvm asks for it: the three calls of KVM's vendor service (SMCCC DEN0028, "Vendor
 * specific hypervisor service calls"; Linux include/linux/arm-smccc.h and Documentation/virt/kvm/arm/ptp_kvm.rst).
 * Linux believes in them by the service's UID alone, whatever hypervisor the tree names. With guest_ptp only, for it
 * makes a guest say that it is KVM's; never for dom0, whose clock this is.
 */
#pragma once

#include "lib/base.h"

struct vcpu;

/*
 * The call with its argument in v->regs.x[1]. Returns its answer in x0, those in x[1..3] are written; or
 * PSCI_NOT_SUPPORTED: it is none of these, or they are not offered.
 */
int64_t vptp_call(struct vcpu *v, uint32_t function);
