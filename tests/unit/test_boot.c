// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/boot/ranges.c lib/ranges.c hypervisor/base/options.c hypervisor/boot/dom0/kernel_image.c */
/* The small parts of start-up: range lists against a bitmap, the command line, the head of dom0's kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cmdline.h"
#include "base/printk.h"
#include "boot/dom0/kernel_image.h"
#include "base/options.h"
#include "boot/ranges.h"
#include "lib/errno.h"

static char printed[4096];

void printk(const char *fmt, ...)
{
    size_t n = strlen(printed);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(printed + n, sizeof(printed) - n, fmt, ap);
    va_end(ap);
}

static int setup(void **state)
{
    (void)state;
    printed[0] = 0;
    return 0;
}

/* --- Ranges --- */

#define UNITS 200   /* of the small world that the lists are compared with */

static void assert_same(const struct boot_ranges *r, const bool *in)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(boot_ranges_contain(r, i, 1), in[i]);
        assert_int_equal(boot_ranges_overlap(r, i, 1), in[i]);
        total += in[i];
    }
    assert_int_equal(boot_ranges_total(r), total);
    for (unsigned i = 0; i + 1 < r->count; i++)
        assert_true(r->room[i].last + 1 < r->room[i + 1].first);
    for (unsigned i = 0; i < r->count; i++)
        assert_true(r->room[i].first <= r->room[i].last);
}

static void ranges_behave_as_a_bitmap(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 50; seed++) {
        struct boot_ranges r = { .count = 0 };
        bool in[UNITS] = { false };

        srand(seed);
        for (unsigned step = 0; step < 100; step++) {
            unsigned start = (unsigned)rand() % UNITS, size = (unsigned)rand() % 20;
            bool add = rand() % 2;

            if (start + size > UNITS)
                size = UNITS - start;
            assert_int_equal(add ? boot_ranges_add(&r, start, size) : boot_ranges_remove(&r, start, size), 0);
            memset(in + start, add, size);
            assert_same(&r, in);
        }
    }
}

static void full_lists_and_wrapping_ranges_are_refused(void **state)
{
    struct boot_ranges r = { .count = 0 };

    (void)state;
    for (unsigned i = 0; i < BOOT_RANGES; i++)
        assert_int_equal(boot_ranges_add(&r, i * 10, 4), 0);
    assert_int_equal(boot_ranges_add(&r, 10000, 1), -ENOSPC);
    assert_int_equal(boot_ranges_remove(&r, 1, 1), -ENOSPC);
    assert_int_equal(r.count, BOOT_RANGES);
    assert_int_equal(boot_ranges_total(&r), BOOT_RANGES * 4);
    assert_int_equal(boot_ranges_add(&r, 4, 6), 0);
    assert_int_equal(boot_ranges_add(&r, UINT64_MAX, 2), -EINVAL);
    assert_int_equal(boot_ranges_remove(&r, UINT64_MAX - 1, 4), -EINVAL);
}

/* --- Options --- */

static void defaults_are_xens(void **state)
{
    (void)state;
    options_parse("");
    assert_int_equal(options.dom0_mem, 512 * MIB);
    assert_int_equal(options.dom0_max_vcpus, 0);
    assert_true(options.uart_console);
    assert_string_equal(options.dtuart, "");
    assert_int_equal(options.console_switch, 'a');
    assert_true(options.console_switch_to_dom0);
    assert_false(options.noreboot || options.console_wakeup || options.guest_ptp);
    assert_true(options.iommu);
    assert_non_null(strstr(printed, "no dom0_mem= given"));
}

static void what_debians_grub_passes_to_any_xen_is_taken_in_silence(void **state)
{
    (void)state;
    options_parse("placeholder dom0_mem=768M no-real-mode edd=off");
    assert_string_equal(printed, "");
}

static void what_the_lab_passes_is_understood(void **state)
{
    (void)state;
    options_parse("console=dtuart bootscrub=0 dom0_mem=768M dom0_max_vcpus=2  maxcpus=0x4 dtuart=serial0:115200n8 "
                  "conswitch=bx console_wakeup guest_ptp crashkernel=128M@0x50000000 iommu=no noreboot");
    assert_string_equal(printed, "");
    assert_int_equal(options.dom0_mem, 768 * MIB);
    assert_int_equal(options.dom0_max_vcpus, 2);
    assert_int_equal(options.maxcpus, 4);
    assert_string_equal(options.dtuart, "serial0:115200n8");
    assert_int_equal(options.console_switch, 'b');
    assert_false(options.console_switch_to_dom0);
    assert_true(options.noreboot && options.console_wakeup && options.guest_ptp);
    assert_false(options.iommu);
    assert_int_equal(options.crashkernel, 128 * MIB);
    assert_int_equal(options.crashkernel_at, 0x50000000);
    assert_string_equal(cmdline_text() + strlen(cmdline_text()) - 8, "noreboot");
}

static void earlycon_describes_a_uart(void **state)
{
    (void)state;
    options_parse("dom0_mem=1G earlycon=pl011,0x9000000");
    assert_string_equal(options.earlycon, "pl011");
    assert_int_equal(options.earlycon_at, 0x9000000);
    assert_int_equal(options.earlycon_shift, 0);
    options_parse("dom0_mem=1G earlycon=ns16550,0xff000000,2");
    assert_string_equal(options.earlycon, "ns16550");
    assert_int_equal(options.earlycon_at, 0xff000000);
    assert_int_equal(options.earlycon_shift, 2);
    options_parse("dom0_mem=1G earlycon=semihosting");
    assert_string_equal(options.earlycon, "semihosting");
    assert_string_equal(printed, "");
}

static void dom0_mem_takes_units_and_limits(void **state)
{
    static const struct { const char *text; uint64_t size, max; } cases[] = {
        { "dom0_mem=1048576", GIB, 0 }, { "dom0_mem=2g", 2 * GIB, 0 }, { "dom0_mem=4096k", 4 * MIB, 0 },
        { "dom0_mem=1G,max:2G", GIB, 2 * GIB }, { "dom0_mem=1G,min:2G,max:3G", 2 * GIB, 3 * GIB },
        { "dom0_mem=max:1G", GIB, GIB }, { "dom0_mem=0x100M", 256 * MIB, 0 }, { "dom0_mem=67108864B", 64 * MIB, 0 },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        printed[0] = 0;
        options_parse(cases[i].text);
        assert_string_equal(printed, "");
        assert_int_equal(options.dom0_mem, cases[i].size);
        assert_int_equal(options.dom0_mem_max, cases[i].max);
    }
}

static void bad_values_leave_the_default_and_are_told(void **state)
{
    static const char *const cases[] = {
        "dom0_mem=", "dom0_mem=0", "dom0_mem=12Q", "dom0_mem=1GG", "dom0_mem=99999999999999999999",
        "dom0_mem=999999999T", "dom0_mem=2G,max:1G", "dom0_mem", "dom0_max_vcpus=many", "dom0_max_vcpus=-1",
        "dom0_max_vcpus=1000", "console=com1", "conswitch=abc", "conswitch=", "dtuart=", "noreboot=maybe",
        "crashkernel=", "crashkernel=0", "crashkernel=1M", "crashkernel=64M@1M", "crashkernel=64M@x",
        "crashkernel=2M@256T",
        "earlycon=", "earlycon=,0x9000000", "earlycon=pl011,here", "earlycon=pl011,0x1000000000000",
        "earlycon=pl011,0x9000000x", "earlycon=ns16550,0x9000000,5", "earlycon=a-name-of-sixteen",
        "console_wakeup=2", "sched=rtds", "xsm=flask", "maxcpus=0x",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        printed[0] = 0;
        options_parse(cases[i]);
        if (!strstr(printed, "is not understood") || !strstr(printed, cases[i]))
            print_error("%s: %s\n", cases[i], printed);
        assert_non_null(strstr(printed, "is not understood"));
        assert_int_equal(options.dom0_mem, 512 * MIB);
        assert_int_equal(options.dom0_max_vcpus, 0);
        assert_true(options.uart_console);
        assert_int_equal(options.crashkernel, 0);
        assert_string_equal(options.earlycon, "");
    }
}

static void unknown_options_are_told_and_ignored(void **state)
{
    (void)state;
    options_parse("dom0_mem=1G frobnicate=7 noreboot=no");
    assert_non_null(strstr(printed, "unknown option \"frobnicate=7\" ignored"));
    assert_int_equal(options.dom0_mem, GIB);
    assert_false(options.noreboot);
}

static void console_may_be_none(void **state)
{
    (void)state;
    options_parse("console=none");
    assert_false(options.uart_console);
}

static void endless_command_lines_are_cut(void **state)
{
    char *text = malloc(10001);

    (void)state;
    memset(text, 'x', 10000);
    text[10000] = 0;
    options_parse(text);
    assert_non_null(strstr(printed, "longer than"));
    assert_true(strlen(cmdline_text()) < 10000);
    free(text);
}

/* --- The kernel --- */

#define PE_AT 64

static uint8_t image[4096];

static void put32(unsigned at, uint32_t v) { memcpy(image + at, &v, 4); }
static void put64(unsigned at, uint64_t v) { memcpy(image + at, &v, 8); }

/* As Linux lays it out: the PE head right behind the Image's, two sections. */
static int kernel_setup(void **state)
{
    (void)state;
    printed[0] = 0;
    memset(image, 0, sizeof(image));
    put64(16, 8192);
    put64(24, 0xa);
    memcpy(image + 56, "ARM\x64", 4);
    put32(60, PE_AT);
    memcpy(image + PE_AT, "PE\0", 4);
    image[PE_AT + 6] = 2;            /* sections */
    image[PE_AT + 20] = 0x10;        /* size of the optional header */
    put32(PE_AT + 24 + 0x10 + 16, 1000);       /* first: file size and offset */
    put32(PE_AT + 24 + 0x10 + 20, 512);
    put32(PE_AT + 24 + 0x10 + 40 + 16, 2000);
    put32(PE_AT + 24 + 0x10 + 40 + 20, 1512);
    return 0;
}

static void an_image_is_taken(void **state)
{
    struct kernel_image k;

    (void)state;
    assert_int_equal(kernel_image_check(image, 3512, &k), 0);
    assert_int_equal(k.image_size, 8192);
    assert_int_equal(k.text_offset, 0);
    put64(16, 0);
    assert_int_equal(kernel_image_check(image, 4096, &k), 0);
    assert_int_equal(k.text_offset, 0x80000);
}

static void a_cut_image_is_told(void **state)
{
    struct kernel_image k;

    (void)state;
    assert_int_equal(kernel_image_check(image, 3511, &k), -ENOEXEC);
    assert_non_null(strstr(printed, "3511 of its 3512"));
}

static void what_is_no_image_is_told(void **state)
{
    struct kernel_image k;

    (void)state;
    image[57] = 0;
    assert_int_equal(kernel_image_check(image, sizeof(image), &k), -ENOEXEC);
    assert_non_null(strstr(printed, "not an arm64 Image"));
    printed[0] = 0;
    image[0] = 0x1f;
    image[1] = 0x8b;
    assert_int_equal(kernel_image_check(image, sizeof(image), &k), -ENOEXEC);
    assert_non_null(strstr(printed, "compressed"));
    kernel_setup(state);
    put64(24, 0xb);
    assert_int_equal(kernel_image_check(image, sizeof(image), &k), -ENOEXEC);
    assert_non_null(strstr(printed, "big-endian"));
    kernel_setup(state);
    put64(16, UINT64_MAX);
    assert_int_equal(kernel_image_check(image, sizeof(image), &k), -ENOEXEC);
    assert_non_null(strstr(printed, "damaged"));
}

static void no_head_makes_the_check_read_beyond_the_module(void **state)
{
    struct kernel_image k;

    (void)state;
    for (unsigned seed = 1; seed < 2000; seed++) {
        unsigned size;
        uint8_t *exact;

        srand(seed);
        kernel_setup(state);
        for (unsigned i = 0; i < 4; i++)
            image[60 + (unsigned)rand() % 140] = (uint8_t)rand();
        size = (unsigned)rand() % 300;
        exact = malloc(size + !size);
        memcpy(exact, image, size);
        (void)kernel_image_check(exact, size, &k);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_behave_as_a_bitmap),
        cmocka_unit_test(full_lists_and_wrapping_ranges_are_refused),
        cmocka_unit_test_setup(defaults_are_xens, setup),
        cmocka_unit_test_setup(what_debians_grub_passes_to_any_xen_is_taken_in_silence, setup),
        cmocka_unit_test_setup(what_the_lab_passes_is_understood, setup),
        cmocka_unit_test_setup(earlycon_describes_a_uart, setup),
        cmocka_unit_test_setup(dom0_mem_takes_units_and_limits, setup),
        cmocka_unit_test_setup(bad_values_leave_the_default_and_are_told, setup),
        cmocka_unit_test_setup(unknown_options_are_told_and_ignored, setup),
        cmocka_unit_test_setup(console_may_be_none, setup),
        cmocka_unit_test_setup(endless_command_lines_are_cut, setup),
        cmocka_unit_test_setup(an_image_is_taken, kernel_setup),
        cmocka_unit_test_setup(a_cut_image_is_told, kernel_setup),
        cmocka_unit_test_setup(what_is_no_image_is_told, kernel_setup),
        cmocka_unit_test_setup(no_head_makes_the_check_read_beyond_the_module, kernel_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
