// SPDX-License-Identifier: Apache-2.0
/*
 * Exceptions into the guest that trapped, as its own hardware would have taken them (Arm ARM DDI 0487, "Exception
 * entry"). The current vCPU only.
 */
#pragma once

#include "lib/base.h"

struct vcpu;

void inject_undefined(struct vcpu *v);
/* A synchronous external abort at `address`. */
void inject_data_abort(struct vcpu *v, uint64_t address);
void inject_instruction_abort(struct vcpu *v, uint64_t address);
