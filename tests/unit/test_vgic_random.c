// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/vgic/vgic.c hypervisor/vm/vgic/lr.c hypervisor/vm/vgic/dist.c hypervisor/vm/vgic/route.c */
/* sources: hypervisor/vm/vgic/v2.c hypervisor/vm/vgic/v3.c hypervisor/vm/irq.c hypervisor/dev/irq.c */
/* sources: hypervisor/vm/mmio.c tests/unit/fake_gic.c */
/*
 * Anything in any order, on all kinds of GIC: the invariant holds after each step, and in the end nothing is lost or
 * left over.
 */
#include "vgic_guest.h"

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static unsigned taken[2][16], depth[2];

static void guest_step(unsigned cpu)
{
    unsigned iar;

    if (depth[cpu] && random_below(2)) {
        fake_end(cpu, taken[cpu][--depth[cpu]]);
        return;
    }
    if (depth[cpu] == 16)
        return;
    iar = fake_ack(cpu);
    if (iar != NOTHING)
        taken[cpu][depth[cpu]++] = iar;
}

static void register_step(struct vcpu *v)
{
    static const unsigned sizes[] = { 1, 4, 4, 4, 8 };
    uint64_t gpa = GICD + (random_below(4) ? random_below(0x400) * 4 : random_below(0x10000));

    if (gic.version == 3 && random_below(2))
        gpa = SGI_BASE(random_below(2)) + random_below(0x400) * 4;
    if (gpa == GICD + CTLR)
        return;
    if (random_below(2))
        fake_read(v, gpa, sizes[random_below(5)]);
    else
        fake_write(v, gpa, sizes[random_below(5)], (uint64_t)random_below(1 << 24) << random_below(16));
}

static void random_step(void)
{
    unsigned cpu = random_below(2), id = random_below(96);
    struct vcpu *v = d->vcpus[cpu];

    fake_on(cpu);
    switch (random_below(8)) {
    case 0:
        vgic_inject(d, d->vcpus[random_below(2)], id);
        break;
    case 1:
        vgic_set_line(d, d->vcpus[random_below(2)], id, random_below(2));
        break;
    case 2:
        fake_irq_arrives(cpu, PHYSICAL + random_below(4));
        break;
    case 3:
        fake_run(cpu, NULL);
        fake_run(cpu, v);
        break;
    case 4:
        register_step(v);
        break;
    case 5:
        if (gic.version == 3)
            vgic_write_sgi1r(v, (uint64_t)random_below(16) << 24 | random_below(4));
        else
            fake_write(v, GICD + SGIR, 4, random_below(1 << 26));
        break;
    default:
        guest_step(cpu);
    }
    if (random_below(4) == 0)
        fake_settle();
}

/* The guest ends its interrupts, takes those that come, and lets devices be quiet. */
static void quiet_down(void)
{
    fake_settle();
    for (unsigned cpu = 0; cpu < 2; cpu++)
        while (depth[cpu])
            fake_end(cpu, taken[cpu][--depth[cpu]]);
    for (unsigned v = 0; v < 2; v++)
        for (unsigned id = 0; id < 96; id++)
            vgic_set_line(d, d->vcpus[v], id, false);
    fake_settle();
    for (unsigned word = 0; word < 3; word++) {
        for (unsigned v = 0; v < 2; v++) {
            uint64_t base = word || gic.version == 2 ? GICD : SGI_BASE(v);

            fake_on(v);
            fake_write(d->vcpus[v], base + ICACTIVER + 4 * word, 4, 0xffffffff);
            fake_write(d->vcpus[v], base + ISENABLER + 4 * word, 4, 0xffffffff);
            fake_settle();
        }
    }
    for (unsigned id = 32; id < 96; id++)
        if (gic.version == 3)
            fake_write(v0, GICD + IROUTER + 8 * id, 8, 0);
        else
            fake_write(v0, GICD + ITARGETSR + id, 1, 1);
    fake_settle();
}

static void take_all(unsigned cpu)
{
    for (unsigned i = 0; i < 1000; i++) {
        unsigned iar = fake_ack(cpu);

        if (iar == NOTHING)
            return;
        fake_end(cpu, iar);
        fake_settle();
    }
    fail_msg("interrupts do not end");
}

static void assert_all_idle(void)
{
    fake_on(0);   /* to which all SPIs go by now */
    for (unsigned id = 32; id < 96; id++) {
        assert_int_equal(bit_of(ISPENDR, id), 0);
        assert_int_equal(bit_of(ISACTIVER, id), 0);
    }
    for (unsigned irq = PHYSICAL; irq < PHYSICAL + 4; irq++)
        assert_false(fake_irq_active(0, irq) || fake_irq_active(1, irq));
}

static void any_order(unsigned version, unsigned lrs, bool lr_deactivates, uint32_t seed)
{
    begin(version, lrs, lr_deactivates);
    random_state = seed;
    depth[0] = depth[1] = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(vgic_route_irq(d, SPI + i, PHYSICAL + i), 0);
    for (unsigned i = 0; i < 3000; i++) {
        random_step();
        fake_assert_consistent(d);
    }
    quiet_down();
    for (unsigned round = 0; round < 3; round++) {
        take_all(0);
        take_all(1);
    }
    assert_all_idle();
    end(NULL);
}

static void any_order_keeps_the_invariant_and_loses_nothing(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        any_order(3, 4, true, seed);
        any_order(2, 4, false, seed);
        any_order(3, 1 + seed % 16, true, seed + 100);
        any_order(2, 1 + seed % 16, seed & 1, seed + 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_keeps_the_invariant_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
