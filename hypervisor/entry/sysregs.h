// SPDX-License-Identifier: Apache-2.0
/* System registers that a guest may not touch itself: emulated, hidden, or undefined. */
#pragma once

#include "lib/base.h"

struct vcpu;

/* An MRS or MSR (ESR_EC_SYS64) of the current vCPU: done, or an undefined instruction exception is on its way. */
void sysreg_trap(struct vcpu *v, uint64_t esr);
