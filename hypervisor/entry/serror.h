// SPDX-License-Identifier: Apache-2.0
/* System errors, charged to the vCPU that caused them. A syndrome is that of ESR_EL2's ISS. */
#pragma once

#include "lib/base.h"

struct vcpu;

/* One of the current vCPU's: its guest is told, unless nothing is lost. Panics if the extent of the loss is unknown. */
void serror_of_guest(struct vcpu *v, uint64_t syndrome);
/* The same, that an ESB at the entry from the guest noted in DISR_EL1 (entry/vectors.S). */
void serror_deferred(struct vcpu *v, uint64_t disr);
/* One that an ESB at the way out noted: EL2's own. Panics unless nothing is lost. */
void serror_of_el2(uint64_t disr);
