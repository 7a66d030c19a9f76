// SPDX-License-Identifier: Apache-2.0
/* What stage-2 translation needs of the CPU: its control register and TLB maintenance. */
#pragma once

#include "lib/base.h"

/* Bits of guest-physical address: 40, or what the CPUs can if that is less. */
unsigned stage2_address_bits(void);
/* Sets VTCR_EL2 of this CPU. */
void stage2_cpu_init(void);
/* Forgets stages 1 and 2 of that VTTBR's VMID on every CPU. */
void stage2_flush(uint64_t vttbr);
