// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/vgic/vgic.c hypervisor/vm/vgic/lr.c hypervisor/vm/vgic/dist.c hypervisor/vm/vgic/route.c */
/* sources: hypervisor/vm/vgic/v2.c hypervisor/vm/vgic/v3.c hypervisor/vm/irq.c hypervisor/dev/irq.c */
/* sources: hypervisor/vm/mmio.c tests/unit/fake_gic.c */
/* The virtual interrupt controller: its registers, and which interrupt a vCPU gets when. */
#include "vgic_guest.h"
#include "vm/vgic/internal.h"

/* --- Registers --- */

static void v3_identifies_itself(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICD + CTLR, 4), 0x53);               /* both groups, ARE, DS */
    assert_int_equal(fake_read(v0, GICD + TYPER, 4) & 0x1f, 2);          /* 96 interrupts */
    assert_int_equal(fake_read(v0, GICD + TYPER, 4) >> 17 & 1, 0);       /* no LPIs */
    assert_int_equal(fake_read(v0, GICD + 0xffe8, 4) >> 4 & 0xf, 3);
    assert_int_equal(fake_read(v0, GICR(1) + 0xffe8, 4) >> 4 & 0xf, 3);
    assert_int_equal(fake_read(v0, GICR(0) + 8, 8), 0);
    assert_int_equal(fake_read(v0, GICR(1) + 8, 8), 0x100000110);        /* affinity 1, number 1, last */
    assert_int_equal(fake_read(v0, GICR(1) + 12, 4), 1);
    assert_int_equal(fake_read(v0, SGI_BASE(0) + ICFGR, 4), 0xaaaaaaaa);
}

static void v2_identifies_itself(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICD + CTLR, 4), 3);
    assert_int_equal(fake_read(v0, GICD + TYPER, 4), 2 | 1 << 5);
    assert_int_equal(fake_read(v0, GICD + 0xfe8, 4) >> 4 & 0xf, 2);
    assert_int_equal(fake_read(v0, GICD + ITARGETSR, 4), 0x01010101);
    assert_int_equal(fake_read(v1, GICD + ITARGETSR + 31, 1), 2);
}

static void dom0s_redistributors_fill_the_machines_regions(void **state)
{
    struct vgic_layout layout = { 0x8000000, 0, 0x80a0000, 0x40000 };
    struct domain *dom = fake_guest(3, 32);

    (void)state;
    gic.redistributor_regions = 2;
    gic.redistributors[0].base = 0x80a0000;
    gic.redistributors[0].size = 0x40000;
    gic.redistributors[1].base = 0x9000000;
    gic.redistributors[1].size = 0x40000;
    dom->mmio.count = 0;
    assert_int_equal(vgicv3_init(dom, &layout), 0);
    assert_int_equal(fake_read(dom->vcpus[0], 0x80a0000 + 8, 4), 0);
    assert_int_equal(fake_read(dom->vcpus[0], 0x80c0000 + 8, 4), 0x110);   /* number 1, the region's last */
    assert_int_equal(fake_read(dom->vcpus[0], 0x9000000 + 8, 4), 0x210);
    assert_int_equal(fake_read(dom->vcpus[0], 0x9020000 + 0xffe8, 4), 0);  /* nobody's */
    dom->mmio.count = 0;
    gic.redistributors[1].size = 0x10000;
    assert_int_equal(vgicv3_init(dom, &layout), -EINVAL);
    fake_guest_free(dom);
}

static void redistributor_wakes_up(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICR(0) + 0x14, 4), 6);
    fake_write(v0, GICR(0) + 0x14, 4, 0);
    assert_int_equal(fake_read(v0, GICR(0) + 0x14, 4), 0);
}

static void wrong_sizes_and_places_are_refused(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICD + CTLR, 1), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + ISENABLER, 8), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + ISENABLER, 1), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + IPRIORITYR, 2), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + IPRIORITYR + 32, 1), 0x80);
    assert_int_equal(fake_read(v0, GICD + IPRIORITYR + 1, 4), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + IROUTER + 8 * 32, 2), FAKE_REFUSED);
    assert_int_equal(fake_read(v0, GICD + IROUTER + 8 * 32, 4), 0);
    assert_int_equal(fake_read(v0, GICR(2), 4), FAKE_REFUSED);   /* beyond the region */
    assert_int_equal(fake_write(v0, GICR(0) + 8, 2, 1), FAKE_REFUSED);
}

static void interrupts_that_do_not_exist_read_as_zero(void **state)
{
    (void)state;
    for (uint64_t reg = 0x80; reg < 0xd00; reg += 4) {
        bool bits = reg < IPRIORITYR && (reg & 0x7f) >= 12;
        bool bytes = reg >= IPRIORITYR + 96 && reg < ITARGETSR;

        if (!bits && !bytes)
            continue;
        assert_int_equal(fake_write(v0, GICD + reg, 4, 0xffffffff), 0xffffffff);
        assert_int_equal(fake_read(v0, GICD + reg, 4), 0);
    }
}

static void private_interrupts_are_not_in_v3s_distributor(void **state)
{
    (void)state;
    fake_write(v0, GICD + ISPENDR, 4, 0xffffffff);
    assert_int_equal(fake_read(v0, GICD + ISENABLER, 4), 0);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void priorities_have_the_bits_that_list_registers_have(void **state)
{
    (void)state;
    set_priority(SPI, 0xff);
    assert_int_equal(fake_read(v0, GICD + IPRIORITYR + SPI, 1), 0xf8);
    fake_write(v0, GICD + IPRIORITYR + 40, 4, 0x10203040);
    assert_int_equal(fake_read(v0, GICD + IPRIORITYR + 41, 1), 0x30);
}

/* --- Delivery --- */

static void an_edge_is_taken_once(void **state)
{
    (void)state;
    vgic_inject(d, NULL, SPI);
    vgic_inject(d, NULL, SPI);
    assert_int_equal(bit_of(ISPENDR, SPI), 1);
    assert_int_equal(fake_ack(0), SPI);
    assert_int_equal(bit_of(ISPENDR, SPI), 0);
    assert_int_equal(bit_of(ISACTIVER, SPI), 1);
    fake_end(0, SPI);
    assert_int_equal(bit_of(ISACTIVER, SPI), 0);
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_ack(1), NOTHING);
}

static void an_edge_while_active_comes_again(void **state)
{
    (void)state;
    vgic_inject(d, v0, 31);
    assert_int_equal(fake_ack(0), 31);
    vgic_inject(d, v0, 31);
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(bit_of(ISPENDR, 31), 1);
    fake_end(0, 31);
    fake_settle();
    assert_taken_and_ended(0, 31);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void injecting_into_the_running_vcpu_costs_one_list_register(void **state)
{
    (void)state;
    vgic_inject(d, v0, 31);
    assert_taken_and_ended(0, 31);
    fake_lr_accesses();
    vgic_inject(d, v0, 31);
    assert_int_equal(fake_lr_accesses(), 2);   /* its content is read, the new one written */
    assert_int_equal(fake_kicks(v0), 0);
    assert_taken_and_ended(0, 31);
}

static void a_level_comes_until_it_goes(void **state)
{
    (void)state;
    vgic_set_line(d, NULL, SPI, true);
    for (unsigned i = 0; i < 3; i++)
        assert_taken_and_ended(0, SPI);
    assert_int_equal(fake_ack(0), SPI);
    vgic_set_line(d, NULL, SPI, false);
    fake_end(0, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    vgic_set_line(d, NULL, SPI, true);
    vgic_set_line(d, NULL, SPI, false);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void a_rising_line_is_one_edge_where_edges_count(void **state)
{
    (void)state;
    fake_write(v0, GICD + ICFGR + SPI / 16 * 4, 4, 2u << SPI % 16 * 2);
    vgic_set_line(d, NULL, SPI, true);
    vgic_set_line(d, NULL, SPI, false);
    assert_taken_and_ended(0, SPI);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void another_cpus_vcpu_is_told(void **state)
{
    (void)state;
    vgic_inject(d, v1, 31);
    assert_int_equal(fake_kicks(v1), 1);
    assert_int_equal(v1->work, WORK_VGIC);
    assert_int_equal(fake_ack(1), NOTHING);
    fake_settle();
    assert_taken_and_ended(1, 31);
    vgic_inject(d, v1, 31);   /* its list register still has the last one's */
    fake_settle();
    assert_taken_and_ended(1, 31);
}

static void a_sleeping_vcpu_wakes(void **state)
{
    (void)state;
    fake_run(1, NULL);
    fake_on(0);
    v1->blocked = true;
    assert_false(vgic_pending(v1));
    vgic_inject(d, v1, 31);
    assert_int_equal(fake_kicks(v1), 1);
    assert_true(vgic_pending(v1));
    fake_run(1, v1);
    assert_true(vgic_pending(v1));
    assert_taken_and_ended(1, 31);
    assert_false(vgic_pending(v1));
}

static void a_timer_that_fires_late_is_nothing_to_who_runs(void **state)
{
    (void)state;
    vgic_inject_away(v1, 27);
    fake_settle();
    assert_false(vgic_wakes(v1));
    fake_run(1, NULL);
    vgic_inject_away(v1, 27);
    assert_true(vgic_wakes(v1));
    fake_run(1, v1);
    assert_taken_and_ended(1, 27);
}

/* The list register that had the last one is not looked at until it has to be: its vCPU may come to its WFI before. */
static void what_another_cpu_sent_is_seen_before_sleeping(void **state)
{
    (void)state;
    vgic_inject(d, v1, 5);
    fake_settle();
    assert_taken_and_ended(1, 5);
    fake_on(0);
    vgic_inject(d, v1, 5);
    fake_on(1);
    assert_true(vgic_pending(v1));
    assert_true(vgic_wakes(v1));
    assert_taken_and_ended(1, 5);
}

static void the_priority_mask_counts_for_waking(void **state)
{
    (void)state;
    fake_mask(0, 0x40);
    vgic_inject(d, v0, 31);
    assert_false(vgic_pending(v0));
    fake_mask(0, 0xff);
    assert_true(vgic_pending(v0));
    fake_run(0, NULL);
    assert_true(vgic_pending(v0));
    write_bit(ICENABLER, 31);
    assert_false(vgic_pending(v0));
}

static void what_wakes_a_suspended_vcpu_is_named_whatever_the_mask(void **state)
{
    (void)state;
    fake_mask(0, 0x40);
    assert_false(vgic_wakes(v0));
    vgic_inject(d, v0, 31);
    for (unsigned i = 0; i < 2; i++) {   /* in a list register, then in the queue */
        assert_true(vgic_wakes(v0));
        assert_int_equal(vgic_waker(v0, VGIC_NO_INTID), 31);
        assert_int_equal(vgic_waker(v0, 31), VGIC_NO_INTID);
        fake_run(0, NULL);
    }
    vgic_inject(d, v0, 30);
    assert_int_equal(vgic_waker(v0, 31), 30);
    assert_int_equal(vgic_waker(v0, 30), 31);
    write_bit(ICENABLER, 30);
    assert_int_equal(vgic_waker(v0, 31), VGIC_NO_INTID);
}

static void state_survives_a_move_to_another_cpu(void **state)
{
    (void)state;
    vgic_inject(d, v0, 31);
    vgic_inject(d, v0, 30);
    assert_int_equal(fake_ack(0), 31);
    fake_run(1, NULL);
    fake_run(0, v1);
    fake_run(1, v0);
    fake_end(1, 31);
    assert_taken_and_ended(1, 30);
    assert_int_equal(fake_ack(1), NOTHING);
}

/* --- More than list registers --- */

static void the_most_urgent_come_first_however_many(void **state)
{
    static const uint8_t order[] = { 7, 2, 9, 0, 5, 11, 3, 8, 1, 10, 4, 6 };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        set_priority(32 + order[i], (uint8_t)(order[i] * 8 + 8));
        vgic_inject(d, NULL, 32 + order[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
        assert_taken_and_ended(0, 32 + i);
    assert_int_equal(fake_ack(0), NOTHING);
}

/* A vCPU's list registers still have the interrupts that its guest ended: no switch looks into them. */
static void what_was_ended_costs_a_switch_no_list_register(void **state)
{
    (void)state;
    for (unsigned id = 32; id < 35; id++)
        vgic_inject(d, NULL, id);
    for (unsigned id = 32; id < 35; id++)
        assert_taken_and_ended(0, id);
    fake_lr_accesses();
    fake_run(0, NULL);
    fake_run(0, v0);
    assert_int_equal(fake_lr_accesses(), 0);
    assert_false(vgic_pending(v0));
    vgic_inject(d, NULL, 33);
    assert_taken_and_ended(0, 33);
}

static void a_more_urgent_one_gets_in_when_all_are_taken(void **state)
{
    (void)state;
    for (unsigned id = 32; id < 38; id++)
        vgic_inject(d, NULL, id);
    set_priority(60, 0x10);
    vgic_inject(d, NULL, 60);
    assert_int_equal(fake_ack(0), 60);
    set_priority(37, 0x08);   /* made more urgent while it waits */
    assert_taken_and_ended(0, 37);
    fake_end(0, 60);
    fake_settle();
    for (unsigned id = 32; id < 37; id++)
        assert_taken_and_ended(0, id);
}

static void nesting_deeper_than_list_registers_unwinds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        set_priority(40 + i, (uint8_t)(0x80 - 8 * i));
        vgic_inject(d, NULL, 40 + i);
        fake_settle();
        assert_int_equal(fake_ack(0), 40 + i);
        fake_settle();
    }
    for (unsigned i = 8; i-- > 0;) {
        assert_int_equal(bit_of(ISACTIVER, 40 + i), 1);
        fake_end(0, 40 + i);
        fake_settle();
        assert_int_equal(bit_of(ISACTIVER, 40 + i), 0);
    }
}

static void many_that_end_late_do_not_keep_out_the_next(void **state)
{
    (void)state;
    fake_split_end(0, true);
    for (unsigned id = 40; id < 48; id++) {
        vgic_inject(d, NULL, id);
        fake_settle();
        assert_int_equal(fake_ack(0), id);
        fake_end(0, id);   /* the priority drops, it stays active */
        fake_settle();
    }
    for (unsigned id = 40; id < 48; id++) {
        fake_deactivate(0, id);
        fake_settle();
    }
    for (unsigned id = 40; id < 48; id++)
        assert_int_equal(bit_of(ISACTIVER, id), 0);
    fake_split_end(0, false);
}

/* --- Guest writes --- */

static void disabling_withdraws_and_enabling_offers(void **state)
{
    (void)state;
    vgic_inject(d, v0, 31);
    write_bit(ICENABLER, 31);
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(bit_of(ISPENDR, 31), 1);
    write_bit(ISENABLER, 31);
    assert_taken_and_ended(0, 31);
}

static void pending_bits_are_written(void **state)
{
    (void)state;
    write_bit(ISPENDR, SPI);
    assert_int_equal(bit_of(ISPENDR, SPI), 1);
    write_bit(ICPENDR, SPI);
    assert_int_equal(bit_of(ISPENDR, SPI), 0);
    assert_int_equal(fake_ack(0), NOTHING);
    write_bit(ISPENDR, SPI);
    assert_taken_and_ended(0, SPI);
}

static void active_bits_are_written(void **state)
{
    (void)state;
    write_bit(ISACTIVER, SPI);
    vgic_inject(d, NULL, SPI);
    assert_int_equal(fake_ack(0), NOTHING);
    write_bit(ICACTIVER, SPI);
    assert_taken_and_ended(0, SPI);
}

static void the_distributor_switches_all_off(void **state)
{
    (void)state;
    vgic_inject(d, v0, 31);
    vgic_inject(d, v1, 31);
    fake_settle();
    fake_write(v0, GICD + CTLR, 4, 0);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_ack(1), NOTHING);
    fake_write(v0, GICD + CTLR, 4, 3);
    fake_settle();
    assert_taken_and_ended(0, 31);
    assert_taken_and_ended(1, 31);
}

static void what_another_cpu_holds_is_changed_by_that_cpu(void **state)
{
    (void)state;
    fake_write(v0, GICD + IROUTER + 8 * SPI, 8, 1);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(bit_of(ISPENDR, SPI), 1);
    write_bit(ICPENDR, SPI);
    assert_int_equal(bit_of(ISPENDR, SPI), 0);
    assert_int_equal(fake_ack(1), NOTHING);

    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(1), SPI);
    (void)bit_of(ISACTIVER, SPI);   /* makes the other CPU look */
    fake_settle();
    assert_int_equal(bit_of(ISACTIVER, SPI), 1);
    write_bit(ICACTIVER, SPI);
    assert_int_equal(bit_of(ISACTIVER, SPI), 0);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    fake_end(1, SPI);               /* of the first, which is no longer active */
    assert_taken_and_ended(1, SPI);
}

static void a_new_target_gets_what_is_pending(void **state)
{
    (void)state;
    vgic_inject(d, NULL, SPI);
    fake_write(v0, GICD + IROUTER + 8 * SPI, 8, 1);
    fake_settle();
    assert_int_equal(fake_read(v0, GICD + IROUTER + 8 * SPI, 8), 1);
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_ack(1), SPI);
    fake_write(v0, GICD + IROUTER + 8 * SPI, 8, 0);   /* while active: it ends where it was taken */
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    fake_end(1, SPI);
    fake_settle();
    assert_taken_and_ended(0, SPI);
    fake_write(v0, GICD + IROUTER + 8 * SPI, 8, 0x77);   /* nobody */
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_ack(1), NOTHING);
}

/* --- Switched off while it is active --- */

/* Its list register is as if it had ended, and may not be used again for it. */
static void what_was_disabled_while_active_does_not_come_again(void **state)
{
    (void)state;
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), SPI);
    fake_write(v0, GICD + ICENABLER + 4, 4, 1u << (SPI - 32));
    fake_end(0, SPI);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(vgic_waker(v0, NOTHING), VGIC_NO_INTID);
    assert_int_equal(bit_of(ISPENDR, SPI), 1);
    fake_write(v0, GICD + ISENABLER + 4, 4, 1u << (SPI - 32));
    fake_settle();
    assert_taken_and_ended(0, SPI);
}

static void nor_does_one_whose_group_was_switched_off(void **state)
{
    (void)state;
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), SPI);
    fake_write(v0, GICD + CTLR, 4, 0);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    fake_end(0, SPI);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    fake_write(v0, GICD + CTLR, 4, 3);
    fake_settle();
    assert_taken_and_ended(0, SPI);
}

static int begin_two_registers(void **state)
{
    (void)state;
    begin(3, 2, true);
    return 0;
}

/* Of three active ones two have list registers. The third is ended, and before that is looked at another changes. */
static void an_end_that_was_counted_is_that_of_who_was_outside(void **state)
{
    static const unsigned priorities[] = { 0xf0, 0x10 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned n = 0; n < 3; n++)
            set_priority(SPI + n, 0x80 >> n);
        fake_split_end(0, true);
        for (unsigned n = 0; n < 3; n++) {
            vgic_inject(d, NULL, SPI + n);
            fake_settle();
            assert_int_equal(fake_ack(0), SPI + n);
            fake_end(0, SPI + n);   /* the priority drops */
            fake_settle();
        }
        fake_deactivate(0, SPI);
        set_priority(SPI + 2, priorities[i]);
        fake_settle();
        assert_int_equal(bit_of(ISACTIVER, SPI), 0);
        assert_int_equal(bit_of(ISACTIVER, SPI + 1), 1);
        assert_int_equal(bit_of(ISACTIVER, SPI + 2), 1);
        fake_deactivate(0, SPI + 1);
        fake_settle();
        fake_deactivate(0, SPI + 2);
        fake_settle();
        assert_int_equal(bit_of(ISACTIVER, SPI + 1), 0);
        assert_int_equal(bit_of(ISACTIVER, SPI + 2), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V3(v3_identifies_itself),
        V2(v2_identifies_itself),
        V3(redistributor_wakes_up),
        V3(dom0s_redistributors_fill_the_machines_regions),
        V3(wrong_sizes_and_places_are_refused),
        EITHER(interrupts_that_do_not_exist_read_as_zero),
        V3(private_interrupts_are_not_in_v3s_distributor),
        EITHER(priorities_have_the_bits_that_list_registers_have),
        EITHER(an_edge_is_taken_once),
        EITHER(an_edge_while_active_comes_again),
        EITHER(injecting_into_the_running_vcpu_costs_one_list_register),
        EITHER(a_level_comes_until_it_goes),
        EITHER(a_rising_line_is_one_edge_where_edges_count),
        EITHER(another_cpus_vcpu_is_told),
        EITHER(what_was_disabled_while_active_does_not_come_again),
        EITHER(nor_does_one_whose_group_was_switched_off),
        cmocka_unit_test_setup_teardown(an_end_that_was_counted_is_that_of_who_was_outside, begin_two_registers, end),
        EITHER(a_sleeping_vcpu_wakes),
        EITHER(a_timer_that_fires_late_is_nothing_to_who_runs),
        EITHER(what_another_cpu_sent_is_seen_before_sleeping),
        EITHER(the_priority_mask_counts_for_waking),
        EITHER(what_wakes_a_suspended_vcpu_is_named_whatever_the_mask),
        EITHER(state_survives_a_move_to_another_cpu),
        EITHER(the_most_urgent_come_first_however_many),
        EITHER(what_was_ended_costs_a_switch_no_list_register),
        EITHER(a_more_urgent_one_gets_in_when_all_are_taken),
        EITHER(nesting_deeper_than_list_registers_unwinds),
        EITHER(many_that_end_late_do_not_keep_out_the_next),
        EITHER(disabling_withdraws_and_enabling_offers),
        EITHER(pending_bits_are_written),
        EITHER(active_bits_are_written),
        EITHER(the_distributor_switches_all_off),
        V3(what_another_cpu_holds_is_changed_by_that_cpu),
        V3(a_new_target_gets_what_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
