// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/vgic/vgic.c hypervisor/vm/vgic/lr.c hypervisor/vm/vgic/dist.c hypervisor/vm/vgic/route.c */
/* sources: hypervisor/vm/vgic/v2.c hypervisor/vm/vgic/v3.c hypervisor/vm/irq.c hypervisor/dev/irq.c */
/* sources: hypervisor/vm/mmio.c tests/unit/fake_gic.c */
/* Where virtual interrupts come from: other vCPUs, and physical interrupts. */
#include "vgic_guest.h"

#include "vm/irq.h"

/* --- SGIs --- */

static void v3_sgis_reach_their_targets(void **state)
{
    (void)state;
    assert_true(vgic_write_sgi1r(v0, 3ul << 24 | 0x3));
    fake_settle();
    assert_taken_and_ended(0, 3);
    assert_taken_and_ended(1, 3);
    assert_true(vgic_write_sgi1r(v0, 4ul << 24 | 1ul << 40));   /* all but oneself */
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_taken_and_ended(1, 4);
    assert_true(vgic_write_sgi1r(v0, 5ul << 24 | 0xfffc));      /* vCPUs that do not exist */
    assert_true(vgic_write_sgi1r(v0, 5ul << 24 | 1ul << 16 | 1));
    assert_true(vgic_write_sgi0r(v0, 5ul << 24 | 3));           /* group 0, which this one is not in */
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_ack(1), NOTHING);
}

static void v2_sgis_say_who_sent_them(void **state)
{
    (void)state;
    fake_write(v0, GICD + SGIR, 4, 1 << 16 | 3);
    fake_on(1);
    fake_write(v1, GICD + SGIR, 4, 1 << 16 | 3);
    fake_on(0);
    fake_settle();
    assert_int_equal(fake_ack(0), 3);
    assert_int_equal(fake_ack(0), NOTHING);
    fake_end(0, 3);
    fake_settle();
    assert_int_equal(fake_ack(0), 3 | 1 << 10);
    fake_end(0, 3 | 1 << 10);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    fake_write(v0, GICD + SGIR, 4, 1 << 24 | 7);   /* all others */
    fake_write(v0, GICD + SGIR, 4, 2 << 24 | 8);   /* oneself */
    fake_settle();
    assert_taken_and_ended(1, 7);
    assert_taken_and_ended(0, 8);
}

static void v2_sgi_pending_registers_work_by_sender(void **state)
{
    (void)state;
    fake_write(v0, GICD + SPENDSGIR + 4, 4, 0x0300);   /* SGI 5 from both */
    assert_int_equal(fake_read(v0, GICD + SPENDSGIR + 5, 1), 3);
    assert_int_equal(bit_of(ISPENDR, 5), 1);
    fake_write(v0, GICD + CPENDSGIR + 5, 1, 1);
    assert_int_equal(fake_read(v0, GICD + CPENDSGIR + 4, 4), 0x0200);
    assert_int_equal(fake_ack(0), 5 | 1 << 10);
    fake_end(0, 5 | 1 << 10);
    fake_write(v0, GICD + ISPENDR, 4, 0xffff);         /* not for SGIs */
    fake_write(v0, GICD + ICENABLER, 4, 0xffff);
    assert_int_equal(fake_read(v0, GICD + ISENABLER, 4), 0xffffffff);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void v2_targets_are_the_first_of_the_byte(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICD + ITARGETSR + SPI, 1), 1);
    fake_write(v0, GICD + ITARGETSR + SPI, 1, 0xfe);
    assert_int_equal(fake_read(v0, GICD + ITARGETSR + SPI, 1), 2);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_taken_and_ended(1, SPI);
    fake_write(v0, GICD + ITARGETSR + SPI, 1, 0);
    vgic_inject(d, NULL, SPI);
    fake_settle();
    assert_int_equal(fake_ack(1), NOTHING);
    fake_write(v0, GICD + ITARGETSR + SPI, 1, 3);
    assert_taken_and_ended(0, SPI);
}

/* --- Physical interrupts --- */

static void a_routed_interrupt_follows_its_guest(void **state)
{
    (void)state;
    write_bit(ICENABLER, SPI);
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    assert_false(fake_irq_enabled(PHYSICAL));
    fake_write(v0, GICD + ICFGR + SPI / 16 * 4, 4, 2u << SPI % 16 * 2);
    write_bit(ISENABLER, SPI);
    assert_true(fake_irq_enabled(PHYSICAL));
    assert_true(fake_irq_edge(PHYSICAL));
    assert_int_equal(fake_irq_target(PHYSICAL), 0);
    if (gic.version == 2)
        fake_write(v0, GICD + ITARGETSR + SPI, 1, 2);
    else
        fake_write(v0, GICD + IROUTER + 8 * SPI, 8, 1);
    assert_int_equal(fake_irq_target(PHYSICAL), 1);
    fake_irq_arrives(1, PHYSICAL);
    assert_int_equal(fake_ack(1), SPI);
    assert_true(fake_irq_active(1, PHYSICAL));
    fake_end(1, SPI);
    fake_settle();
    assert_false(fake_irq_active(1, PHYSICAL));
    write_bit(ICENABLER, SPI);
    assert_false(fake_irq_enabled(PHYSICAL));
}

static void its_end_elsewhere_ends_it_too(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    for (unsigned i = 0; i < 3; i++) {
        fake_irq_arrives(1, PHYSICAL);   /* on the other CPU */
        fake_settle();
        assert_true(fake_irq_active(0, PHYSICAL));
        assert_taken_and_ended(0, SPI);
        assert_false(fake_irq_active(0, PHYSICAL));
        assert_false(fake_irq_active(1, PHYSICAL));
    }
}

static void it_goes_where_its_vcpu_is(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    fake_run(0, NULL);
    fake_run(1, v0);
    assert_int_equal(fake_irq_target(PHYSICAL), 0);
    fake_irq_arrives(0, PHYSICAL);
    fake_settle();
    assert_taken_and_ended(1, SPI);
    assert_int_equal(fake_irq_target(PHYSICAL), 1);
}

/* Its vCPU, which ran last on a CPU that did not come back from a sleep, runs elsewhere only after it was woken. */
static void it_goes_to_no_cpu_that_is_lost(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    fake_run(0, NULL);
    fake_run(1, v0);
    fake_run(1, NULL);
    v0->sched.cpu = &cpus[1];
    cpus[1].lost = true;
    fake_on(0);
    gic_set_target(PHYSICAL, 0);                    /* as gic_evict() does */
    fake_irq_arrives(0, PHYSICAL);
    assert_int_equal(fake_irq_target(PHYSICAL), 0);
    fake_write(v0, GICD + ISENABLER + 4, 4, 1u << (SPI - 32));
    assert_int_equal(fake_irq_target(PHYSICAL), 0);
    fake_run(0, v0);
    fake_settle();
    assert_taken_and_ended(0, SPI);
    cpus[1].lost = false;
}

static void pended_by_hand_while_active_comes_again(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    fake_irq_arrives(0, PHYSICAL);
    assert_int_equal(fake_ack(0), SPI);
    write_bit(ISPENDR, SPI);
    fake_end(0, SPI);
    assert_taken_and_ended(0, SPI);
    assert_false(fake_irq_active(0, PHYSICAL));
    fake_irq_arrives(0, PHYSICAL);
    assert_taken_and_ended(0, SPI);
}

static void clearing_pending_or_active_ends_the_physical_one(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    fake_irq_arrives(0, PHYSICAL);
    write_bit(ICPENDR, SPI);
    assert_false(fake_irq_active(0, PHYSICAL));
    fake_irq_arrives(0, PHYSICAL);
    assert_int_equal(fake_ack(0), SPI);
    write_bit(ICACTIVER, SPI);
    assert_false(fake_irq_active(0, PHYSICAL));
    fake_end(0, SPI);
    fake_irq_arrives(0, PHYSICAL);
    write_bit(ICENABLER, SPI);   /* a level: it will ask again */
    assert_false(fake_irq_active(0, PHYSICAL));
}

static void the_timer_waits_with_its_vcpu(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_on(0);
        gic_set_active(FAKE_TIMER, true);
        vgic_inject_physical(d, v0, FAKE_TIMER, FAKE_TIMER);
        fake_run(1, NULL);
        fake_run(0, v1);
        assert_false(fake_irq_active(0, FAKE_TIMER));   /* another's may come */
        fake_run(1, v0);
        assert_true(fake_irq_active(1, FAKE_TIMER));
        assert_int_equal(fake_ack(1), FAKE_TIMER);
        fake_run(0, NULL);
        fake_run(1, NULL);
        assert_false(fake_irq_active(1, FAKE_TIMER));
        fake_run(0, v0);
        assert_true(fake_irq_active(0, FAKE_TIMER));
        fake_end(0, FAKE_TIMER);
        fake_settle();
        assert_false(fake_irq_active(0, FAKE_TIMER));
        assert_int_equal(fake_ack(0), NOTHING);
    }
}

static void a_late_timer_interrupt_is_ended(void **state)
{
    (void)state;
    fake_run(0, NULL);
    gic_set_active(FAKE_TIMER, true);
    vgic_inject_physical(d, v0, FAKE_TIMER, FAKE_TIMER);
    assert_false(fake_irq_active(0, FAKE_TIMER));
    fake_run(0, v0);
    assert_int_equal(fake_ack(0), NOTHING);
}

static void routing_checks_its_arguments(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, 31, PHYSICAL), -EINVAL);
    assert_int_equal(vgic_route_irq(d, 96, PHYSICAL), -EINVAL);
    assert_int_equal(vgic_route_irq(d, SPI, 31), -EINVAL);
    assert_int_equal(vgic_route_irq(d, SPI, FAKE_NR_IRQS), -EINVAL);
    assert_int_equal(vgic_reserve_spi(d, SPI), 0);
    assert_int_equal(vgic_reserve_spi(d, SPI), -EBUSY);
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), -EBUSY);
    assert_int_equal(vgic_route_irq(d, SPI + 1, PHYSICAL), 0);
    assert_int_equal(vgic_route_irq(d, SPI + 2, PHYSICAL), -EBUSY);
    assert_int_equal(vgic_unroute_irq(d, SPI, PHYSICAL), -EINVAL);
    assert_int_equal(vgic_unroute_irq(d, SPI + 1, PHYSICAL), 0);
    assert_int_equal(vgic_unroute_irq(d, SPI + 1, PHYSICAL), -EINVAL);
    assert_int_equal(vgic_reserve_spi(d, 32), 0);
    assert_int_equal(vgic_reserve_spi(d, 32), -EBUSY);
}

/* --- Messages --- */

static void messages_are_spis(void **state)
{
    (void)state;
    assert_int_equal(fake_read(v0, GICD + TYPER, 4) >> 16 & 1, 0);
    fake_write(v0, GICD + SETSPI, 4, SPI);   /* nothing, as long as there are no messages */
    assert_int_equal(bit_of(ISPENDR, SPI), 0);
    assert_int_equal(irq_route_messages(d, SPI, 8), 0);
    assert_int_equal(fake_read(v0, GICD + TYPER, 4) >> 16 & 1, 1);
    assert_int_equal(vgic_reserve_spi(d, SPI + 7), -EBUSY);
    assert_int_equal(irq_route_messages(d, SPI + 7, 8), -EBUSY);

    assert_int_equal(fake_message_arrives(0, SPI + 2), 0);
    fake_settle();
    assert_taken_and_ended(0, SPI + 2);
    assert_int_equal(fake_ack(0), NOTHING);
    /* one that comes while the last is handled comes again, and one that waits does not come twice */
    (void)fake_message_arrives(0, SPI + 2);
    (void)fake_message_arrives(0, SPI + 2);
    fake_settle();
    assert_int_equal(fake_ack(0), SPI + 2);
    (void)fake_message_arrives(0, SPI + 2);
    fake_end(0, SPI + 2);
    fake_settle();
    assert_taken_and_ended(0, SPI + 2);
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_message_arrives(0, 1000), 0);   /* no SPI of the domain's */
}

static void the_next_message_comes_where_the_vcpu_is(void **state)
{
    (void)state;
    assert_int_equal(irq_route_messages(d, SPI, 8), 0);
    fake_write(v0, GICD + IROUTER + 8 * (SPI + 1), 8, 1);
    assert_int_equal(fake_message_arrives(0, SPI + 1), 1);
    fake_settle();
    assert_taken_and_ended(1, SPI + 1);
    fake_write(v0, GICD + IROUTER + 8 * (SPI + 1), 8, 0x700);   /* no vCPU's */
    assert_int_equal(fake_message_arrives(1, SPI + 1), 1);
    fake_settle();
    assert_int_equal(fake_ack(1), NOTHING);
}

static void a_cpu_writes_messages_too(void **state)
{
    (void)state;
    assert_int_equal(irq_route_messages(d, SPI, 8), 0);
    fake_write(v0, GICD + SETSPI, 4, SPI + 3);
    fake_settle();
    assert_taken_and_ended(0, SPI + 3);
    fake_write(v0, GICD + ICENABLER + 4, 4, 1u << (SPI + 3 - 32));
    fake_write(v0, GICD + SETSPI, 4, SPI + 3);
    assert_int_equal(bit_of(ISPENDR, SPI + 3), 1);
    fake_write(v0, GICD + CLRSPI, 4, SPI + 3);
    assert_int_equal(bit_of(ISPENDR, SPI + 3), 0);
    fake_write(v0, GICD + SETSPI, 4, 3);      /* no SPI, and none that exists */
    fake_write(v0, GICD + SETSPI, 4, 1000);
    fake_settle();
    assert_int_equal(fake_ack(0), NOTHING);
    assert_int_equal(fake_read(v0, GICD + SETSPI, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V3(v3_sgis_reach_their_targets),
        V2(v2_sgis_say_who_sent_them),
        V2(v2_sgi_pending_registers_work_by_sender),
        V2(v2_targets_are_the_first_of_the_byte),
        EITHER(a_routed_interrupt_follows_its_guest),
        SOFTWARE(a_routed_interrupt_follows_its_guest),
        EITHER(its_end_elsewhere_ends_it_too),
        SOFTWARE(its_end_elsewhere_ends_it_too),
        EITHER(it_goes_where_its_vcpu_is),
        EITHER(it_goes_to_no_cpu_that_is_lost),
        EITHER(pended_by_hand_while_active_comes_again),
        SOFTWARE(pended_by_hand_while_active_comes_again),
        EITHER(clearing_pending_or_active_ends_the_physical_one),
        SOFTWARE(clearing_pending_or_active_ends_the_physical_one),
        V3(the_timer_waits_with_its_vcpu),
        V3(a_late_timer_interrupt_is_ended),
        EITHER(routing_checks_its_arguments),
        V3(messages_are_spis),
        V3(the_next_message_comes_where_the_vcpu_is),
        V3(a_cpu_writes_messages_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
