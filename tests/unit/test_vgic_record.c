// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/vgic/vgic.c hypervisor/vm/vgic/lr.c hypervisor/vm/vgic/dist.c hypervisor/vm/vgic/route.c */
/* sources: hypervisor/vm/vgic/v2.c hypervisor/vm/vgic/v3.c hypervisor/vm/vgic/record.c hypervisor/vm/irq.c */
/* sources: hypervisor/dev/irq.c hypervisor/vm/mmio.c record/record.c tests/unit/fake_gic.c */
/*
 * The interrupt controller's records: a guest goes on in another domain with its pending, active and waiting
 * interrupts; and with whatever a stream says.
 */
#include "vgic_guest.h"

#include <stdlib.h>
#include <string.h>

#include "record/record.h"
#include "vm/records.h"
#include "vm/vgic/internal.h"

static const struct record_kind *const kinds[] = { &vgic_record, &vgic_vcpu_record };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };
static unsigned char stream[8192];
static size_t size;
static struct record_fault fault;

unsigned record_count_one(const void *domain) { (void)domain; return 1; }
unsigned record_count_vcpus(const void *domain) { return ((const struct domain *)domain)->max_vcpus; }

static int save(void)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };
    int error;

    fake_run(0, NULL);
    fake_run(1, NULL);
    error = records_save(&table, d, &w, &fault);
    size = w.used;
    return error;
}

/* The guest's place is taken by a new one. */
static void renew(void)
{
    fake_run(0, NULL);
    fake_run(1, NULL);
    fake_guest_free(d);
    d = fake_guest(2, 64);
    v0 = d->vcpus[0];
    v1 = d->vcpus[1];
}

static int restore(const void *from, size_t n)
{
    bool begun;

    return records_restore(&table, d, from, n, &begun, &fault);
}

static void go_on(void)
{
    fake_run(1, v1);
    fake_run(0, v0);
    fake_settle();
}

/* One interrupt taken and not ended, more pending than there are list registers, and each other state once. */
static void fill(void)
{
    set_priority(SPI, 0x20);
    write_bit(ISPENDR, SPI);
    assert_int_equal(fake_ack(0), SPI);
    for (unsigned i = 1; i < 8; i++) {
        set_priority(SPI + i, (uint8_t)(0x20 + 8 * i));
        write_bit(ISPENDR, SPI + i);
    }
    write_bit(ICENABLER, SPI + 9);
    write_bit(ISPENDR, SPI + 9);
    write_bit(ISACTIVER, SPI + 10);
    write_bit(ISPENDR, 20);
    write_bit(ISACTIVER, 21);
}

static void a_guest_goes_on_in_the_middle_of_an_interrupt(void **state)
{
    (void)state;
    fill();
    assert_int_equal(save(), 0);
    renew();
    assert_int_equal(restore(stream, size), 0);
    go_on();
    assert_int_equal(bit_of(ISACTIVER, SPI), 1);
    assert_int_equal(bit_of(ISPENDR, SPI), 0);
    assert_int_equal(bit_of(ISPENDR, SPI + 9), 1);
    assert_int_equal(bit_of(ISENABLER, SPI + 9), 0);
    assert_int_equal(bit_of(ISACTIVER, SPI + 10), 1);
    assert_int_equal(bit_of(ISPENDR, 20), 1);
    assert_int_equal(bit_of(ISACTIVER, 21), 1);
    fake_end(0, SPI);
    fake_settle();
    assert_int_equal(bit_of(ISACTIVER, SPI), 0);
    for (unsigned i = 1; i < 8; i++)
        assert_taken_and_ended(0, SPI + i);
    assert_taken_and_ended(0, 20);
}

static void what_it_was_saved_from_is_what_it_saves(void **state)
{
    unsigned char before[sizeof(stream)];

    (void)state;
    fill();
    assert_int_equal(save(), 0);
    memcpy(before, stream, size);
    renew();
    assert_int_equal(restore(stream, size), 0);
    assert_int_equal(save(), 0);
    assert_memory_equal(stream, before, size);
}

static void a_senders_sgi_stays_that_senders(void **state)
{
    (void)state;
    fake_on(1);
    fake_write(v1, GICD + SGIR, 4, 1u << 16 | 5);
    fake_on(0);
    assert_int_equal(save(), 0);
    renew();
    assert_int_equal(restore(stream, size), 0);
    go_on();
    assert_int_equal(fake_ack(0), 1u << 10 | 5);
    fake_end(0, 1u << 10 | 5);
}

static void another_controller_is_refused(void **state)
{
    (void)state;
    assert_int_equal(save(), 0);
    stream[24 + 16] ^= 1;   /* version 2 or 3 */
    assert_int_equal(restore(stream, size), -EOPNOTSUPP);
    stream[24 + 16] ^= 1;
    stream[24 + 24]++;      /* bits of priority */
    assert_int_equal(restore(stream, size), -EOPNOTSUPP);
    stream[24 + 24]--;
    stream[24 + 20] += 32;  /* SPIs */
    assert_int_equal(restore(stream, size), -EBADMSG);
}

/* TORPOR_DOMCTL_NEEDS has this record of it alone. */
static void another_controller_is_refused_before_there_is_memory(void **state)
{
    static const struct record_kind *const needs[] = { &gic_record };
    static const struct record_table needs_table = { needs, ARRAY_SIZE(needs) };
    struct record_writer w = { stream, sizeof(stream), 0, NULL };

    (void)state;
    assert_int_equal(records_save(&needs_table, d, &w, &fault), 0);
    renew();
    assert_int_equal(records_check(&needs_table, d, stream, w.used, &fault), 0);
    stream[24 + 16] ^= 1;   /* version 2 or 3 */
    assert_int_equal(records_check(&needs_table, d, stream, w.used, &fault), -EOPNOTSUPP);
    stream[24 + 16] ^= 1;
    stream[24 + 20]++;      /* bits of priority */
    assert_int_equal(records_check(&needs_table, d, stream, w.used, &fault), -EOPNOTSUPP);
}

static void a_device_that_is_passed_through_stays(void **state)
{
    (void)state;
    assert_int_equal(vgic_route_irq(d, SPI, PHYSICAL), 0);
    assert_int_equal(save(), -EOPNOTSUPP);
    assert_string_equal(fault.why, "has a physical interrupt: a device is passed through");
}

/*
 * Refused, or restored as something that a guest could have made itself: whatever it is, all interrupts are in one
 * place each.
 */
static void any_bit_may_be_another(void **state)
{
    (void)state;
    fill();
    assert_int_equal(save(), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        unsigned char *changed = malloc(size);

        memcpy(changed, stream, size);
        changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        renew();
        if (restore(changed, size) == 0) {
            go_on();
            for (unsigned i = 0, iar; i < 12 && (iar = fake_ack(0)) != NOTHING; i++) {
                fake_end(0, iar);
                fake_settle();
            }
            fake_assert_consistent(d);
        }
        free(changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EITHER(a_guest_goes_on_in_the_middle_of_an_interrupt),
        EITHER(what_it_was_saved_from_is_what_it_saves),
        V2(a_senders_sgi_stays_that_senders),
        EITHER(another_controller_is_refused),
        EITHER(another_controller_is_refused_before_there_is_memory),
        EITHER(a_device_that_is_passed_through_stays),
        EITHER(any_bit_may_be_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
