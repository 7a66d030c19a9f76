// SPDX-License-Identifier: Apache-2.0
/* A domain for the host to put to sleep: with `suspend` in its arguments it suspends itself for good, else it ticks. */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/platform.h"

#define TICKS_PER_SECOND 100

static void arm(void) { timer_virtual_set(timer_now() + timer_frequency() / TICKS_PER_SECOND); }

static void on_timer(unsigned intid)
{
    (void)intid;
    arm();
}

void guest_main(void)
{
    irq_disable();
    if (platform_flag("suspend"))
        print("sleeper: SYSTEM_SUSPEND failed: %ld\n", psci_call(PSCI_SYSTEM_SUSPEND_64, platform.ram_base, 0, 0));
    irq_register(platform.timer_virtual, on_timer);
    gic_enable(platform.timer_virtual);
    arm();
    for (;;)
        irq_wait();
}
