// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting at EL2: WFI goes on at a pending interrupt although PSTATE masks it (Arm ARM DDI 0487, "Wait for Interrupt").
 */
#pragma once

#include "arch/barrier.h"

static inline void cpu_wait_for_interrupt(void)
{
    dsb_sy();
    __asm__ volatile("wfi" ::: "memory");
}
