// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"

#include "arch/sysreg.h"

bool preempt_pending(void)
{
    return read_sysreg(isr_el1) & ISR_I;
}
