// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/arm64/vuart.c tests/unit/fakes.c record/record.c */
/* The emulated UART: registers from the guest's side, the ring from the back end's, and what both may break. */
#include "fakes.h"

#include <xen/io/console.h>

#include <string.h>

#include "vm/evtchn/evtchn.h"
#include "record/record.h"
#include "vm/mmio.h"
#include "vm/records.h"
#include "vm/vgic/vgic.h"
#include "vm/arm64/vuart.h"

#define DR   0x00
#define FR   0x18
#define IMSC 0x38
#define RIS  0x3c
#define MIS  0x40
#define ICR  0x44
#define BUSY 0x08
#define RXFE 0x10
#define TXFF 0x20
#define RXFF 0x40
#define TXFE 0x80
#define RX_RT 0x50
#define TX   0x20

#define RING_GFN 3

static struct domain *d;
static struct xencons_interface *ring;
static struct mmio_region region;
static evtchn_consumer *consumer;
static unsigned events, ports, line_changes;
static bool line;
static int refuse_port, refuse_spi, refuse_region;

int vgic_reserve_spi(struct domain *domain, unsigned intid)
{
    assert_ptr_equal(domain, d);
    assert_int_equal(intid, GUEST_VPL011_SPI);
    return refuse_spi;
}

void vgic_set_line(struct domain *domain, struct vcpu *v, unsigned intid, bool high)
{
    assert_ptr_equal(domain, d);
    assert_null(v);
    assert_int_equal(intid, GUEST_VPL011_SPI);
    assert_int_not_equal(line, high);
    line = high;
    line_changes++;
}

int mmio_add_region(struct domain *domain, uint64_t start, uint64_t size, mmio_handler *handler, void *context)
{
    (void)domain;
    if (!refuse_region)
        region = (struct mmio_region){ start, size, handler, context };
    return refuse_region;
}

int evtchn_alloc_consumer(struct domain *domain, domid_t remote, evtchn_consumer *notify, uint32_t *port)
{
    (void)domain;
    assert_int_equal(remote, 0);
    if (refuse_port)
        return refuse_port;
    consumer = notify;
    *port = 5;
    ports++;
    return 0;
}

void evtchn_free_consumer(struct domain *domain, uint32_t port)
{
    (void)domain;
    assert_int_equal(port, 5);
    ports--;
}

void evtchn_notify(struct domain *domain, uint32_t port)
{
    assert_ptr_equal(domain, d);
    assert_int_equal(port, 5);
    assert_int_equal(d->vuart.lock.held, 0);   /* not held: evtchn's locks come first */
    events++;
}

static int setup(void **state)
{
    uint32_t port = 0;

    (void)state;
    fake_reset();
    events = ports = line_changes = 0;
    refuse_port = refuse_spi = refuse_region = 0;
    line = false;
    d = fake_domain(1, 1, 8);
    assert_int_equal(vuart_init(d, 0, GFN(RING_GFN), &port), 0);
    assert_int_equal(port, 5);
    ring = fake_page(d, RING_GFN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vuart_destroy(d);
    vuart_destroy(d);
    assert_int_equal(ports, 0);
    fake_domain_release(d);
    fake_domain_free(d);
    fake_assert_nothing_left();
    return 0;
}

static bool access(uint64_t offset, unsigned size, bool write, uint64_t *value)
{
    struct mmio_access a = { offset, size, write, *value };
    bool ok = region.handler(d->vcpus[0], &a, region.context);

    *value = a.value;
    return ok;
}

static uint32_t read(uint64_t offset)
{
    uint64_t value = 0xdeadbeef;

    assert_true(access(offset, 4, false, &value));
    return (uint32_t)value;
}

static void write(uint64_t offset, uint64_t value)
{
    assert_true(access(offset, 4, true, &value));
}

static void back_end_types(const char *text)
{
    while (*text)
        ring->in[ring->in_prod++ % sizeof(ring->in)] = *text++;
    consumer(d, 5);
}

static void it_stands_where_the_guests_tree_says(void **state)
{
    (void)state;
    assert_int_equal(region.start, GUEST_PL011_BASE);
    assert_int_equal(region.size, GUEST_PL011_SIZE);
    assert_int_equal(VUART_SPI, GUEST_VPL011_SPI);
    assert_int_equal(frame_refs(fake_mfn(d, RING_GFN)), 2);
}

static void written_characters_reach_the_ring(void **state)
{
    (void)state;
    assert_int_equal(read(FR), RXFE | TXFE);
    write(DR, 'h');
    write(DR, 'i' | 0xffffff00);
    assert_int_equal(ring->out_prod, 2);
    assert_memory_equal(ring->out, "hi", 2);
    assert_int_equal(events, 2);
    assert_int_equal(read(FR), RXFE);
}

static void typed_characters_are_read_once(void **state)
{
    (void)state;
    back_end_types("ab\xff");
    assert_int_equal(read(FR), TXFE);
    assert_int_equal(read(DR), 'a');
    assert_int_equal(read(DR), 'b');
    assert_int_equal(read(DR), 0xff);
    assert_int_equal(ring->in_cons, 3);
    assert_int_equal(read(DR), 0);
    assert_int_equal(ring->in_cons, 3);
    assert_int_equal(read(FR), RXFE | TXFE);
}

static void receive_interrupt_is_up_while_characters_wait(void **state)
{
    (void)state;
    write(IMSC, RX_RT);
    assert_false(line);
    back_end_types("xy");
    assert_true(line);
    assert_int_equal(read(MIS), RX_RT);
    write(ICR, 0x7ff);
    assert_true(line);
    read(DR);
    assert_true(line);
    read(DR);
    assert_false(line);
    assert_int_equal(line_changes, 2);
}

static void transmit_interrupt_stays_until_cleared(void **state)
{
    (void)state;
    write(IMSC, TX);
    assert_false(line);
    write(DR, 'a');
    assert_true(line);
    assert_int_equal(read(RIS), TX);
    write(ICR, TX);
    assert_false(line);
    consumer(d, 5);
    assert_true(line);
    write(IMSC, 0);
    assert_false(line);
    assert_int_equal(read(RIS), TX);
    assert_int_equal(read(MIS), 0);
}

static void full_ring_says_so_and_loses_nothing_it_has(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++)
        write(DR, 'a' + i % 26);
    assert_int_equal(ring->out_prod, 2048);
    assert_int_equal(read(FR) & (TXFF | BUSY), TXFF | BUSY);
    assert_int_equal(ring->out[2047], 'a' + 2047 % 26);
    ring->out_cons = 1;
    write(DR, '!');
    assert_int_equal(ring->out[0], '!');
    assert_int_equal(read(FR) & TXFF, TXFF);
}

static void back_end_is_told_when_room_appears(void **state)
{
    (void)state;
    ring->in_prod = 1024;
    consumer(d, 5);
    assert_int_equal(read(FR) & RXFF, RXFF);
    read(DR);
    assert_int_equal(events, 1);
    read(DR);
    assert_int_equal(events, 1);
}

static void senseless_rings_hold_nothing_and_take_nothing(void **state)
{
    (void)state;
    ring->in_prod = 5000;
    ring->out_prod = 100000;
    consumer(d, 5);
    assert_int_equal(read(FR), RXFE | TXFF | BUSY);
    assert_int_equal(read(DR), 0);
    write(DR, 'x');
    assert_int_equal(ring->out_prod, 100000);
}

static void any_ring_and_any_access_are_survived(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t value = fake_random();
        unsigned size = 1u << fake_random_below(4);

        switch (fake_random_below(8)) {
        case 0: ring->in_prod = fake_random() * (uint32_t)fake_random(); break;
        case 1: ring->out_prod = fake_random() * (uint32_t)fake_random(); break;
        case 2: ring->in_cons = ring->in_prod - fake_random_below(1200); break;
        case 3: ring->out_cons = ring->out_prod - fake_random_below(2200); break;
        case 4: consumer(d, 5); break;
        default:
            if (access(fake_random_below(2) ? fake_random_below(0x50) : fake_random_below(0x1000) & ~(size - 1), size,
                       fake_random_below(2), &value))
                assert_true(size <= 4 && value <= UINT32_MAX);
            else
                assert_int_equal(size, 8);
        }
    }
}

static void narrow_reads_have_nothing_above(void **state)
{
    uint64_t value = 0;

    (void)state;
    write(IMSC, 0x7ff);
    assert_true(access(IMSC, 1, false, &value));
    assert_int_equal(value, 0xff);
    assert_true(access(IMSC, 2, false, &value));
    assert_int_equal(value, 0x7ff);
    assert_int_equal(read(0xfe0), 0);
    write(0x30, 0x301);
    assert_int_equal(read(0x30), 0);
}

static void a_second_one_is_refused(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(vuart_init(d, 0, GFN(RING_GFN), &port), -EBUSY);
    assert_int_equal(frame_refs(fake_mfn(d, RING_GFN)), 2);
}

/* --- Its record --- */

enum { LINE_AT = 24 + 16 + 12 };

static const struct record_kind *const kinds[] = { &vuart_record };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };
static unsigned char stream[128];
static struct record_fault fault;
static size_t stream_size;

unsigned record_count_one(const void *domain) { (void)domain; return 1; }

static void save(void)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };

    assert_int_equal(records_save(&table, d, &w, &fault), 0);
    stream_size = w.used;
}

static int restore(void)
{
    bool begun;

    return records_restore(&table, d, stream, stream_size, &begun, &fault);
}

static void begin_again(void)
{
    uint32_t port;

    vuart_destroy(d);
    fake_domain_release(d);
    fake_domain_free(d);
    d = fake_domain(1, 1, 8);
    assert_int_equal(vuart_init(d, 0, GFN(RING_GFN), &port), 0);
    ring = fake_page(d, RING_GFN);
}

static void restored_it_has_the_same_registers_and_hears_what_was_typed_meanwhile(void **state)
{
    (void)state;
    write(IMSC, RX_RT | TX);
    write(DR, 'a');
    assert_true(line);
    save();
    begin_again();
    assert_int_equal(restore(), 0);
    assert_int_equal(read(IMSC), RX_RT | TX);
    assert_int_equal(read(RIS), TX);
    assert_int_equal(line_changes, 1);   /* up already: the interrupt's record says so */
    write(ICR, TX);
    assert_false(line);
    save();
    begin_again();
    ring->in_prod = 1;
    assert_int_equal(restore(), 0);
    assert_true(line);
    write(IMSC, 0);
}

/* Nobody tells it a second time, and a driver waits for it. */
static void room_that_the_back_end_made_before_the_restore_is_told(void **state)
{
    (void)state;
    write(IMSC, TX);
    save();
    begin_again();
    consumer(d, 5);
    assert_int_equal(restore(), 0);
    assert_int_equal(read(RIS), TX);
    assert_true(line);
    write(ICR, TX);
    assert_false(line);
}

static void a_record_is_for_a_domain_that_has_one_too(void **state)
{
    (void)state;
    write(IMSC, RX_RT);
    save();
    vuart_destroy(d);
    assert_int_equal(restore(), -EINVAL);
    assert_string_equal(fault.why, "is of a domain with an emulated UART, which the new one has not");
    save();
    assert_int_equal(restore(), 0);
    begin_again();
    assert_int_equal(restore(), -EINVAL);
    assert_string_equal(fault.why, "is of a domain without an emulated UART, which the new one has");
}

static void any_bit_of_its_record_may_be_another(void **state)
{
    (void)state;
    write(IMSC, RX_RT);
    save();
    for (size_t bit = 0; bit < stream_size * 8; bit++) {
        stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
        line = stream[LINE_AT];   /* as the interrupt's own record says */
        if (restore() == 0) {
            assert_int_equal(read(IMSC) & ~0x7ffu, 0);
            assert_int_equal(read(RIS) & ~0x7ffu, 0);
        }
        stream[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void after_its_end_it_is_silent(void **state)
{
    uint32_t port;

    (void)state;
    vuart_destroy(d);
    assert_int_equal(frame_refs(fake_mfn(d, RING_GFN)), 1);
    assert_int_equal(read(FR), 0);
    write(DR, 'x');
    consumer(d, 5);
    assert_int_equal(events, 0);
    assert_int_equal(vuart_init(d, 0, GFN(RING_GFN), &port), -EBUSY);
}

static void what_fails_to_begin_leaves_nothing(void **state)
{
    struct domain *other = fake_domain(2, 1, 8), *first = d;
    uint32_t port;

    (void)state;
    d = other;
    assert_int_equal(vuart_init(d, 0, GFN(100), &port), -EINVAL);
    fake_set_type(d, 2, P2M_RAM_RO);
    assert_int_equal(vuart_init(d, 0, GFN(2), &port), -EINVAL);
    refuse_port = -ENOSPC;
    assert_int_equal(vuart_init(d, 0, GFN(1), &port), -ENOSPC);
    refuse_port = 0;
    refuse_spi = -EBUSY;
    assert_int_equal(vuart_init(d, 0, GFN(1), &port), -EBUSY);
    refuse_spi = 0;
    refuse_region = -ENOSPC;
    assert_int_equal(vuart_init(d, 0, GFN(1), &port), -ENOSPC);
    assert_int_equal(ports, 1);   /* the first domain's */
    fake_assert_refs(d, 8, 1);
    vuart_destroy(d);
    fake_domain_release(d);
    fake_domain_free(d);
    d = first;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_stands_where_the_guests_tree_says),
        TEST(written_characters_reach_the_ring),
        TEST(typed_characters_are_read_once),
        TEST(receive_interrupt_is_up_while_characters_wait),
        TEST(transmit_interrupt_stays_until_cleared),
        TEST(full_ring_says_so_and_loses_nothing_it_has),
        TEST(back_end_is_told_when_room_appears),
        TEST(senseless_rings_hold_nothing_and_take_nothing),
        TEST(any_ring_and_any_access_are_survived),
        TEST(narrow_reads_have_nothing_above),
        TEST(a_second_one_is_refused),
        TEST(after_its_end_it_is_silent),
        TEST(restored_it_has_the_same_registers_and_hears_what_was_typed_meanwhile),
        TEST(room_that_the_back_end_made_before_the_restore_is_told),
        TEST(a_record_is_for_a_domain_that_has_one_too),
        TEST(any_bit_of_its_record_may_be_another),
        TEST(what_fails_to_begin_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
