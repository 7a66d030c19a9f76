// SPDX-License-Identifier: Apache-2.0
/*
 * A small EL3 firmware for QEMU's arm64 virt machine with secure=on: PSCI 1.0 with SYSTEM_SUSPEND, which QEMU's own
 * lacks, and the loader of the kernel on QEMU's command line.
 *
 * It runs from the secure flash at 0, keeps its data in secure RAM, and is entered by a reset of any CPU and by SMC
 * only: while the non-secure world runs, no interrupt is EL3's. In a sleep it loses the state that hardware loses
 * (forget.c, gic.h). All that it prints are errors, in one line on the secure UART.
 */
#include "firmware/cpu.h"
#include "firmware/entry.h"
#include "firmware/gic.h"
#include "firmware/payload.h"
#include "firmware/tree.h"

void firmware_start(void)
{
    uint64_t entry;
    paddr_t tree;

    cpu_init();
    tree_open();
    tree_each_cpu(cpu_add);
    gic_init(tree_device("arm,gic-v3-its"));
    gic_reset_private();
    gic_reset_interface();
    gic_mark_started();
    cpus_wait_parked();

    entry = payload_load();
    tree = tree_close();
    payload_clean(tree.pa, TREE_ROOM + tree_extent().size);
    cpu_enter_kernel(entry, tree.pa);
}

void firmware_start_secondary(void)
{
    cpu_init();
    cpu_park();
}
