// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual interrupt controller as the architecture defines it (GICv2: Arm IHI 0048B; GICv3: IHI 0069): registers
 * of the distributor, the states of an interrupt, priorities, and software interrupts between vCPUs. A domU has no
 * SPI of its own, so states are looked at on software interrupts and on private interrupts that nobody drives.
 */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/platform.h"
#include "tests/guests/tap.h"

enum { SGI_A = 3, SGI_B = 5, SGI_C = 7, FREE_PPI = 22 };

static volatile unsigned seen[32], seen_on, order[8], orders;
static unsigned nested_sgi;
static volatile unsigned running, running_nested, seen_before_return;

static void count(unsigned intid)
{
    seen[intid]++;
    seen_on = this_cpu()->id;
    if (orders < ARRAY_SIZE(order))
        order[orders++] = intid;
}

static void reset_counts(void)
{
    for (unsigned i = 0; i < 32; i++)
        seen[i] = 0;
    orders = 0;
}

static bool v3(void) { return platform.gic_version == 3; }

static void distributor_registers(void)
{
    uint64_t d = platform.gicd, f = gic_frame(0);
    uint32_t typer = mmio_read32(d + GICD_TYPER);

    if (!v3())
        expect_equal("typer_counts_the_vcpus", typer >> 5 & 7, platform.cpus - 1);
    expect_equal("typer_has_one_security_state", typer >> 10 & 1, 0);
    expect_true("typer_has_lines_for_private_interrupts", (typer & 0x1f) < 32);
    expect_true("ctlr_reads_enabled", mmio_read32(d + GICD_CTLR) & 3);
    mmio_write32(d + GICD_TYPER, 0);
    expect_equal("typer_is_read_only", mmio_read32(d + GICD_TYPER), typer);
    if (v3()) {
        expect_true("ctlr_are_is_set", mmio_read32(d + GICD_CTLR) & 1 << 4);
        expect_equal("pidr2_says_gicv3", mmio_read32(d + GICD_PIDR2_V3) >> 4 & 0xf, 3);
        expect_equal("redistributor_pidr2_says_gicv3",
                     mmio_read32(this_cpu()->redistributor + GICD_PIDR2_V3) >> 4 & 0xf, 3);
        uint64_t t = mmio_read64(this_cpu()->redistributor + GICR_TYPER);
        expect_equal("redistributor_typer_in_halves", mmio_read32(this_cpu()->redistributor + GICR_TYPER) |
                     (uint64_t)mmio_read32(this_cpu()->redistributor + GICR_TYPER + 4) << 32, t);
        expect_equal("redistributor_knows_its_number", t >> 8 & 0xffff, 0);
        expect_equal("last_redistributor_is_marked",
                     mmio_read64(platform.gicr + (platform.cpus - 1) * GICR_STRIDE + GICR_TYPER) >> 4 & 1, 1);
        if (platform.cpus > 1)
            expect_equal("first_redistributor_is_not_the_last", t >> 4 & 1, 0);
        expect_equal("first_itargetsr_is_zero", mmio_read32(d + GICD_ITARGETSR), 0);
    } else {
        expect_equal("first_itargetsr_names_this_vcpu", mmio_read32(d + GICD_ITARGETSR), 0x01010101);
        expect_equal("itargetsr_by_byte", mmio_read8(d + GICD_ITARGETSR + 5), 1);
    }
    expect_or_xen("software_interrupts_are_edges", mmio_read32(f + GICD_ICFGR), 0xaaaaaaaa, 0, "ICFGR0 reads as zero");
}

static void enable_bits(void)
{
    uint64_t f = gic_frame(FREE_PPI);

    gic_disable(FREE_PPI);
    expect_equal("a_disabled_bit_reads_zero", mmio_read32(f + GICD_ISENABLER) >> FREE_PPI & 1, 0);
    gic_enable(FREE_PPI);
    expect_equal("an_enabled_bit_reads_one", mmio_read32(f + GICD_ISENABLER) >> FREE_PPI & 1, 1);
    expect_equal("also_in_icenabler", mmio_read32(f + GICD_ICENABLER) >> FREE_PPI & 1, 1);
    mmio_write32(f + GICD_ISENABLER, 0);
    expect_equal("writing_zeros_changes_nothing", mmio_read32(f + GICD_ISENABLER) >> FREE_PPI & 1, 1);
    gic_disable(FREE_PPI);
    expect_equal("icenabler_clears", mmio_read32(f + GICD_ISENABLER) >> FREE_PPI & 1, 0);
}

static void priority_registers(void)
{
    uint64_t r = gic_frame(0) + GICD_IPRIORITYR + SGI_A / 4 * 4;

    mmio_write32(r, 0x40506070);
    expect_equal("priority_word", mmio_read32(r), 0x40506070);
    expect_equal("priority_bytes", mmio_read8(r) << 8 | mmio_read8(r + 3), 0x7040);
    mmio_write8(r + 1, 0x20);
    expect_equal("priority_byte_write", mmio_read32(r), 0x40502070);
    mmio_write32(r, 0xa0a0a0a0);
}

static void free_spurious(void)
{
    irq_disable();
    expect_equal("acknowledge_with_nothing_pending", gic_ack() & 0x3ff, GIC_SPURIOUS);
    expect_equal("highest_pending_with_nothing_pending", gic_highest_pending(), GIC_SPURIOUS);
    expect_equal("idle_priority", gic_running_priority() >> 3, 0xff >> 3);
    irq_enable();
}

/* One interrupt by hand, interrupts masked at the CPU: pending, active, idle. */
static void states_by_hand(void)
{
    irq_disable();
    gic_set_priority(SGI_A, 0x60);
    gic_send_sgi(SGI_A, 0);
    expect_equal("a_sent_interrupt_is_the_highest_pending", gic_highest_pending(), SGI_A);
    expect_or_xen("a_sent_interrupt_reads_pending", gic_is_pending(SGI_A), true, false, "ISPENDR reads as zero");
    unsigned ack = gic_ack();
    expect_equal("acknowledge", ack & 0x3ff, SGI_A);
    expect_equal("source_of_the_software_interrupt", ack >> 10, 0);
    expect_equal("running_priority", gic_running_priority(), 0x60);
    expect_or_xen("an_acknowledged_interrupt_reads_active", gic_is_active(SGI_A), true, false,
                  "ISACTIVER reads as zero");
    expect_equal("an_acknowledged_interrupt_is_not_pending", gic_is_pending(SGI_A), false);
    expect_equal("nothing_more_is_pending", gic_ack() & 0x3ff, GIC_SPURIOUS);
    gic_send_sgi(SGI_A, 0);     /* active and pending */
    expect_equal("an_active_interrupt_is_not_offered_again", gic_ack() & 0x3ff, GIC_SPURIOUS);
    gic_eoi(ack);
    expect_equal("end_drops_the_running_priority", gic_running_priority() >> 3, 0xff >> 3);
    expect_true("what_came_while_active_is_offered_after_the_end", wait_until(gic_highest_pending() == SGI_A, 1000));
    ack = gic_ack();
    expect_equal("and_acknowledged", ack & 0x3ff, SGI_A);
    gic_eoi(ack);
    expect_equal("then_all_is_idle", gic_ack() & 0x3ff, GIC_SPURIOUS);
    expect_equal("idle_reads_inactive", gic_is_active(SGI_A), false);
    irq_enable();
}

static void order_by_priority(void)
{
    irq_disable();
    reset_counts();
    gic_set_priority(SGI_A, 0xa0);
    gic_set_priority(SGI_B, 0x40);
    gic_set_priority(SGI_C, 0x80);
    gic_send_sgi(SGI_A, 0);
    gic_send_sgi(SGI_B, 0);
    gic_send_sgi(SGI_C, 0);
    irq_enable();
    expect_true("all_arrive", wait_until(orders == 3, 1000));
    expect_equal("the_most_urgent_first", order[0], SGI_B);
    expect_equal("then_the_middle", order[1], SGI_C);
    expect_equal("then_the_last", order[2], SGI_A);
}

static void mask_by_priority(void)
{
    reset_counts();
    gic_set_priority(SGI_A, 0xa0);
    gic_set_priority(SGI_B, 0x40);
    gic_set_mask(0x80);
    gic_send_sgi(SGI_A, 0);
    gic_send_sgi(SGI_B, 0);
    expect_true("more_urgent_than_the_mask_passes", wait_until(seen[SGI_B] == 1, 1000));
    expect_true("less_urgent_waits", !wait_until(seen[SGI_A], 20));
    gic_set_mask(0xff);
    expect_true("and_passes_when_the_mask_is_lifted", wait_until(seen[SGI_A] == 1, 1000));
    gic_set_mask(0xa0);
    gic_send_sgi(SGI_A, 0);
    expect_true("equal_to_the_mask_waits_too", !wait_until(seen[SGI_A] > 1, 20));
    gic_set_mask(0xff);
    expect_true("and_passes_in_the_end", wait_until(seen[SGI_A] == 2, 1000));
}

/* Runs with interrupts on inside the handler: a more urgent interrupt comes in between, any other waits. */
static void outer(unsigned intid)
{
    uint64_t elr = sysreg_read(elr_el1), spsr = sysreg_read(spsr_el1);

    running = gic_running_priority();
    irq_enable();
    gic_send_sgi(nested_sgi, 0);
    (void)wait_until(seen[nested_sgi], 20);
    irq_disable();
    seen_before_return = seen[nested_sgi];
    sysreg_write(elr_el1, elr);
    sysreg_write(spsr_el1, spsr);
    count(intid);
}

static void inner(unsigned intid)
{
    running_nested = gic_running_priority();
    count(intid);
}

static void preemption(void)
{
    irq_register(SGI_A, outer);
    irq_register(SGI_B, inner);
    irq_register(SGI_C, inner);
    gic_set_priority(SGI_A, 0x80);
    gic_set_priority(SGI_B, 0x40);
    gic_set_priority(SGI_C, 0x80);

    reset_counts();
    nested_sgi = SGI_B;
    gic_send_sgi(SGI_A, 0);
    expect_true("outer_runs", wait_until(seen[SGI_A], 1000));
    expect_equal("outer_runs_at_its_priority", running, 0x80);
    expect_equal("a_more_urgent_interrupt_preempts", seen_before_return, 1);
    expect_equal("and_runs_at_its_own_priority", running_nested, 0x40);

    reset_counts();
    nested_sgi = SGI_C;
    gic_send_sgi(SGI_A, 0);
    expect_true("outer_runs_again", wait_until(seen[SGI_A], 1000));
    expect_equal("an_equally_urgent_interrupt_does_not_preempt", seen_before_return, 0);
    expect_true("it_comes_afterwards", wait_until(seen[SGI_C] == 1, 1000));

    irq_register(SGI_A, count);
    irq_register(SGI_B, count);
    irq_register(SGI_C, count);
}

static void pend_by_software(void)
{
    reset_counts();
    irq_register(FREE_PPI, count);
    gic_disable(FREE_PPI);
    gic_set_edge(FREE_PPI, true);
    gic_pend(FREE_PPI);
    expect_or_xen("ispendr_pends", gic_is_pending(FREE_PPI), true, false, "ISPENDR reads as zero");
    expect_true("disabled_it_is_not_taken", !wait_until(seen[FREE_PPI], 20));
    gic_enable(FREE_PPI);
    expect_true("enabled_it_is", wait_until(seen[FREE_PPI] == 1, 1000));
    expect_true("once", !wait_until(seen[FREE_PPI] > 1, 20));

    gic_disable(FREE_PPI);
    gic_pend(FREE_PPI);
    gic_unpend(FREE_PPI);
    expect_equal("icpendr_takes_it_back", gic_is_pending(FREE_PPI), false);
    gic_enable(FREE_PPI);
    expect_or_xen("and_nothing_is_taken", wait_until(seen[FREE_PPI] > 1, 20), false, true, "ICPENDR is ignored");

    irq_disable();
    gic_pend(FREE_PPI);
    expect_true("pending_and_enabled_is_offered", wait_until(gic_highest_pending() == FREE_PPI, 1000));
    gic_disable(FREE_PPI);
    expect_or_xen("disabling_withdraws_the_offer", wait_until(gic_highest_pending() == GIC_SPURIOUS, 100), true, false,
                  "an interrupt once in a list register stays");
    gic_unpend(FREE_PPI);
    irq_enable();
    gic_disable(FREE_PPI);
}

static void active_by_software(void)
{
    uint64_t f = gic_frame(FREE_PPI);

    irq_disable();
    gic_enable(FREE_PPI);
    trap_catch();
    mmio_write32(f + GICD_ISACTIVER, 1u << FREE_PPI);
    expect_or_xen("isactiver_can_be_written", trap_caught(), 0, 1, "a write to ISACTIVER is a data abort");
    expect_or_xen("isactiver_sets", gic_is_active(FREE_PPI), true, false, "ISACTIVER is not emulated");
    gic_pend(FREE_PPI);
    unsigned ack = gic_ack();
    expect_or_xen("an_active_interrupt_waits", ack & 0x3ff, GIC_SPURIOUS, FREE_PPI, "ISACTIVER is not emulated");
    trap_catch();
    mmio_write32(f + GICD_ICACTIVER, 1u << FREE_PPI);
    expect_or_xen("icactiver_can_be_written", trap_caught(), 0, 1, "a write to ICACTIVER is a data abort");
    if ((ack & 0x3ff) == FREE_PPI)
        gic_eoi(ack);
    expect_equal("icactiver_clears", gic_is_active(FREE_PPI), false);
    ack = gic_ack();
    expect_or_xen("then_it_is_offered", ack & 0x3ff, FREE_PPI, GIC_SPURIOUS, "ISACTIVER is not emulated");
    if ((ack & 0x3ff) == FREE_PPI)
        gic_eoi(ack);
    gic_disable(FREE_PPI);
    irq_enable();
}

static void distributor_disabled(void)
{
    uint32_t ctlr = mmio_read32(platform.gicd + GICD_CTLR);

    reset_counts();
    mmio_write32(platform.gicd + GICD_CTLR, ctlr & ~3u);
    gic_send_sgi(SGI_A, 0);
    bool while_off = wait_until(seen[SGI_A], 20);
    mmio_write32(platform.gicd + GICD_CTLR, ctlr);
    expect_or_xen("a_disabled_distributor_forwards_nothing", while_off, false, true,
                  "GICD_CTLR.Enable is not looked at");
    expect_true("an_enabled_one_does", wait_until(seen[SGI_A] == 1, 1000));
}

static volatile bool second_up, second_end;

static void second(void *arg)
{
    (void)arg;
    irq_enable();
    second_up = true;
    while (!second_end)
        ;
}

static void between_vcpus(void)
{
    if (platform.cpus < 2) {
        skip("between_vcpus", "one vCPU");
        return;
    }
    expect_equal("second_vcpu_starts", cpu_start(1, second, NULL), 0);
    expect_true("second_vcpu_runs", wait_until(second_up, 5000));
    reset_counts();
    gic_send_sgi(SGI_A, 1);
    expect_true("a_software_interrupt_reaches_the_other", wait_until(seen[SGI_A] == 1, 5000));
    expect_equal("and_is_taken_there", seen_on, 1);
    reset_counts();
    gic_send_sgi_others(SGI_B);
    expect_true("to_all_others", wait_until(seen[SGI_B] == 1, 5000));
    expect_equal("means_not_to_the_sender", seen_on, 1);
    expect_true("and_only_once", !wait_until(seen[SGI_B] > 1, 20));
    if (v3()) {
        reset_counts();
        sysreg_write(icc_sgi1r_el1, (uint64_t)SGI_C << 24 | 3);
        isb();
        expect_true("a_list_reaches_all_in_it", wait_until(seen[SGI_C] == 2, 5000));
    } else {
        reset_counts();
        mmio_write32(platform.gicd + GICD_SGIR, SGI_C | 3u << 16);
        expect_true("a_list_reaches_all_in_it", wait_until(seen[SGI_C] == 2, 5000));
        reset_counts();
        mmio_write32(platform.gicd + GICD_SGIR, SGI_C | 2u << 24);
        expect_true("to_oneself", wait_until(seen[SGI_C] == 1, 1000));
        expect_equal("means_to_the_sender", seen_on, 0);
    }
    if (v3()) {
        reset_counts();
        sysreg_write(icc_sgi1r_el1, (uint64_t)SGI_C << 24 | 1ul << 16 | 1);     /* Aff1 = 1: nobody */
        isb();
        expect_true("to_nobody_is_nothing", !wait_until(seen[SGI_C], 20));
    }
    second_end = true;
}

static void cpu_interface_v3(void)
{
    if (!v3())
        return;
    expect_equal("icc_sre_is_fixed", sysreg_read(icc_sre_el1) & 1, 1);
    expect_true("icc_ctlr_tells_five_priority_bits_or_more", (sysreg_read(icc_ctlr_el1) >> 8 & 7) >= 4);
    sysreg_write(icc_pmr_el1, 0x58);
    expect_equal("icc_pmr_keeps_its_value", sysreg_read(icc_pmr_el1), 0x58);
    gic_set_mask(0xff);

    /* EOImode 1: the end drops the priority, ICC_DIR_EL1 deactivates */
    irq_disable();
    sysreg_write(icc_ctlr_el1, 2);
    isb();
    gic_send_sgi(SGI_A, 0);
    unsigned ack = gic_ack();
    gic_eoi(ack);
    gic_send_sgi(SGI_A, 0);
    expect_equal("with_split_end_it_stays_active", gic_ack() & 0x3ff, GIC_SPURIOUS);
    sysreg_write(icc_dir_el1, ack);
    isb();
    expect_true("until_deactivated", wait_until(gic_highest_pending() == SGI_A, 1000));
    ack = gic_ack();
    gic_eoi(ack);
    sysreg_write(icc_dir_el1, ack);
    sysreg_write(icc_ctlr_el1, 0);
    isb();
    irq_enable();
}

void guest_main(void)
{
    tap_begin("vgic");
    irq_register(SGI_A, count);
    irq_register(SGI_B, count);
    irq_register(SGI_C, count);
    distributor_registers();
    enable_bits();
    priority_registers();
    free_spurious();
    states_by_hand();
    order_by_priority();
    mask_by_priority();
    preemption();
    pend_by_software();
    active_by_software();
    distributor_disabled();
    cpu_interface_v3();
    between_vcpus();
    tap_end();
}
