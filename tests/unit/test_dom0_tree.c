// SPDX-License-Identifier: Apache-2.0
/* sources: lib/devicetree.c hypervisor/boot/bootinfo.c hypervisor/boot/ranges.c lib/ranges.c */
/* sources: hypervisor/boot/dom0/dom0_dt.c hypervisor/dev/uart.c */
/*
 * dom0's device tree has what dom0 may see of the machine's, and of those in every damaged form; no byte of them makes
 * the reader leave the blob.
 */
#include "device_trees.h"

#define FUZZ_SEEDS 3000

static uint8_t out[1 << 18];

/* Told to the visitor. */
static struct {
    struct boot_range mmio[256], memory[16];
    struct { unsigned irq; bool edge; char device[32]; } irqs[256];
    unsigned mmio_count, memory_count, irq_count;
    int answer;
} seen;

static int see_mmio(void *context, uint64_t start, uint64_t size)
{
    (void)context;
    assert_int_equal(start & ~PAGE_MASK, 0);
    assert_int_equal(size & ~PAGE_MASK, 0);
    seen.mmio[seen.mmio_count++ % 256] = (struct boot_range){ start, size };
    return seen.answer;
}

static int see_memory(void *context, uint64_t start, uint64_t size)
{
    (void)context;
    seen.memory[seen.memory_count++ % 16] = (struct boot_range){ start, size };
    return seen.answer;
}

static int see_irq(void *context, unsigned irq, bool edge, const char *device)
{
    (void)context;
    assert_in_range(irq, 32, 1019);
    for (unsigned i = 0; i < seen.irq_count && i < 256; i++)
        assert_int_not_equal(seen.irqs[i].irq, irq);
    seen.irqs[seen.irq_count % 256].irq = irq;
    snprintf(seen.irqs[seen.irq_count % 256].device, sizeof(seen.irqs[0].device), "%s", device);
    seen.irqs[seen.irq_count++ % 256].edge = edge;
    return seen.answer;
}

/* Of devices that are set aside. */
static struct boot_range allowed_mmio;
static unsigned allowed_irq;
static char allowed_device[32];

static int see_allowed_mmio(void *context, uint64_t start, uint64_t size)
{
    (void)context;
    allowed_mmio = (struct boot_range){ start, size };
    return 0;
}

static int see_allowed_irq(void *context, unsigned irq, bool edge, const char *device)
{
    (void)context;
    (void)edge;
    allowed_irq = irq;
    snprintf(allowed_device, sizeof(allowed_device), "%s", device);
    return 0;
}

static struct { unsigned segment; uint32_t rid, mask, device, count; } functions[8];
static unsigned functions_count, messages_first, messages_count;
static int messages_answer;

static int see_functions(void *context, unsigned segment, uint32_t rid, uint32_t mask, uint32_t device, uint32_t count)
{
    (void)context;
    functions[functions_count++ % 8] = (typeof(functions[0])){ segment, rid, mask, device, count };
    return 0;
}

static int see_messages(void *context, unsigned first, unsigned count)
{
    (void)context;
    for (unsigned i = 0; i < seen.irq_count; i++)
        assert_false(seen.irqs[i].irq >= first && seen.irqs[i].irq < first + count);
    messages_first = first;
    messages_count = count;
    return messages_answer;
}

static const struct dom0_device_visitor visitor = {
    see_mmio, see_memory, see_irq, see_allowed_mmio, see_allowed_irq, see_functions, see_messages,
};

static bool mmio_was_seen(uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < seen.mmio_count; i++)
        if (seen.mmio[i].start <= start && start + size <= seen.mmio[i].start + seen.mmio[i].size)
            return true;
    return false;
}

/* device: the name of its node */
static bool irq_was_seen(unsigned irq, bool edge, const char *device)
{
    for (unsigned i = 0; i < seen.irq_count; i++)
        if (seen.irqs[i].irq == irq && seen.irqs[i].edge == edge)
            return !strcmp(seen.irqs[i].device, device);
    return false;
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    functions_count = messages_count = 0;
    messages_answer = 0;
    return begin_with_a_tree();
}

static const struct gic_info gicv3 = {
    .version = 3, .distributor = 0x8000000, .distributor_size = 0x10000,
    .redistributors = { { 0x80a0000, 0xf60000 } }, .redistributor_regions = 1,
};
static const struct gic_info gicv2 = {
    .version = 2,
    .distributor = 0x8000000,
    .distributor_size = 0x10000,
    .cpu_interface = 0x8010000,
    .cpu_interface_size = 0x10000,
};
static const struct boot_range banks[] = { { 0x60000000, 0x20000000 }, { 0xa0000000, 0x10000000 } };
static const struct boot_range extended[] = { { 0x80000000, 0x20000000 } };
static const uint64_t mpidrs[] = { 0, 1, 0x100 };

static int build_into(const struct gic_info *gic, const char *uart, void *to, size_t size)
{
    const struct dom0_dt_params p = {
        .memory = banks, .memory_count = 2, .bootargs = "console=hvc0 quiet", .ramdisk = { 0x68200000, 0x199eb1 },
        .mpidrs = mpidrs, .vcpus = 3, .gic = gic, .grant_table = { 0x40200000, 0x40000 },
        .extended = extended, .extended_count = 1, .event_irq = 31, .uart_path = uart, .visitor = &visitor,
    };

    return dom0_dt_build(tree, &p, to, size);
}

static void build(const struct gic_info *gic, const char *uart)
{
    int length = build_into(gic, uart, out, sizeof(out));

    if (length < 0)
        print_error("%s\n", printed);
    assert_true(length > 0);
    assert_int_equal(fdt_check_full(out, (size_t)length), 0);
}

static void assert_text(const char *path, const char *name, const char *value)
{
    const char *text = fdt_getprop(out, fdt_path_offset(out, path), name, NULL);

    assert_non_null(text);
    assert_string_equal(text, value);
}

static void assert_cells(const char *path, const char *name, unsigned n, const uint32_t *values)
{
    int size;
    const fdt32_t *cells = fdt_getprop(out, fdt_path_offset(out, path), name, &size);

    assert_non_null(cells);
    assert_int_equal(size, n * 4);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(fdt32_to_cpu(cells[i]), values[i]);
}

#define CELLS(...) (sizeof((uint32_t[]){ __VA_ARGS__ }) / 4), (const uint32_t[]){ __VA_ARGS__ }

/* --- dom0's tree --- */

static void dom0_does_not_see_what_is_the_hypervisors(void **state)
{
    static const char *const hidden[] = {
        "/pl011@9000000", "/memory@40000000",          "/pmu",        "/intc@8000000",
        "/cpus/cpu-map",  "/chosen/module@0x4c000000", "/cpus/cpu@3",
    };

    (void)state;
    build(&gicv3, "/pl011@9000000");
    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
        assert_true(fdt_path_offset(out, hidden[i]) < 0);
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/chosen"), "stdout-path", NULL));
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-map", NULL));
    assert_true(fdt_node_offset_by_compatible(out, -1, "arm,gic-v3-its") < 0);
}

static void dom0_keeps_the_uart_nobody_took(void **state)
{
    (void)state;
    build(&gicv3, NULL);
    assert_text("/chosen", "stdout-path", "/pl011@9000000");
    assert_true(irq_was_seen(33, false, "pl011@9000000"));
    assert_true(mmio_was_seen(0x9000000, 0x1000));
}

static void dom0_boots_by_what_the_hypervisor_gives(void **state)
{
    (void)state;
    build(&gicv3, "/pl011@9000000");
    assert_text("/chosen", "bootargs", "console=hvc0 quiet");
    assert_cells("/chosen", "linux,initrd-start", CELLS(0, 0x68200000));
    assert_cells("/chosen", "linux,initrd-end", CELLS(0, 0x68200000 + 0x199eb1));
    assert_cells("/memory@60000000", "reg", CELLS(0, 0x60000000, 0, 0x20000000, 0, 0xa0000000, 0, 0x10000000));
    assert_cells("/hypervisor", "reg", CELLS(0, 0x40200000, 0, 0x40000, 0, 0x80000000, 0, 0x20000000));
    assert_cells("/hypervisor", "interrupts", CELLS(1, 15, 8));
    assert_text("/hypervisor", "compatible", "xen,xen-4.17");
    assert_text("/psci", "method", "hvc");
    assert_text("/cpus/cpu@100", "enable-method", "psci");
    assert_text("/cpus/cpu@100", "compatible", "arm,cortex-a57");
    assert_cells("/cpus/cpu@100", "reg", CELLS(0x100));
    assert_cells("/timer", "interrupts", CELLS(1, 13, 8, 1, 14, 8, 1, 11, 8));
    assert_string_equal(printed, "");
}

static void gicv3_stands_where_the_machines_does(void **state)
{
    uint32_t phandle = fdt_get_phandle(tree, node("/intc@8000000"));

    (void)state;
    build(&gicv3, "/pl011@9000000");
    assert_text("/interrupt-controller@8000000", "compatible", "arm,gic-v3");
    assert_cells("/interrupt-controller@8000000", "reg", CELLS(0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000));
    assert_cells("/interrupt-controller@8000000", "phandle", CELLS(phandle));
    assert_cells("/", "interrupt-parent", CELLS(phandle));
}

static void gicv2_stands_where_the_machines_does(void **state)
{
    (void)state;
    load_whole("gic-version=2");
    build(&gicv2, "/pl011@9000000");
    assert_text("/interrupt-controller@8000000", "compatible", "arm,cortex-a15-gic");
    assert_cells("/interrupt-controller@8000000", "reg", CELLS(0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0x10000));
    assert_cells("/timer", "interrupts", CELLS(1, 13, 0xff08, 1, 14, 0xff08, 1, 11, 0xff08));
    assert_true(fdt_node_offset_by_compatible(out, -1, "arm,gic-v2m-frame") < 0);
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-map", NULL));
}

/* A GICv2m is dom0's, with its interrupts: devices find it by its phandle. */
static void message_frames_are_dom0s(void **state)
{
    uint32_t phandle;
    struct gic_info gic = gicv2;

    (void)state;
    load_whole("gic-version=2");
    phandle = fdt_get_phandle(tree, node("/intc@8000000/v2m@8020000"));
    gic.message_frames[0] = (struct gic_message_frame){ 0x8020000, 0x1000, 80, 4, phandle };
    gic.message_frame_count = 1;
    build(&gic, "/pl011@9000000");
    assert_int_equal(fdt_get_phandle(out, fdt_path_offset(out, "/interrupt-controller@8000000/v2m@8020000")), phandle);
    assert_cells("/interrupt-controller@8000000/v2m@8020000", "reg", CELLS(0, 0x8020000, 0, 0x1000));
    assert_cells("/interrupt-controller@8000000/v2m@8020000", "arm,msi-base-spi", CELLS(80));
    assert_cells("/interrupt-controller@8000000/v2m@8020000", "arm,msi-num-spis", CELLS(4));
    assert_text("/interrupt-controller@8000000", "ranges", "");
    assert_true(mmio_was_seen(0x8020000, 0x1000));
    for (unsigned i = 80; i < 84; i++)
        assert_true(irq_was_seen(i, true, "v2m"));
    assert_false(irq_was_seen(84, true, "v2m"));
    assert_non_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-map", NULL));
}

/* The GICv3 with the tree's ITS. */
static struct gic_info with_its(void)
{
    struct gic_info gic = gicv3;

    gic.nr_irqs = 288;
    gic.its.base = 0x8080000;
    gic.its.size = 0x20000;
    gic.its.phandle = fdt_get_phandle(tree, fdt_node_offset_by_compatible(tree, -1, "arm,gic-v3-its"));
    return gic;
}

/* dom0's devices write to the ITS what they would write to a GICv3 that takes messages. */
static void messages_go_to_the_its_as_if_it_were_the_gic(void **state)
{
    struct gic_info gic = with_its();
    uint32_t phandle = fdt_get_phandle(tree, node("/intc@8000000"));

    (void)state;
    build(&gic, "/pl011@9000000");
    assert_int_equal(functions_count, 1);
    assert_int_equal(functions[0].segment, 0);
    assert_int_equal(functions[0].rid, 0);
    assert_int_equal(functions[0].device, 0);
    assert_int_equal(functions[0].count, 0x10000);
    assert_true(messages_count >= 128 && messages_first >= 32 && messages_first + messages_count <= 288);
    assert_cells("/interrupt-controller@8000000", "mbi-ranges", CELLS(messages_first, messages_count));
    assert_cells("/interrupt-controller@8000000", "mbi-alias", CELLS(0, 0x8090000));
    assert_text("/interrupt-controller@8000000", "msi-controller", "");
    assert_cells("/pcie@10000000", "msi-parent", CELLS(phandle));
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-map", NULL));
    assert_true(fdt_node_offset_by_compatible(out, -1, "arm,gic-v3-its") < 0);
    assert_false(mmio_was_seen(0x8080000, 0x20000));
    assert_string_equal(printed, "");
}

static void functions_are_told_as_the_map_has_them(void **state)
{
    struct gic_info gic = with_its();
    fdt32_t map[8], segment = cpu_to_fdt32(3), mask = cpu_to_fdt32(0xfff8);
    const uint32_t lines[8] = { 0x100, gic.its.phandle, 0x40, 0x80, 0x200, 0x7777, 0, 0x100 };

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        map[i] = cpu_to_fdt32(lines[i]);
    assert_int_equal(fdt_setprop(tree, node("/pcie@10000000"), "msi-map", map, sizeof(map)), 0);
    assert_int_equal(fdt_setprop(tree, node("/pcie@10000000"), "msi-map-mask", &mask, 4), 0);
    assert_int_equal(fdt_setprop(tree, node("/pcie@10000000"), "linux,pci-domain", &segment, 4), 0);
    build(&gic, NULL);
    assert_int_equal(functions_count, 1);   /* the other line is another controller's */
    assert_int_equal(functions[0].segment, 3);
    assert_int_equal(functions[0].rid, 0x100);
    assert_int_equal(functions[0].mask, 0xfff8);
    assert_int_equal(functions[0].device, 0x40);
    assert_int_equal(functions[0].count, 0x80);
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-map-mask", NULL));
}

static void a_host_bridge_without_a_map_has_its_functions_as_devices(void **state)
{
    struct gic_info gic = with_its();

    (void)state;
    fdt_delprop(tree, node("/pcie@10000000"), "msi-map");
    fdt_setprop_u32(tree, node("/pcie@10000000"), "msi-parent", gic.its.phandle);
    build(&gic, NULL);
    assert_int_equal(functions_count, 1);
    assert_int_equal(functions[0].count, 0x10000);
    assert_true(messages_count > 0);
}

static void another_controllers_messages_are_nobodys(void **state)
{
    struct gic_info gic = with_its();

    (void)state;
    gic.its.phandle++;
    build(&gic, NULL);
    assert_int_equal(functions_count, 0);
    assert_int_equal(messages_count, 0);
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/pcie@10000000"), "msi-parent", NULL));
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/interrupt-controller@8000000"), "msi-controller", NULL));
}

static void without_interrupts_to_spare_there_are_no_messages(void **state)
{
    struct gic_info gic = with_its();

    (void)state;
    gic.nr_irqs = 64;
    build(&gic, NULL);
    assert_int_equal(messages_count, 0);
    assert_non_null(strstr(printed, "have no message interrupts"));
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/interrupt-controller@8000000"), "mbi-ranges", NULL));

    printed[0] = 0;
    memset(&seen, 0, sizeof(seen));
    gic.nr_irqs = 288;
    messages_answer = -EIO;   /* whoever drives the ITS has said why */
    build(&gic, NULL);
    assert_true(messages_count > 0);
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/interrupt-controller@8000000"), "mbi-ranges", NULL));
}

static void devices_are_visited_with_what_they_need(void **state)
{
    char device[32];

    (void)state;
    build(&gicv3, "/pl011@9000000");
    assert_true(mmio_was_seen(0xa000000, 0x4000));          /* virtio-mmio */
    assert_true(mmio_was_seen(0x9010000, 0x1000));          /* PL031 */
    assert_true(mmio_was_seen(0x9020000, 0x1000));          /* fw_cfg */
    assert_true(mmio_was_seen(0x9030000, 0x1000));          /* PL061 */
    assert_true(mmio_was_seen(0x4010000000, 0x10000000));   /* PCIe: configuration, I/O, memory */
    assert_true(mmio_was_seen(0x3eff0000, 0x10000));
    assert_true(mmio_was_seen(0x10000000, 0x2eff0000));
    assert_true(mmio_was_seen(0x8000000000, 0x8000000000));
    assert_false(mmio_was_seen(0x9000000, 0x1000));
    assert_false(mmio_was_seen(0x8000000, 0x1000));
    for (unsigned i = 0; i < 32; i++) {
        snprintf(device, sizeof(device), "virtio_mmio@%x", 0xa000000 + i * 0x200);
        assert_true(irq_was_seen(48 + i, true, device));
    }
    for (unsigned i = 35; i < 39; i++)
        assert_true(irq_was_seen(i, false, "pcie@10000000"));                /* interrupt-map */
    assert_true(irq_was_seen(34, false, "pl031@9010000"));
    assert_int_equal(seen.irq_count, 32 + 4 + 2);
}

static void disabled_devices_are_copied_but_not_visited(void **state)
{
    (void)state;
    fdt_setprop_string(tree, node("/pl031@9010000"), "status", "disabled");
    build(&gicv3, "/pl011@9000000");
    assert_true(fdt_path_offset(out, "/pl031@9010000") >= 0);
    assert_false(mmio_was_seen(0x9010000, 0x1000));
    assert_false(irq_was_seen(34, false, "pl031@9010000"));
}

static void addresses_below_a_bus_are_translated(void **state)
{
    fdt32_t reg[2] = { cpu_to_fdt32(0x3000), cpu_to_fdt32(0x10) };
    fdt32_t extended_irq[8] = {
        cpu_to_fdt32(fdt_get_phandle(tree, node("/pl061@9030000"))), cpu_to_fdt32(1), cpu_to_fdt32(2),
        cpu_to_fdt32(fdt_get_phandle(tree, node("/intc@8000000"))), cpu_to_fdt32(0), cpu_to_fdt32(200), cpu_to_fdt32(1),
    };

    (void)state;
    fdt_setprop_u32(tree, node("/pl061@9030000"), "#interrupt-cells", 2);
    add_node("/platform-bus@c000000", "thing@3000");
    fdt_setprop(tree, node("/platform-bus@c000000/thing@3000"), "reg", reg, sizeof(reg));
    fdt_setprop(tree, node("/platform-bus@c000000/thing@3000"), "interrupts-extended", extended_irq, 28);
    build(&gicv3, "/pl011@9000000");
    assert_true(mmio_was_seen(0xc003000, 0x10));
    assert_true(irq_was_seen(232, true, "thing@3000"));
}

static void a_device_set_aside_is_dom0s_to_give_not_to_use(void **state)
{
    (void)state;
    fdt_setprop(tree, node("/pl031@9010000"), "xen,passthrough", NULL, 0);
    build(&gicv3, "/pl011@9000000");
    assert_true(fdt_path_offset(out, "/pl031@9010000") < 0);
    assert_false(irq_was_seen(34, false, "pl031@9010000"));
    assert_int_equal(allowed_mmio.start, 0x9010000);
    assert_int_equal(allowed_mmio.size, 0x1000);
    assert_int_equal(allowed_irq, 34);
    assert_string_equal(allowed_device, "pl031@9010000");
}

static void reserved_memory_reaches_dom0(void **state)
{
    (void)state;
    add_reserved("firmware@50000000", 0x50000000, 0x1000, true);
    add_reserved("pool@50200000", 0x50200000, 0x100000, false);
    build(&gicv3, "/pl011@9000000");
    assert_int_equal(seen.memory_count, 2);
    assert_cells("/memory@60000000", "reg",
                 CELLS(0, 0x60000000, 0, 0x20000000, 0, 0xa0000000, 0, 0x10000000, 0, 0x50200000, 0, 0x100000));
    assert_true(fdt_path_offset(out, "/reserved-memory/firmware@50000000") >= 0);
}

static void aliases_of_the_uart_go(void **state)
{
    int aliases = add_node("/", "aliases");

    (void)state;
    fdt_setprop_string(tree, aliases, "serial0", "/pl011@9000000");
    fdt_setprop_string(tree, aliases, "rtc0", "/pl031@9010000");
    fdt_setprop_string(tree, node("/chosen"), "stdout-path", "serial0:115200");
    build(&gicv3, "/pl011@9000000");
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/aliases"), "serial0", NULL));
    assert_text("/aliases", "rtc0", "/pl031@9010000");
    assert_null(fdt_getprop(out, fdt_path_offset(out, "/chosen"), "stdout-path", NULL));
}

static void refused_devices_are_told_and_lack_of_memory_ends(void **state)
{
    (void)state;
    seen.answer = -EBUSY;
    build(&gicv3, "/pl011@9000000");
    assert_non_null(strstr(printed, "cannot be given to dom0"));
    memset(&seen, 0, sizeof(seen));
    seen.answer = -ENOMEM;
    assert_int_equal(build_into(&gicv3, NULL, out, sizeof(out)), -ENOMEM);
}

static void every_size_of_room_is_enough_or_refused(void **state)
{
    int length = build_into(&gicv3, NULL, out, sizeof(out));

    (void)state;
    for (int size = 0; size < length + 64; size += 37) {
        uint8_t *room = malloc((size_t)size + 1);
        int result;

        memset(&seen, 0, sizeof(seen));
        printed[0] = 0;
        result = build_into(&gicv3, NULL, room, (size_t)size);
        assert_true(result == length || result == -ENOSPC);
        assert_true(result == length ? size >= length : strstr(printed, "does not fit") != NULL);
        free(room);
    }
}

/* --- Damage --- */

static uint32_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static void damage(size_t length)
{
    unsigned n = 1 + next_random() % 8;

    while (n--) {
        size_t at = next_random() % 4 ? 40 + next_random() % (length - 40) : next_random() % length;

        switch (next_random() % 4) {
        case 0: tree[at] ^= (uint8_t)(1u << next_random() % 8); break;
        case 1: tree[at] = (uint8_t)next_random(); break;
        case 2: tree[at] = 0xff; break;
        default: tree[at & ~(size_t)3] = tree[at | 3] = 0; break;
        }
    }
}

static void fuzz(const char *machine, const struct gic_info *gic)
{
    static uint8_t whole[1 << 16];
    size_t length;
    unsigned parsed = 0, built = 0;

    load_whole(machine);
    add_reserved("firmware@50000000", 0x50000000, 0x1000, true);
    assert_int_equal(fdt_pack(tree), 0);
    length = fdt_totalsize(tree);
    assert_in_range(length, 1000, sizeof(whole));
    memcpy(whole, tree, length);
    for (uint32_t seed = 1; seed <= FUZZ_SEEDS; seed++) {
        struct bootinfo b;

        random_state = seed;
        memcpy(tree, whole, length);
        damage(length);
        printed[0] = 0;
        memset(&seen, 0, sizeof(seen));
        if (!bootinfo_parse(tree, &b))
            parsed++;
        else
            assert_int_not_equal(printed[0], 0);
        if (build_into(gic, "/pl011@9000000", out, sizeof(out)) > 0) {
            built++;
            assert_int_equal(fdt_check_full(out, fdt_totalsize(out)), 0);
        }
    }
    print_message("%s: of %u damaged trees %u could be used, %u gave a tree for dom0\n", machine, FUZZ_SEEDS, parsed,
                  built);
    assert_in_range(parsed, 1, FUZZ_SEEDS - 1);
    assert_in_range(built, 1, FUZZ_SEEDS - 1);
}

static void damaged_trees_are_survived(void **state)
{
    (void)state;
    fuzz("gic-version=3", &gicv3);
    fuzz("gic-version=2", &gicv2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dom0_does_not_see_what_is_the_hypervisors, setup),
        cmocka_unit_test_setup(dom0_keeps_the_uart_nobody_took, setup),
        cmocka_unit_test_setup(dom0_boots_by_what_the_hypervisor_gives, setup),
        cmocka_unit_test_setup(gicv3_stands_where_the_machines_does, setup),
        cmocka_unit_test_setup(gicv2_stands_where_the_machines_does, setup),
        cmocka_unit_test_setup(message_frames_are_dom0s, setup),
        cmocka_unit_test_setup(messages_go_to_the_its_as_if_it_were_the_gic, setup),
        cmocka_unit_test_setup(functions_are_told_as_the_map_has_them, setup),
        cmocka_unit_test_setup(a_host_bridge_without_a_map_has_its_functions_as_devices, setup),
        cmocka_unit_test_setup(another_controllers_messages_are_nobodys, setup),
        cmocka_unit_test_setup(without_interrupts_to_spare_there_are_no_messages, setup),
        cmocka_unit_test_setup(devices_are_visited_with_what_they_need, setup),
        cmocka_unit_test_setup(disabled_devices_are_copied_but_not_visited, setup),
        cmocka_unit_test_setup(addresses_below_a_bus_are_translated, setup),
        cmocka_unit_test_setup(a_device_set_aside_is_dom0s_to_give_not_to_use, setup),
        cmocka_unit_test_setup(reserved_memory_reaches_dom0, setup),
        cmocka_unit_test_setup(aliases_of_the_uart_go, setup),
        cmocka_unit_test_setup(refused_devices_are_told_and_lack_of_memory_ends, setup),
        cmocka_unit_test_setup(every_size_of_room_is_enough_or_refused, setup),
        cmocka_unit_test_setup(damaged_trees_are_survived, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
