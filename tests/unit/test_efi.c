// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/boot/efi/start.c hypervisor/boot/efi/ram.c hypervisor/boot/efi/words.c */
/* sources: hypervisor/boot/efi/tree.c hypervisor/boot/efi/services.c hypervisor/boot/efi/given.c */
/* sources: hypervisor/boot/efi/files.c hypervisor/boot/efi/config.c hypervisor/boot/ranges.c lib/ranges.c */
/*
 * The way in from UEFI: the memory map, the command line and the device tree as firmware may give them, and the stub's
 * whole way on a firmware that does what each test says.
 */
#include "tests/unit/efi_firmware.h"

#include "boot/efi/ram.h"
#include "boot/efi/tree.h"
#include "boot/efi/words.h"
#include "lib/errno.h"

/* --- The memory map --- */

static struct range pieces[EFI_RAM_PIECES];
static struct boot_ranges ram;
static uint64_t lost;

static int read_map(void)
{
    int err = efi_ram_read(map, described * DESCRIPTOR, DESCRIPTOR, pieces, &ram, &lost);

    described = 0;
    return err;
}

static void assert_range(unsigned i, uint64_t start, uint64_t end)
{
    assert_true(i < ram.count);
    assert_int_equal(ram.room[i].first, start);
    assert_int_equal(ram.room[i].last, end - 1);
}

static void pieces_of_ram_are_merged_in_any_order(void **state)
{
    (void)state;
    describe(EFI_CONVENTIONAL_MEMORY, 0x40003000, 5);
    describe(RUNTIME, 0x40008000, 1);
    describe(EFI_LOADER_CODE, 0x40000000, 1);
    describe(EFI_BOOT_SERVICES_DATA, 0x40002000, 1);
    describe(EFI_LOADER_DATA, 0x40001000, 1);
    describe(EFI_BOOT_SERVICES_CODE, 0x40009000, 7);
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, 2);
    assert_range(0, 0x40000000, 0x40008000);
    assert_range(1, 0x40009000, 0x40010000);
    assert_int_equal(lost, 0);
}

static void memory_that_is_not_ours_is_left_out(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 20; type++)
        describe(type, 0x40000000 + type * 0x10000, 1);
    describe_as(EFI_CONVENTIONAL_MEMORY, 0x50000000, 16, 1);   /* uncached only */
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, 5);
    for (unsigned i = 0; i < 4; i++)
        assert_range(i, 0x40010000 + i * 0x10000, 0x40011000 + i * 0x10000);
    assert_range(4, 0x40070000, 0x40071000);
}

static void where_descriptors_overlap_memory_is_not_ours(void **state)
{
    (void)state;
    describe(RESERVED, 0x40004000, 2);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, 16);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40003000, 4);
    describe(RUNTIME, 0x4000f800, 1);   /* parts of pages are whole pages that are not ours */
    describe(EFI_CONVENTIONAL_MEMORY, 0x4000c000, 8);
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, 3);
    assert_range(0, 0x40000000, 0x40004000);
    assert_range(1, 0x40006000, 0x4000f000);
    assert_range(2, 0x40011000, 0x40014000);
}

static void ranges_without_sense_are_no_ram(void **state)
{
    (void)state;
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, 0);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, UINT64_MAX);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, BIT(52));
    describe(EFI_CONVENTIONAL_MEMORY, BIT(48) - 0x1000, 2);
    describe(EFI_CONVENTIONAL_MEMORY, BIT(48), 1);
    describe(EFI_CONVENTIONAL_MEMORY, UINT64_MAX - 0xfff, 1);
    describe(EFI_CONVENTIONAL_MEMORY, UINT64_MAX, 2);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000800, 1);
    assert_int_equal(read_map(), -ENOENT);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, 16);
    describe(RESERVED, 0, 0);
    describe(RESERVED, UINT64_MAX, UINT64_MAX);
    describe(RESERVED, BIT(48), 4);
    describe(EFI_CONVENTIONAL_MEMORY, BIT(48) - 0x1000, 1);
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, 2);
    assert_range(1, BIT(48) - 0x1000, BIT(48));
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, 16);
    describe(RESERVED, 0x40004000, UINT64_MAX);   /* ... to the end of everything */
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, 1);
    assert_range(0, 0x40000000, 0x40004000);
}

static void descriptors_that_are_none_are_refused(void **state)
{
    static const uint64_t sizes[] = { 0, 1, sizeof(struct efi_memory) - 1, PAGE_SIZE + 1, UINT64_MAX };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
        assert_int_equal(efi_ram_read(map, 4096, sizes[i], pieces, &ram, &lost), -EINVAL);
    assert_int_equal(efi_ram_read(map, DESCRIPTOR - 1, DESCRIPTOR, pieces, &ram, &lost), -EINVAL);
    assert_int_equal(efi_ram_read(map, 0, DESCRIPTOR, pieces, &ram, &lost), -EINVAL);
    describe(RESERVED, 0x40000000, 1);
    assert_int_equal(read_map(), -ENOENT);
}

static void of_too_many_pieces_the_largest_are_taken(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MOST; i++)
        describe(EFI_CONVENTIONAL_MEMORY, 0x40000000 + (uint64_t)(i * 7 % MOST) * 0x100000, 1 + i * 7 % MOST % 200);
    assert_int_equal(read_map(), 0);
    assert_int_equal(ram.count, EFI_RAM_RANGES);
    for (unsigned i = 0; i < ram.count; i++)
        assert_true(ram.room[i].last - ram.room[i].first + 1 >= 190 * PAGE_SIZE);
    assert_int_equal(lost + boot_ranges_total(&ram), MOST / 200 * (200 * 201 / 2) * PAGE_SIZE);
}

#define UNITS 300u

/* Byte by byte: a page is ours if a descriptor says so, and none says otherwise. */
static void any_map_is_read_as_a_bitmap_would(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 400; seed++) {
        bool yes[UNITS] = { false }, no[UNITS] = { false };
        uint64_t total = 0;

        srand(seed);
        for (unsigned n = 1 + (unsigned)rand() % 60; n; n--) {
            unsigned start = (unsigned)rand() % UNITS, pages = (unsigned)rand() % 20, type = (unsigned)rand() % 8;

            if (start + pages > UNITS)
                pages = UNITS - start;
            describe(type, start * PAGE_SIZE, pages);
            memset((type && type != 5 && type != 6 ? yes : no) + start, true, pages);
        }
        (void)read_map();
        for (unsigned i = 0; i < UNITS; i++) {
            assert_int_equal(boot_ranges_contain(&ram, i * PAGE_SIZE, PAGE_SIZE), yes[i] && !no[i]);
            total += (yes[i] && !no[i]) * PAGE_SIZE;
        }
        assert_int_equal(boot_ranges_total(&ram), total);
    }
}

/* --- The command line --- */

static const char *words_of(const char16_t *options, uint64_t size)
{
    static char out[64];
    uint8_t *exact = malloc(size ? size : 1);   /* so that a byte behind it is found */

    if (size)
        memcpy(exact, options, size);
    memset(out, 'x', sizeof(out));
    efi_words(exact, size, out, sizeof(out));
    assert_non_null(memchr(out, 0, sizeof(out)));
    free(exact);
    return out;
}

static void the_command_line_becomes_plain_text(void **state)
{
    char16_t longest[200];

    (void)state;
    assert_string_equal(words_of(u"placeholder dom0_mem=1G", 48), "placeholder dom0_mem=1G");
    assert_string_equal(words_of(u"no end", 12), "no end");
    assert_string_equal(words_of(u"odd", 5), "od");
    assert_string_equal(words_of(u"o", 1), "");
    assert_string_equal(words_of(u"", 0), "");
    assert_string_equal(words_of(u"two\0more", 16), "two");
    assert_string_equal(words_of(u"a\tb\r\nc", 12), "a b  c");
    assert_string_equal(words_of(u"\x1b\x7f\xe4\x20ac\xd83d\xde00z", 14), "??????z");
    for (unsigned i = 0; i < ARRAY_SIZE(longest); i++)
        longest[i] = u'w';
    assert_int_equal(strlen(words_of(longest, sizeof(longest))), 63);
}

static void the_programs_own_name_is_no_option(void **state)
{
    (void)state;
    assert_string_equal(words_of(u"torpor.efi dom0_mem=1G", 46), " dom0_mem=1G");
    assert_string_equal(words_of(u"\\EFI\\XEN.EFI", 26), "");
    assert_string_equal(words_of(u"a b.efi", 16), "a b.efi");
    assert_string_equal(words_of(u".efi", 10), ".efi");
}

/* --- The device tree --- */

static uint64_t ours[TREE_ROOM / 8];

/* make_tree()'s, as large as a tree may be, without a byte to spare */
static void make_full_tree(void)
{
    static uint8_t filling[DT_MAX_SIZE];
    int room;

    make_tree(2, sizeof(given));
    assert_int_equal(fdt_open_into(given, given, DT_MAX_SIZE), 0);
    room = (int)(DT_MAX_SIZE - fdt_off_dt_strings(given) - fdt_size_dt_strings(given));
    assert_int_equal(fdt_setprop(given, 0, "full", filling, (room - 17) & ~3), 0);
}

static uint64_t copy_tree(void)
{
    uint64_t room = efi_tree_room(given);

    assert_true(room >= fdt_totalsize(given) && room <= DT_MAX_SIZE);
    assert_int_equal(efi_tree_copy(given, ours, room), 0);
    return room;
}

static void two_pieces(void)
{
    ram.count = 0;
    assert_int_equal(boot_ranges_add(&ram, 0x40000000, 0x10000000), 0);
    assert_int_equal(boot_ranges_add(&ram, 0x880000000, 0x3000), 0);
}

static unsigned memory_nodes(void)
{
    unsigned n = 0;

    for (int at = -1; (at = fdt_node_offset_by_prop_value(ours, at, "device_type", "memory", 7)) >= 0;)
        n++;
    return n;
}

static void the_tree_is_completed(void **state)
{
    static const uint32_t reg[] = { 0, 0x40000000, 0, 0x10000000, 8, 0x80000000, 0, 0x3000 };
    const fdt32_t *is;
    int node, size;

    (void)state;
    make_tree(2, 4096);
    copy_tree();
    two_pieces();
    assert_int_equal(efi_tree_set_words(ours, "dom0_mem=1G"), 0);
    for (unsigned i = 0; i < 3; i++)   /* a try that ExitBootServices() refuses is followed by another */
        assert_int_equal(efi_tree_set_ram(ours, &ram), 0);
    assert_int_equal(fdt_check_full(ours, sizeof(ours)), 0);
    assert_int_equal(memory_nodes(), 1);
    node = fdt_node_offset_by_prop_value(ours, -1, "device_type", "memory", 7);
    is = fdt_getprop(ours, node, "reg", &size);
    assert_int_equal(size, sizeof(reg));
    for (unsigned i = 0; i < ARRAY_SIZE(reg); i++)
        assert_int_equal(fdt32_to_cpu(is[i]), reg[i]);
    node = fdt_path_offset(ours, "/chosen");
    assert_string_equal(fdt_getprop(ours, node, "xen,xen-bootargs", NULL), "dom0_mem=1G");
    assert_string_equal(fdt_getprop(ours, node, "bootargs", NULL), "before");
    assert_null(fdt_getprop(ours, fdt_path_offset(ours, "/clock"), "status", NULL));
}

static void without_words_the_trees_own_count(void **state)
{
    (void)state;
    make_tree(2, 4096);
    copy_tree();
    assert_int_equal(efi_tree_set_words(ours, ""), 0);
    assert_null(fdt_getprop(ours, fdt_path_offset(ours, "/chosen"), "xen,xen-bootargs", NULL));
    assert_int_equal(fdt_del_node(ours, fdt_path_offset(ours, "/chosen")), 0);
    assert_int_equal(efi_tree_set_words(ours, "sync_console"), 0);
    assert_non_null(fdt_getprop(ours, fdt_path_offset(ours, "/chosen"), "xen,xen-bootargs", NULL));
}

static void a_tree_without_room_is_told(void **state)
{
    char words[2048];

    (void)state;
    memset(words, 'w', sizeof(words));
    words[sizeof(words) - 1] = 0;
    make_full_tree();
    copy_tree();
    two_pieces();
    assert_int_equal(efi_tree_set_words(ours, words), -ENOSPC);
    assert_int_equal(efi_tree_set_ram(ours, &ram), 0);   /* in the room of what it replaces */
    for (unsigned i = 0; i < EFI_RAM_RANGES; i++)
        (void)boot_ranges_add(&ram, i * 0x10000, 0x1000);
    assert_int_equal(efi_tree_set_ram(ours, &ram), -ENOSPC);
    assert_int_equal(fdt_check_full(ours, sizeof(ours)), 0);
    make_tree(2, 4096);
    copy_tree();
    assert_int_equal(efi_tree_set_words(ours, words), 0);
    assert_int_equal(efi_tree_set_ram(ours, &ram), 0);
}

static void addresses_have_to_fit_into_the_roots_cells(void **state)
{
    (void)state;
    make_tree(1, 4096);
    copy_tree();
    two_pieces();
    assert_int_equal(efi_tree_set_ram(ours, &ram), -ERANGE);
    assert_int_equal(memory_nodes(), 2);
    assert_int_equal(boot_ranges_remove(&ram, 0x880000000, 0x3000), 0);
    assert_int_equal(efi_tree_set_ram(ours, &ram), 0);
    assert_int_equal(memory_nodes(), 1);
    make_tree(3, 4096);
    copy_tree();
    assert_int_equal(efi_tree_set_ram(ours, &ram), -ERANGE);
}

static void damaged_trees_are_refused(void **state)
{
    (void)state;
    make_tree(2, 4096);
    memmove((char *)given + 4, given, 4096);
    assert_int_equal(efi_tree_room((char *)given + 4), 0);
    make_tree(2, 4096);
    fdt_set_totalsize(given, DT_MAX_SIZE + 1);
    assert_int_equal(efi_tree_room(given), 0);
    make_tree(2, 4096);
    fdt_set_size_dt_struct(given, 0x7fffffff);
    assert_int_equal(efi_tree_room(given), 0);
    fdt_set_magic(given, 0);
    assert_int_equal(efi_tree_room(given), 0);
}

/* Whatever passes for a tree goes through all steps, and no byte outside of it is touched. */
static void any_bytes_are_survived(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 3000; seed++) {
        uint64_t room;
        unsigned size;

        make_tree(2, 4096);
        size = fdt_totalsize(given);
        srand(seed);
        for (unsigned n = 1 + (unsigned)rand() % 4; n; n--)
            ((uint8_t *)given)[(unsigned)rand() % size] = (uint8_t)rand();
        room = fdt_totalsize(given) <= sizeof(given) ? efi_tree_room(given) : 0;
        if (!room || efi_tree_copy(given, ours, room))
            continue;
        two_pieces();
        (void)efi_tree_set_words(ours, "words");
        (void)efi_tree_set_ram(ours, &ram);
    }
}

/* --- The whole way --- */

static void the_image_is_entered_with_all_that_was_told(void **state)
{
    int chosen;

    (void)state;
    assert_int_equal(start(), EFI_SUCCESS);
    assert_string_equal(fw.said, "");
    assert_int_equal((uintptr_t)fw.copy & (2 * MIB - 1), 0);
    assert_memory_equal(fw.copy, image_start, data_end - image_start);
    chosen = fdt_path_offset(fw.tree, "/chosen");
    assert_string_equal(fdt_getprop(fw.tree, chosen, "xen,xen-bootargs", NULL), "placeholder dom0_mem=1G");
    assert_int_equal(fdt_check_full(fw.tree, fdt_totalsize(fw.tree)), 0);
    assert_int_equal(fw.cleaned, 3);   /* image, tree, and the one module that is in RAM */
}

static void a_map_that_changes_is_asked_for_again(void **state)
{
    (void)state;
    fw.refusals = 2;
    assert_int_equal(start(), EFI_SUCCESS);
    assert_int_equal(fw.exits, 3);
    assert_non_null(fw.copy);
}

static void firmware_that_does_not_let_go_is_given_up(void **state)
{
    (void)state;
    fw.refusals = NEVER;
    assert_refused(EFI_INVALID_PARAMETER, "does not let go");
    assert_true(fw.exits > 1 && fw.exits < 100);
}

static void another_error_is_not_tried_again(void **state)
{
    (void)state;
    fw.refusals = NEVER;
    fw.refusal = EFI_UNSUPPORTED;
    assert_refused(EFI_UNSUPPORTED, "does not let go");
    assert_int_equal(fw.exits, 1);
}

static void below_el2_is_told(void **state)
{
    (void)state;
    fw.level = 1;
    assert_refused(EFI_UNSUPPORTED, "below EL2");
}

static void secure_boot_is_told(void **state)
{
    (void)state;
    fw.secure = true;
    assert_refused(EFI_SECURITY_VIOLATION, "Secure Boot");
}

static void acpi_alone_is_told(void **state)
{
    (void)state;
    table.configurations = 1;
    assert_refused(EFI_NOT_FOUND, "no device tree, and ACPI");
    table.configuration = NULL;
    fw.said[0] = 0;
    assert_refused(EFI_NOT_FOUND, "no device tree, and ACPI");
}

static void a_damaged_tree_is_told(void **state)
{
    (void)state;
    fdt_set_size_dt_strings(given, 0x7fffffff);
    assert_refused(EFI_LOAD_ERROR, "device tree is damaged");
}

static void a_tree_without_room_for_the_words_is_told(void **state)
{
    static char16_t words[2000];

    (void)state;
    make_full_tree();
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        words[i] = u'w';
    fw.loaded.options = words;
    fw.loaded.options_size = sizeof(words) - 1;
    assert_refused(EFI_OUT_OF_RESOURCES, "too large for what has to be added");
    assert_int_equal(fw.exits, 0);
}

static void no_memory_is_told_wherever_it_ends(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        firmware_ends(state);
        firmware_starts(state);
        fw.allocations = n;
        assert_refused(EFI_OUT_OF_RESOURCES, "no memory");
    }
}

static void a_map_without_ram_is_told(void **state)
{
    (void)state;
    describe(RESERVED, 0x40000000, 4);
    fw.map_size = DESCRIPTOR;
    described = 0;
    assert_refused(EFI_LOAD_ERROR, "has no RAM");
}

static void a_map_out_of_bounds_is_not_asked_for(void **state)
{
    (void)state;
    fw.map_size = 2 * MIB;
    assert_refused(EFI_OUT_OF_RESOURCES, "no memory");
    firmware_ends(state);
    firmware_starts(state);
    fw.no_map = true;
    assert_refused(EFI_OUT_OF_RESOURCES, "no memory");
}

static void pieces_that_are_left_out_are_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        describe(EFI_CONVENTIONAL_MEMORY, 0x40000000 + i * 0x10000, 1 + i % 3);
    fw.map_size = described * DESCRIPTOR;
    described = 0;
    assert_int_equal(start(), EFI_SUCCESS);
    assert_non_null(fw.copy);
    assert_non_null(strstr(fw.said, "too many pieces"));
}

static void neither_a_console_nor_options_are_needed(void **state)
{
    (void)state;
    table.console_out = NULL;
    fw.image_unknown = true;
    assert_int_equal(start(), EFI_SUCCESS);
    assert_non_null(fw.copy);
    assert_null(fdt_getprop(fw.tree, fdt_path_offset(fw.tree, "/chosen"), "xen,xen-bootargs", NULL));
    firmware_ends(state);
    firmware_starts(state);
    table.console_out = NULL;
    fw.level = 1;
    assert_int_equal(start(), EFI_UNSUPPORTED);
}

#define WHOLE(test) cmocka_unit_test_setup_teardown(test, firmware_starts, firmware_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_ram_are_merged_in_any_order),
        cmocka_unit_test(memory_that_is_not_ours_is_left_out),
        cmocka_unit_test(where_descriptors_overlap_memory_is_not_ours),
        cmocka_unit_test(ranges_without_sense_are_no_ram),
        cmocka_unit_test(descriptors_that_are_none_are_refused),
        cmocka_unit_test(of_too_many_pieces_the_largest_are_taken),
        cmocka_unit_test(any_map_is_read_as_a_bitmap_would),
        cmocka_unit_test(the_command_line_becomes_plain_text),
        cmocka_unit_test(the_programs_own_name_is_no_option),
        cmocka_unit_test(the_tree_is_completed),
        cmocka_unit_test(without_words_the_trees_own_count),
        cmocka_unit_test(a_tree_without_room_is_told),
        cmocka_unit_test(addresses_have_to_fit_into_the_roots_cells),
        cmocka_unit_test(damaged_trees_are_refused),
        cmocka_unit_test(any_bytes_are_survived),
        WHOLE(the_image_is_entered_with_all_that_was_told),
        WHOLE(a_map_that_changes_is_asked_for_again),
        WHOLE(firmware_that_does_not_let_go_is_given_up),
        WHOLE(another_error_is_not_tried_again),
        WHOLE(below_el2_is_told),
        WHOLE(secure_boot_is_told),
        WHOLE(acpi_alone_is_told),
        WHOLE(a_damaged_tree_is_told),
        WHOLE(a_tree_without_room_for_the_words_is_told),
        WHOLE(no_memory_is_told_wherever_it_ends),
        WHOLE(a_map_without_ram_is_told),
        WHOLE(a_map_out_of_bounds_is_not_asked_for),
        WHOLE(pieces_that_are_left_out_are_told),
        WHOLE(neither_a_console_nor_options_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
