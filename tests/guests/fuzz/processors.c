// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs: going off, being turned on by several at once, waiting, interrupting each other; and the memory that the
 * hypervisor keeps for each.
 */
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "tests/guests/fuzz/fuzz.h"

/*
 * vCPU 0, which keeps time, is never off. The others begin as workers, or go off at once, or were to begin at no place
 * at all. Mostly it is the last one that all are at, and that goes off by itself, too.
 */
void processors_on(void)
{
    unsigned last = platform.cpus - 1, vcpu = one_in(4) ? draw_vcpu() : last;
    uintptr_t entry = one_in(64) ? (uintptr_t)secondary_entry : (uintptr_t)flicker;

    if (this_cpu()->id == last && last)
        processors_off();
    if (one_in(16))
        entry = PAGE_SIZE;
    psci_call(PSCI_CPU_ON_64, vcpu, entry, (uintptr_t)&cpus[vcpu]);
    if (one_in(8))
        psci_call(PSCI_AFFINITY_INFO_64, draw_vcpu(), below(3), 0);
}

void processors_off(void)
{
    if (this_cpu()->id)
        psci_call(PSCI_CPU_OFF, 0, 0, 0);
}

/* Masked: an interrupt that came before would not end the wait. */
void processors_wait(void)
{
    uint64_t daif = sysreg_read(daif);

    if (!may_wait())
        return;
    irq_disable();
    timer_virtual_set(timer_now() + below(3000));
    switch (below(4)) {
    case 0: psci_call(PSCI_CPU_SUSPEND_64, 0, 0, 0); break;
    case 1: wfi(); break;
    case 2: sched_op(SCHEDOP_block, NULL); break;
    default: sched_op(SCHEDOP_yield, NULL); break;
    }
    timer_virtual_stop();
    sysreg_write(daif, daif);
}

void processors_areas(void)
{
    struct vcpu_register_vcpu_info info = { .mfn = draw_gfn_of_arena(), .offset = (uint32_t)below(64) * 64 };
    struct vcpu_register_runstate_memory_area area;

    if (one_in(4)) {
        call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, draw_vcpu(), (uintptr_t)&info, 0, 0);
        return;
    }
    area.addr.p = 0;
    area.addr.v = (struct vcpu_runstate_info *)((draw_gfn_of_arena() << PAGE_SHIFT) + below(512) * 8);
    call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, draw_vcpu(), (uintptr_t)&area, 0, 0);
}

void processors_interrupt(void)
{
    if (one_in(4))
        gic_send_sgi_others((unsigned)below(16));
    else
        gic_send_sgi((unsigned)below(16), draw_vcpu());
}

/* The UART that the domain may have; else there is nothing there. */
void devices_uart(void)
{
    static const uint16_t registers[] = { 0x00, 0x00, 0x18, UART_IMSC, 0x3c, 0x44, 0x40, 0x24 };
    uint64_t a = UART_ADDRESS + (one_in(16) ? below(0x1000) & ~3ul : registers[below(ARRAY_SIZE(registers))]);

    trap_catch();
    if (one_in(2))
        mmio_write32(a, (uint32_t)draw());
    else
        (void)mmio_read32(a);
    trap_caught();
}
