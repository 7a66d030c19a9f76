// SPDX-License-Identifier: Apache-2.0
/* The order in which a guest comes up; entry.S calls this with the MMU on and an empty .bss. */
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"

void dormouse_main(const void *fdt)
{
    cpus[0].stack_top = stacks[0] + STACK_SIZE;
    console_init();
    if (!platform_init(fdt))
        panic("no device tree at %p", fdt);
    gic_init();
    if (platform.xen)
        evtchn_init();
    irq_enable();
    guest_main();
    shutdown(SHUTDOWN_poweroff);
}
