// SPDX-License-Identifier: Apache-2.0
/* sources: lib/devicetree.c hypervisor/boot/bootinfo.c hypervisor/boot/ranges.c lib/ranges.c */
/* sources: hypervisor/dev/uart.c */
/* The machine's device tree: bootinfo finds what is there, and tells what is missing or wrong. */
#include "device_trees.h"

static int setup(void **state)
{
    (void)state;
    return begin_with_a_tree();
}

static struct bootinfo parse(void)
{
    struct bootinfo b;
    int err = bootinfo_parse(tree, &b);

    if (err)
        print_error("%s\n", printed);
    assert_int_equal(err, 0);
    return b;
}

/* --- The machine --- */

static void machine_is_found(void **state)
{
    struct bootinfo b = parse();

    (void)state;
    assert_int_equal(b.ram.count, 1);
    assert_int_equal(boot_ranges_at(&b.ram, 0).start, 0x40000000);
    assert_int_equal(boot_ranges_at(&b.ram, 0).size, 2 * GIB);
    assert_int_equal(b.cpu_count, 4);
    assert_int_equal(b.cpus[3].mpidr, 3);
    assert_true(b.psci.present);
    assert_false(b.psci.hvc);
    assert_int_equal(b.psci.cpu_on, 0xc4000003);
    assert_int_equal(b.timer.secure_phys, 29);
    assert_int_equal(b.timer.phys, 30);
    assert_int_equal(b.timer.virt, 27);
    assert_int_equal(b.timer.hyp, 26);
    assert_string_equal(printed, "");
}

static void console_is_stdout_path(void **state)
{
    struct bootinfo b = parse();

    (void)state;
    assert_string_equal(b.uart.driver->name, "pl011");
    assert_string_equal(b.uart.path, "/pl011@9000000");
    assert_int_equal(b.uart.place.base, 0x9000000);
    assert_int_equal(b.uart.irq, 33);
}

static void dtuart_takes_aliases_and_options(void **state)
{
    struct bootinfo b = parse();
    int aliases = add_node("/", "aliases");

    (void)state;
    fdt_setprop_string(tree, aliases, "serial0", "/pl011@9000000");
    memset(&b.uart, 0, sizeof(b.uart));
    assert_int_equal(bootinfo_select_uart(tree, &b, "serial0:115200n8"), 0);
    assert_string_equal(b.uart.path, "/pl011@9000000");
    assert_int_equal(bootinfo_select_uart(tree, &b, "serial1"), -ENOENT);
    assert_int_equal(bootinfo_select_uart(tree, &b, "/pl031@9010000"), -ENOENT);
    assert_non_null(strstr(printed, "dtuart=/pl031@9010000"));
    assert_string_equal(b.uart.path, "/pl011@9000000");
}

static void a_uart_says_how_its_registers_stand(void **state)
{
    struct bootinfo b = parse();
    int uart = node("/pl011@9000000");

    (void)state;
    assert_int_equal(b.uart.place.size, 0x1000);
    assert_true(b.uart.place.shift == 0 && b.uart.place.width == 1);
    fdt_setprop_string(tree, uart, "compatible", "ns16550a");
    fdt_setprop_u32(tree, uart, "reg-shift", 2);
    fdt_setprop_u32(tree, uart, "reg-io-width", 4);
    fdt_setprop_u32(tree, uart, "reg-offset", 0x100);
    b = parse();
    assert_string_equal(b.uart.driver->name, "ns16550");
    assert_true(b.uart.place.shift == 2 && b.uart.place.width == 4);
    assert_int_equal(b.uart.place.base, 0x9000100);
    assert_int_equal(b.uart.place.size, 0xf00);
    fdt_setprop_string(tree, uart, "compatible", "somebody,elses");
    b = parse();
    assert_null(b.uart.driver);
    assert_non_null(strstr(printed, "is no UART that is known"));
}

static void modules_are_found_and_reserved(void **state)
{
    struct bootinfo b = parse();

    (void)state;
    assert_int_equal(b.kernel.start, KERNEL_AT);
    assert_int_equal(b.kernel.size, 0x1f6dfc0);
    assert_int_equal(b.ramdisk.start, RAMDISK_AT);
    assert_true(boot_ranges_contain(&b.reserved, KERNEL_AT, 0x1f6dfc0));
    assert_true(boot_ranges_contain(&b.reserved, RAMDISK_AT, 0x199eb1));
    assert_string_equal(b.cmdline, "dom0_mem=768M");
    assert_string_equal(b.dom0_cmdline, "console=hvc0");
}

static void modules_of_unknown_kind_are_kernel_then_ramdisk(void **state)
{
    struct bootinfo b;

    (void)state;
    load("gic-version=3");
    add_module("module@2", "", RAMDISK_AT, 0x1000, NULL);   /* libfdt puts a new node first */
    add_module("module@1", "", KERNEL_AT, 0x2000, NULL);
    b = parse();
    assert_int_equal(b.kernel.size, 0x2000);
    assert_int_equal(b.ramdisk.size, 0x1000);
}

static void old_names_and_own_cells_of_modules_are_understood(void **state)
{
    static const char compatible[] = "xen,linux-zimage\0xen,multiboot-module";
    fdt32_t reg[2] = { cpu_to_fdt32(KERNEL_AT), cpu_to_fdt32(0x3000) };
    int offset;
    struct bootinfo b;

    (void)state;
    load("gic-version=3");
    add_node("/chosen", "modules");
    fdt_setprop_u32(tree, node("/chosen/modules"), "#address-cells", 1);
    fdt_setprop_u32(tree, node("/chosen/modules"), "#size-cells", 1);
    offset = add_node("/chosen/modules", "module@0");
    fdt_setprop(tree, offset, "compatible", compatible, sizeof(compatible));
    fdt_setprop(tree, offset, "reg", reg, sizeof(reg));
    b = parse();
    assert_int_equal(b.kernel.start, KERNEL_AT);
    assert_int_equal(b.kernel.size, 0x3000);
}

static void command_lines_follow_xens_rules(void **state)
{
    static const struct {
        const char *bootargs, *xen, *dom0, *module, *want_xen, *want_dom0;
    } cases[] = {
        { "b", NULL, NULL, "m", "b", "m" },
        { "b", NULL, NULL, NULL, "", "b" },
        { "b", "x", NULL, NULL, "x", "b" },
        { "b", NULL, "d", NULL, "b", "d" },
        { "b", "x", "d", NULL, "x", "d" },
        { "b", "x", "d", "m", "x", "m" },
        { NULL, NULL, NULL, NULL, "", "" },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bootinfo b;

        load("gic-version=3");
        add_module("module@1", "multiboot,kernel", KERNEL_AT, 0x2000, cases[i].module);
        if (cases[i].bootargs)
            fdt_setprop_string(tree, node("/chosen"), "bootargs", cases[i].bootargs);
        if (cases[i].xen)
            fdt_setprop_string(tree, node("/chosen"), "xen,xen-bootargs", cases[i].xen);
        if (cases[i].dom0)
            fdt_setprop_string(tree, node("/chosen"), "xen,dom0-bootargs", cases[i].dom0);
        b = parse();
        assert_string_equal(b.cmdline, cases[i].want_xen);
        assert_string_equal(b.dom0_cmdline, cases[i].want_dom0);
    }
}

static struct boot_ranges free_ranges;

static void note_free(void *context, uint64_t start, uint64_t size)
{
    (void)context;
    assert_int_equal(boot_ranges_add(&free_ranges, start, size), 0);
}

static void reserved_memory_is_not_free(void **state)
{
    struct bootinfo b;

    (void)state;
    add_reserved("firmware@50000000", 0x50000000, 0x123456, true);
    add_reserved("pool@50200000", 0x50200000, 0x100000, false);
    assert_int_equal(fdt_add_mem_rsv(tree, 0x70000123, 0x10), 0);
    b = parse();
    assert_int_equal(bootinfo_reserve(&b, 0x40000000, 0x200001), 0);
    memset(&free_ranges, 0, sizeof(free_ranges));
    bootinfo_for_each_free(&b, note_free, NULL);
    assert_false(boot_ranges_overlap(&free_ranges, 0x50000000, 0x123456));
    assert_false(boot_ranges_overlap(&free_ranges, 0x50200000, 0x100000));
    assert_false(boot_ranges_overlap(&free_ranges, 0x70000000, 0x1000));
    assert_false(boot_ranges_overlap(&free_ranges, 0x40000000, 0x201000));
    assert_false(boot_ranges_overlap(&free_ranges, KERNEL_AT, 0x1f6dfc0));
    assert_true(boot_ranges_contain(&free_ranges, 0x40201000, KERNEL_AT - 0x40201000));
    assert_true(boot_ranges_contain(&free_ranges, 0x70001000, 0x4ffff000));
    assert_int_equal(boot_ranges_total(&free_ranges),
                     2 * GIB - 0x124000 - 0x100000 - 0x1000 - 0x201000 - 0x1f6e000 - 0x19a000);
    assert_false(boot_ranges_overlap(&b.ram, 0x50000000, 0x124000));
}

static void banks_are_sorted_and_merged(void **state)
{
    fdt64_t reg[8] = {
        cpu_to_fdt64(0x140000000), cpu_to_fdt64(0x40000000), cpu_to_fdt64(0x40000000), cpu_to_fdt64(0x40000000),
        cpu_to_fdt64(0x80000000), cpu_to_fdt64(0x10000000), cpu_to_fdt64(0x200000800), cpu_to_fdt64(0x10000),
    };
    struct bootinfo b;

    (void)state;
    fdt_setprop(tree, node("/memory@40000000"), "reg", reg, sizeof(reg));
    b = parse();
    assert_int_equal(b.ram.count, 3);
    assert_int_equal(boot_ranges_at(&b.ram, 0).start, 0x40000000);
    assert_int_equal(boot_ranges_at(&b.ram, 0).size, 0x50000000);
    assert_int_equal(boot_ranges_at(&b.ram, 1).start, 0x140000000);
    assert_int_equal(boot_ranges_at(&b.ram, 2).start, 0x200001000);
    assert_int_equal(boot_ranges_at(&b.ram, 2).size, 0xf000);
}

/* --- Missing and wrong things are told --- */

static void expect_refusal(int err, const char *words)
{
    struct bootinfo b;

    printed[0] = 0;
    assert_int_equal(bootinfo_parse(tree, &b), err);
    if (!strstr(printed, words))
        print_error("printed: %s\n", printed);
    assert_non_null(strstr(printed, words));
}

static void missing_kernel_is_told_with_the_console_found(void **state)
{
    struct bootinfo b;

    (void)state;
    load("gic-version=3");
    assert_int_equal(bootinfo_parse(tree, &b), -ENOENT);
    assert_non_null(strstr(printed, "no dom0 kernel"));
    assert_string_equal(b.uart.driver->name, "pl011");
}

static void module_outside_ram_is_told(void **state)
{
    (void)state;
    load("gic-version=3");
    add_module("module@1", "multiboot,kernel", 0x1000000000, 0x2000, NULL);
    expect_refusal(-EINVAL, "kernel module");
}

static void overlapping_modules_are_told(void **state)
{
    (void)state;
    load("gic-version=3");
    add_module("module@1", "multiboot,kernel", KERNEL_AT, 0x20000, NULL);
    add_module("module@2", "multiboot,ramdisk", KERNEL_AT + 0x10000, 0x20000, NULL);
    expect_refusal(-EINVAL, "overlap");
}

static void no_tree_no_memory_no_cpus_no_timer_are_told(void **state)
{
    struct bootinfo b;

    (void)state;
    assert_int_equal(bootinfo_parse(NULL, &b), -EINVAL);
    memset(tree, 0, 4096);
    expect_refusal(-EINVAL, "device tree is damaged or missing");
    load_whole("gic-version=3");
    fdt_del_node(tree, node("/memory@40000000"));
    expect_refusal(-ENODEV, "memory");
    load_whole("gic-version=3");
    fdt_del_node(tree, node("/cpus"));
    expect_refusal(-ENODEV, "CPU");
    load_whole("gic-version=3");
    fdt_del_node(tree, node("/timer"));
    expect_refusal(-ENODEV, "timer");
}

static void cpus_that_do_not_start_by_psci_are_told(void **state)
{
    struct bootinfo b;

    (void)state;
    fdt_setprop_string(tree, node("/cpus/cpu@2"), "enable-method", "spin-table");
    b = parse();
    assert_int_equal(b.cpu_count, 3);
    assert_non_null(strstr(printed, "cpu@2"));
}

static void psci_0_1_brings_its_own_numbers(void **state)
{
    struct bootinfo b;

    (void)state;
    fdt_setprop_string(tree, node("/psci"), "compatible", "arm,psci");
    fdt_setprop_u32(tree, node("/psci"), "cpu_on", 0x12345678);
    fdt_setprop_string(tree, node("/psci"), "method", "hvc");
    b = parse();
    assert_true(b.psci.present && b.psci.hvc && b.psci.is_0_1);
    assert_int_equal(b.psci.cpu_on, 0x12345678);
}

/* Each name that the driver takes is one that interrupts are found by. */
static void a_gic_of_any_known_name_gets_the_interrupts(void **state)
{
    static const char *const names[] = { "arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", "qcom,msm-qgic2" };
    static struct dt_walk walk;
    struct dt_irq irq;
    struct dt dt;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        load("gic-version=2");
        fdt_setprop_string(tree, node("/intc@8000000"), "compatible", names[i]);
        assert_null(dt_open(&dt, tree));
        assert_int_equal(dt_gic_version(dt_walk_to(&walk, &dt, node("/intc@8000000"))), 2);
        assert_int_equal(dt_irq(&dt, dt_walk_to(&walk, &dt, node("/pl011@9000000")), 0, &irq), 0);
        assert_int_equal(irq.intid, 33);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(machine_is_found, setup),
        cmocka_unit_test_setup(console_is_stdout_path, setup),
        cmocka_unit_test_setup(dtuart_takes_aliases_and_options, setup),
        cmocka_unit_test_setup(a_uart_says_how_its_registers_stand, setup),
        cmocka_unit_test_setup(modules_are_found_and_reserved, setup),
        cmocka_unit_test_setup(modules_of_unknown_kind_are_kernel_then_ramdisk, setup),
        cmocka_unit_test_setup(old_names_and_own_cells_of_modules_are_understood, setup),
        cmocka_unit_test_setup(command_lines_follow_xens_rules, setup),
        cmocka_unit_test_setup(reserved_memory_is_not_free, setup),
        cmocka_unit_test_setup(banks_are_sorted_and_merged, setup),
        cmocka_unit_test_setup(missing_kernel_is_told_with_the_console_found, setup),
        cmocka_unit_test_setup(module_outside_ram_is_told, setup),
        cmocka_unit_test_setup(overlapping_modules_are_told, setup),
        cmocka_unit_test_setup(no_tree_no_memory_no_cpus_no_timer_are_told, setup),
        cmocka_unit_test_setup(cpus_that_do_not_start_by_psci_are_told, setup),
        cmocka_unit_test_setup(psci_0_1_brings_its_own_numbers, setup),
        cmocka_unit_test_setup(a_gic_of_any_known_name_gets_the_interrupts, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
