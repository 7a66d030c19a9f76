// SPDX-License-Identifier: Apache-2.0
/* Interrupts of this CPU. machine/cpu.h has an architecture's inline ones. */
#pragma once
#include "lib/base.h"

/* Masks interrupts, and says whether they were enabled. */
static inline bool irq_save(void)
{
    bool enabled = irq_is_enabled();

    irq_disable();
    return enabled;
}

static inline void irq_restore(bool enabled)
{
    if (enabled)
        irq_enable();
}
