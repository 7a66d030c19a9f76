// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/dev/uart.c hypervisor/dev/pl011.c hypervisor/dev/cadence.c hypervisor/dev/ns16550.c */
/* sources: lib/devicetree.c */
/*
 * The drivers of UARTs, each on a device of its kind: a transmitter that has room only now and then, a receiver with a
 * few characters, settings, and a sleep that loses them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "arch/io.h"
#include "dev/uart.h"
#include "lib/devicetree.h"
#include "lib/errno.h"
#include "mm/el2.h"

#define BASE    UINT64_C(0xff000000)
#define BUSY_FOR 3u            /* polls for which the transmitter has no room, after each character */

static struct {
    char sent[64];
    size_t sent_n;
    const char *typed;
    uint32_t busy;             /* polls until there is room */
    unsigned overruns;         /* characters written where there was none */
    bool stuck;                /* there never is */
    bool mapped, no_map;
    unsigned shift, width;     /* of the registers, as an NS16550 has them */
    uint32_t regs[64], divisor, mask;
    unsigned set_while_on;     /* settings that a UART that is on does not take */
} dev;

static const struct uart_kind {
    const char *name;
    uint64_t size;
    unsigned shift, width;
    uint32_t (*read)(unsigned reg);
    void (*write)(unsigned reg, uint32_t value);
    void (*reset)(void);
    bool (*input_enabled)(void);
    unsigned control;          /* the register that switches it on, and its value then */
    uint32_t on;
    unsigned settings[4];      /* registers that hold speed and format; 0: none */
} *kind;

void *el2_map_device(paddr_t at, uint64_t size)
{
    assert_int_equal(at.pa, BASE);
    assert_true(size >= kind->size);
    dev.mapped = !dev.no_map;
    return dev.no_map ? NULL : (void *)BASE;
}

int semihosting_open(struct uart *u, const struct uart_place *at)
{
    (void)u;
    (void)at;
    return 0;
}

static unsigned reg_of(const volatile void *at, unsigned width)
{
    uint64_t offset = (uint64_t)at - BASE;

    assert_true(dev.mapped && (uint64_t)at >= BASE && offset + width <= kind->size);
    assert_int_equal(width, dev.width);
    assert_int_equal(offset & ((1u << dev.shift) - 1), 0);
    return (unsigned)(offset >> dev.shift);
}

uint32_t host_mmio_read(const volatile void *at, unsigned width) { return kind->read(reg_of(at, width)); }

void host_mmio_write(volatile void *at, unsigned width, uint32_t value)
{
    kind->write(reg_of(at, width), value);
}

static bool is_full(void)
{
    if (dev.stuck)
        return true;
    if (!dev.busy)
        return false;
    dev.busy--;
    return true;
}

static void transmit(uint32_t c)
{
    if (dev.busy || dev.stuck)
        dev.overruns++;
    else if (dev.sent_n < sizeof(dev.sent) - 1)
        dev.sent[dev.sent_n++] = (char)c;
    dev.busy = BUSY_FOR;
}

static uint32_t receive(void)
{
    assert_true(*dev.typed);
    return (uint8_t)*dev.typed++;
}

/* --- PL011: DDI 0183G, 3.3; registers by words --- */

static uint32_t pl011_read(unsigned reg)
{
    switch (reg * 4) {
    case 0x00: return receive();
    case 0x18: return is_full() * 0x28u | !*dev.typed * 0x10u;
    default:   return dev.regs[reg];
    }
}

static void pl011_write(unsigned reg, uint32_t value)
{
    bool setting = reg * 4 == 0x24 || reg * 4 == 0x28 || reg * 4 == 0x2c;

    if (reg == 0)
        transmit(value);
    else if (setting && dev.regs[0x30 / 4] & 1)
        dev.set_while_on++;
    else
        dev.regs[reg] = value;
}

static void pl011_reset(void) { dev.regs[0x30 / 4] = 0x300; }
static bool pl011_input(void) { return dev.regs[0x38 / 4] & 0x10; }

/* --- Cadence: UG585, B.33 --- */

static uint32_t cadence_read(unsigned reg)
{
    switch (reg * 4) {
    case 0x10: return dev.mask;
    case 0x2c: return is_full() ? 0x810 | !*dev.typed * 2u : 8 | !*dev.typed * 2u;
    case 0x30: return receive();
    default:   return dev.regs[reg];
    }
}

static void cadence_write(unsigned reg, uint32_t value)
{
    bool on = (dev.regs[0] & 0x30) == 0x10;

    switch (reg * 4) {
    case 0x00: dev.regs[0] = value & ~3u; break;
    case 0x08: dev.mask |= value; break;
    case 0x0c: dev.mask &= ~value; break;
    case 0x14: dev.regs[reg] &= ~value; break;
    case 0x04:
    case 0x18:
    case 0x34:
        dev.set_while_on += on;
        dev.regs[reg] = on ? dev.regs[reg] : value;
        break;
    case 0x30: transmit(value); break;
    default:   dev.regs[reg] = value;
    }
}

static void cadence_reset(void) { dev.regs[0] = 0x128; }
static bool cadence_input(void) { return dev.mask & 1 && dev.regs[0x20 / 4] == 1; }

/* --- NS16550: PC16550D, 8.0 --- */

static bool dlab(void) { return dev.regs[3] & 0x80; }

static uint32_t ns16550_read(unsigned reg)
{
    switch (reg) {
    case 0:  return dlab() ? dev.divisor & 0xff : receive();
    case 1:  return dlab() ? dev.divisor >> 8 : dev.regs[1];
    case 2:  return dev.regs[2];
    case 5:  return (is_full() ? 0 : 0x60u) | (*dev.typed ? 1 : 0);
    case 31: dev.regs[2] = 1; return 0;   /* Synopsys': busy no more */
    default: return dev.regs[reg];
    }
}

static void ns16550_write(unsigned reg, uint32_t value)
{
    if (reg == 0 && dlab())
        dev.divisor = (dev.divisor & 0xff00) | value;
    else if (reg == 0)
        transmit(value);
    else if (reg == 1 && dlab())
        dev.divisor = (dev.divisor & 0xff) | value << 8;
    else if (reg != 2)
        dev.regs[reg] = value;
}

static void ns16550_reset(void) { dev.regs[2] = 1; }
static bool ns16550_input(void) { return dev.regs[1] == 1 && !dlab() && dev.regs[4] & 8; }

static const struct uart_kind kinds[] = {
#define PL011   pl011_read, pl011_write, pl011_reset, pl011_input, 0x30 / 4, 0x301, { 0x24 / 4, 0x28 / 4, 0x2c / 4 }
#define CADENCE cadence_read, cadence_write, cadence_reset, cadence_input, 0, 0x14, { 0x04 / 4, 0x18 / 4, 0x34 / 4 }
#define NS16550 ns16550_read, ns16550_write, ns16550_reset, ns16550_input, 4, 0x0b, { 3 }

    { "pl011", 0x48, 2, 4, PL011 },
    { "sbsa", 0x48, 2, 4, PL011 },
    { "cadence", 0x48, 2, 4, CADENCE },
    { "ns16550", 8, 0, 1, NS16550 },
    { "ns16550", 32, 2, 4, NS16550 },
    { "dw-apb", 128, 2, 4, NS16550 },
};

static void power_on(const struct uart_kind *k)
{
    kind = k;
    memset(&dev, 0, sizeof(dev));
    dev.typed = "";
    dev.shift = k->shift;
    dev.width = k->width;
    k->reset();
}

static int open_at(struct uart *u, uint64_t size)
{
    struct uart_place at = { BASE, size, kind->shift, kind->width };

    return uart_of_name(kind->name)->open(u, &at);
}

static void opened(const struct uart_kind *k, struct uart *u)
{
    power_on(k);
    assert_int_equal(open_at(u, k->size), 0);
}

#define FOR_EACH_KIND(k) for (const struct uart_kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++)

static void text_goes_out_whole(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        struct uart u;

        opened(k, &u);
        for (const char *c = "hello, world"; *c; c++)
            u.put(&u, *c);
        u.drain(&u);
        assert_string_equal(dev.sent, "hello, world");
        assert_int_equal(dev.overruns, 0);
        assert_int_equal(dev.busy, 0);
    }
}

static void one_that_never_has_room_loses_text_and_no_more(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        struct uart u;

        opened(k, &u);
        dev.stuck = true;
        u.put(&u, 'x');
        u.drain(&u);
        assert_int_equal(dev.overruns, 1);
    }
}

static void input_is_taken_in_order_and_by_interrupt_once_enabled(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        struct uart u;

        opened(k, &u);
        assert_false(k->input_enabled());
        assert_int_equal(u.get(&u), -1);
        u.enable_input(&u);
        assert_true(k->input_enabled());
        dev.typed = "a\xff";
        u.acknowledge(&u);
        assert_int_equal(u.get(&u), 'a');
        assert_int_equal(u.get(&u), 0xff);
        assert_int_equal(u.get(&u), -1);
    }
}

static void fill(const struct uart_kind *k, uint32_t from)
{
    for (unsigned i = 0; i < ARRAY_SIZE(k->settings); i++)
        if (k->settings[i])
            dev.regs[k->settings[i]] = from + i;
}

/* The firmware has switched it on, with a speed and a format of its own. */
static void opened_as_it_was(const struct uart_kind *k, struct uart *u)
{
    power_on(k);
    fill(k, 0x11);
    dev.regs[k->control] = k->on;
    dev.divisor = 0x1234;
    assert_int_equal(open_at(u, k->size), 0);
}

static void what_the_firmware_set_stays(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        struct uart u;

        opened_as_it_was(k, &u);
        for (unsigned i = 0; i < ARRAY_SIZE(k->settings); i++)
            assert_true(!k->settings[i] || dev.regs[k->settings[i]] == 0x11 + i);
        assert_int_equal(dev.divisor, 0x1234);
        assert_int_equal(dev.set_while_on, 0);
    }
}

static void one_that_is_off_is_switched_on(void **state)
{
    (void)state;
    power_on(&kinds[0]);
    dev.regs[0x30 / 4] = 0;
    assert_int_equal(open_at(&(struct uart){ 0 }, kind->size), 0);
    assert_int_equal(dev.regs[0x30 / 4], 0x301);
    assert_int_equal(dev.regs[0x2c / 4], 0x70);
    power_on(&kinds[2]);
    assert_int_equal(open_at(&(struct uart){ 0 }, kind->size), 0);
    assert_int_equal(dev.regs[0] & 0x3c, 0x14);
    assert_int_equal(dev.regs[1], 0x20);
    assert_int_equal(dev.set_while_on, 0);
}

/* Of the subset only the mask is there to be lost. */
static void after_a_sleep_it_is_as_it_was(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        uint32_t regs[ARRAY_SIZE(dev.regs)];
        struct uart u;

        opened_as_it_was(k, &u);
        u.enable_input(&u);
        u.put(&u, 'x');
        u.suspend(&u);
        assert_int_equal(dev.busy, 0);   /* all is out */
        memcpy(regs, dev.regs, sizeof(regs));
        memset(dev.regs, 0, sizeof(dev.regs));
        dev.divisor = dev.mask = 0;
        k->reset();
        u.resume(&u);
        for (unsigned i = 0; i < ARRAY_SIZE(k->settings); i++)
            if (strcmp(k->name, "sbsa"))
                assert_int_equal(dev.regs[k->settings[i]], regs[k->settings[i]]);
        if (k->read == ns16550_read)
            assert_int_equal(dev.divisor, 0x1234);
        if (strcmp(k->name, "sbsa"))
            assert_int_equal(dev.regs[k->control], regs[k->control]);
        assert_int_equal(dev.set_while_on, 0);
        assert_true(k->input_enabled());
    }
}

/* It interrupts until its status register is read. */
static void a_busy_synopsys_is_calmed(void **state)
{
    struct uart u;

    (void)state;
    opened(&kinds[5], &u);
    dev.regs[2] = 7;
    u.acknowledge(&u);
    assert_int_equal(dev.regs[2], 1);
    dev.regs[2] = 4;
    u.acknowledge(&u);
    assert_int_equal(dev.regs[2], 4);
}

static void registers_that_are_none_are_refused(void **state)
{
    (void)state;
    FOR_EACH_KIND(k) {
        struct uart u;

        power_on(k);
        assert_int_equal(open_at(&u, k->size - 4 * (k->width == 4) - (k->width == 1)), -EINVAL);
        assert_int_equal(open_at(&u, 0), -EINVAL);
        assert_false(dev.mapped);
        dev.no_map = true;
        assert_int_equal(open_at(&u, k->size), -ENOMEM);
    }
    for (unsigned i = 0; i < 5; i++) {
        static const struct uart_place wrong[] = {
            { BASE, 4096, 0, 2 }, { BASE, 4096, 1, 4 }, { BASE, 4096, 5, 4 }, { BASE, 4096, 64, 4 },
            { BASE + 2, 4096, 2, 4 },
        };

        power_on(&kinds[4]);
        assert_int_equal(ns16550_open(&(struct uart){ 0 }, &wrong[i]), -EINVAL);
        assert_false(dev.mapped);
    }
}

static void names_lead_to_drivers(void **state)
{
    static const char *const known[][2] = {
        { "arm,pl011", "pl011" }, { "arm,sbsa-uart", "sbsa" }, { "arm,pl011-axi", "sbsa" },
        { "xlnx,zynqmp-uart", "cadence" }, { "cdns,uart-r1p12", "cadence" }, { "cdns,uart-r1p8", "cadence" },
        { "snps,dw-apb-uart", "dw-apb" }, { "ns16550a", "ns16550" }, { "ns16550", "ns16550" },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        struct dt_node n = { .props[DT_COMPATIBLE] = { known[i][0], (uint32_t)strlen(known[i][0]) + 1 } };

        assert_non_null(uart_of_node(&n));
        assert_string_equal(uart_of_node(&n)->name, known[i][1]);
        assert_ptr_equal(uart_of_node(&n)->open, uart_of_name(known[i][1])->open);
    }
    assert_null(uart_of_node(&(struct dt_node){ .props[DT_COMPATIBLE] = { "ns8250", 7 } }));
    assert_null(uart_of_node(&(struct dt_node){ 0 }));
    assert_null(uart_of_name("pl01"));
    assert_null(uart_of_name(""));
    assert_ptr_equal(uart_of_name("semihosting")->open, semihosting_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_out_whole),
        cmocka_unit_test(one_that_never_has_room_loses_text_and_no_more),
        cmocka_unit_test(input_is_taken_in_order_and_by_interrupt_once_enabled),
        cmocka_unit_test(what_the_firmware_set_stays),
        cmocka_unit_test(one_that_is_off_is_switched_on),
        cmocka_unit_test(after_a_sleep_it_is_as_it_was),
        cmocka_unit_test(a_busy_synopsys_is_calmed),
        cmocka_unit_test(registers_that_are_none_are_refused),
        cmocka_unit_test(names_lead_to_drivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
