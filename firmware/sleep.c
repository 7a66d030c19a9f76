// SPDX-License-Identifier: Apache-2.0
/*
 * A system asleep is this CPU in WFI at EL3, with the GIC as its wake-up controller: enables, targets and configuration
 * stay as the non-secure world left them, and everything else that may keep an enabled interrupt from the CPU is out of
 * the way. State that the sleep loses is lost when it ends, for until then the wake-up controller needs it.
 */
#include "firmware/sleep.h"

#include "arch/psci.h"
#include "firmware/cpu.h"
#include "firmware/forget.h"
#include "firmware/gic.h"
#include "firmware/machine.h"
#include "firmware/psci.h"

/* DEN0022D 5.4.2 */
#define POWER_STATE_STANDBY   0x00000
#define POWER_STATE_POWERDOWN 0x10000

static const enum sleep_variant variant = FIRMWARE_SLEEP;

static void break_highest_cpu(void)
{
    for (unsigned i = MAX_CPUS; i-- > 0;) {
        struct cpu *cpu = cpu_find(i);

        if (cpu && cpu != this_cpu()) {
            cpu->broken = true;
            return;
        }
    }
}

int64_t sleep_system(uint64_t entry, uint64_t context)
{
    bool lose_gic = variant != SLEEP_KEEPS_GIC;

    if (variant == SLEEP_REFUSED)
        return PSCI_DENIED;
    if (!psci_entry_valid(entry))
        return PSCI_INVALID_ADDRESS;
    if (!cpus_others_off())
        return PSCI_DENIED;

    gic_listen(lose_gic);
    if (variant != SLEEP_RACES)
        cpu_sleep();
    if (variant == SLEEP_BREAKS_CPU)
        break_highest_cpu();

    if (lose_gic) {
        gic_reset_shared();
        gic_reset_private();
    }
    gic_reset_interface();
    forget_timers();
    machine_reset_uart();
    cpu_enter(entry, context);
}

int64_t sleep_cpu(uint64_t power_state, uint64_t entry, uint64_t context)
{
    if (power_state == POWER_STATE_STANDBY) {
        cpu_wait_interrupt();
        return PSCI_SUCCESS;
    }
    if (power_state != POWER_STATE_POWERDOWN)
        return PSCI_INVALID_PARAMETERS;
    if (!psci_entry_valid(entry))
        return PSCI_INVALID_ADDRESS;

    gic_listen(false);
    cpu_sleep();
    gic_reset_interface();
    cpu_enter(entry, context);
}
