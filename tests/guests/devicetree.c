// SPDX-License-Identifier: Apache-2.0
/*
 * The device tree of a domain is made by the tools from the hypervisor's answers: a wrong one of a domctl shows here.
 * And all that it names has to be there.
 */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/xen/xen.h"
#include "lib/string.h"
#include "tests/guests/tap.h"
#include <libfdt.h>

static bool reads(uint64_t a)
{
    trap_catch();
    (void)mmio_read32(a);
    return !trap_caught();
}

static int node_of(const char *compatible)
{
    return fdt_node_offset_by_compatible(platform.fdt, -1, compatible);
}

static bool memory_is_there(void)
{
    for (uint64_t a = platform.ram_base; a < platform.ram_base + platform.ram_size; a += PAGE_SIZE)
        if (!reads(a))
            return false;
    return true;
}

void guest_main(void)
{
    tap_begin("devicetree");
    expect_true("tree_is_whole", fdt_check_full(platform.fdt, fdt_totalsize(platform.fdt)) == 0);
    expect_true("hypervisor_node", node_of("xen,xen-4.17") >= 0);
    expect_equal("event_interrupt_is_ppi_15", platform.evtchn_intid, 31);
    expect_true("grant_range_holds_64_frames", platform.grant_size >= 64 * PAGE_SIZE);
    expect_true("psci_node", node_of("arm,psci-1.0") >= 0 && node_of("arm,psci-0.2") >= 0);
    expect_true("timer_node", platform.timer_virtual == 27 && platform.timer_physical == 30);
    expect_true("interrupt_controller_is_of_the_hosts_kind", platform.gic_version == 2 || platform.gic_version == 3);
    expect_true("distributor_answers", reads(platform.gicd + GICD_TYPER));
    expect_true("cpu_interface_or_redistributor_answers",
                reads(platform.gic_version == 3 ? platform.gicr : platform.gicc));
    expect_true("vcpus_are_as_configured", platform.cpus >= 1);
    expect_equal("memory_is_as_configured", platform.ram_size, platform_option("memory", 32) << 20);
    expect_true("all_of_it_is_there", memory_is_there());
    expect_true("nothing_is_below_it", !reads(0x30000000));
    expect_true("nothing_is_above_it", !reads(platform.ram_base + platform.ram_size));
    int chosen = fdt_path_offset(platform.fdt, "/chosen");
    expect_true("chosen_node", chosen >= 0);
    /* Arm's, or 0, which is for software to use: QEMU's max (Arm ARM DDI 0487, MIDR_EL1) */
    expect_true("midr_is_an_arm_core", sysreg_read(midr_el1) >> 24 == 0x41 || sysreg_read(midr_el1) >> 24 == 0);
    expect_equal("midr_leaves_the_rest_to_the_id_registers", sysreg_read(midr_el1) >> 16 & 0xf, 0xf);
    tap_end();
}
