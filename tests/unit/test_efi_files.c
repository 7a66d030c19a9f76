// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/boot/efi/start.c hypervisor/boot/efi/ram.c hypervisor/boot/efi/words.c */
/* sources: hypervisor/boot/efi/tree.c hypervisor/boot/efi/services.c hypervisor/boot/efi/given.c */
/* sources: hypervisor/boot/efi/files.c hypervisor/boot/efi/config.c hypervisor/boot/ranges.c lib/ranges.c */
/*
 * The way in from the EFI shell, where no boot loader has put dom0 into the tree: the words behind the program's name,
 * the configuration beside it, and the files that this names.
 */
#include "tests/unit/efi_firmware.h"

#include <stdio.h>

#include "boot/efi/config.h"
#include "boot/efi/tree.h"

/* --- The words --- */

static void assert_wish(const char *words, const char *file, const char *section, const char *options)
{
    char *copy = strdup(words);
    struct efi_wish w;

    assert_null(efi_wish_read(copy, &w));
    assert_true(w.file ? file && !strcmp(w.file, file) : !file);
    assert_true(w.section ? section && !strcmp(w.section, section) : !section);
    assert_true(w.options ? options && !strcmp(w.options, options) : !options);
    free(copy);
}

static void the_words_name_a_file_a_section_and_options(void **state)
{
    (void)state;
    assert_wish("", NULL, NULL, NULL);
    assert_wish("   ", NULL, NULL, NULL);
    assert_wish(" -cfg=a.cfg  debian ", "a.cfg", "debian", NULL);
    assert_wish("debian -cfg=\\efi\\a.cfg", "\\efi\\a.cfg", "debian", NULL);
    assert_wish("debian -- dom0_mem=1G -x", NULL, "debian", "dom0_mem=1G -x");
    assert_wish("--", NULL, NULL, "");
    assert_wish("-cfg=a.cfg --  x", "a.cfg", NULL, "x");
}

static void words_that_are_too_many_or_unknown_are_told(void **state)
{
    static const char *const wrong[][2] = {
        { "one two", "two" }, { "-map", "-map" }, { "-cfg=", "-cfg=" }, { "-cfg=a -cfg=b x", "-cfg=b" }, { "-", "-" },
    };
    char copy[64];
    struct efi_wish w;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        strcpy(copy, wrong[i][0]);
        assert_string_equal(efi_wish_read(copy, &w), wrong[i][1]);
    }
}

/* --- A configuration's text --- */

static const char EXAMPLE[] =
    "# which one\n"
    "[global]\n"
    "default = second\n"
    "options=bootscrub=0\n"
    "\n"
    "[first]\n"
    "kernel=vmlinuz-1 console=hvc0  root=/dev/vda\n"
    "ramdisk=initrd-1\r\n"
    "  [second]  \r\n"
    "\tkernel =\tvmlinuz-2 # is a word of dom0's \t\n"
    "#kernel=not-this\n"
    "kernel=nor-this\n"
    "options=\n"
    "[first]\n"
    "dtb=of-the-first\n"
    "[secondary]\n"
    "ramdisk=not-the-second's";

static char text[EFI_CONFIG_MOST + 1];
static struct efi_config config;
static unsigned line;

static const char *open_text(const char *from, size_t size)
{
    memcpy(text, from, size);
    text[size] = 'x';
    return efi_config_open(&config, text, size, &line);
}

static void assert_value(const char *key, const char *value)
{
    const char *is = efi_config_value(&config, key);

    assert_true(is ? value && !strcmp(is, value) : !value);
}

static void a_section_is_what_it_says_and_what_global_adds(void **state)
{
    (void)state;
    assert_null(open_text(EXAMPLE, sizeof(EXAMPLE) - 1));
    assert_true(efi_config_choose(&config, NULL));
    assert_string_equal(config.section, "second");
    assert_value("kernel", "vmlinuz-2 # is a word of dom0's");
    assert_value("options", "");
    assert_value("ramdisk", NULL);
    assert_value("dtb", NULL);
    assert_true(efi_config_choose(&config, "first"));
    assert_value("kernel", "vmlinuz-1 console=hvc0  root=/dev/vda");
    assert_value("ramdisk", "initrd-1");
    assert_value("dtb", "of-the-first");
    assert_value("options", "bootscrub=0");
    assert_true(efi_config_choose(&config, "secondary"));
    assert_value("ramdisk", "not-the-second's");
    assert_false(efi_config_choose(&config, "third"));
    assert_false(efi_config_choose(&config, "secon"));
    assert_string_equal(config.section, "secon");
}

static void without_a_default_the_first_of_each_key_counts(void **state)
{
    static const char words[] = "[a]\nkernel=one\n[b]\nkernel=two\nramdisk=three\n";

    (void)state;
    assert_null(open_text(words, sizeof(words) - 1));
    assert_true(efi_config_choose(&config, NULL));
    assert_value("kernel", "one");
    assert_value("ramdisk", "three");
    assert_null(open_text("kernel=four", 11));
    assert_true(efi_config_choose(&config, NULL));
    assert_value("kernel", "four");
    assert_null(open_text("", 0));
    assert_true(efi_config_choose(&config, NULL));
    assert_value("kernel", NULL);
    assert_false(efi_config_choose(&config, "a"));
}

static void assert_wrong(const char *words, size_t size, unsigned in_line, const char *why)
{
    const char *is = open_text(words, size);

    assert_non_null(is);
    assert_non_null(strstr(is, why));
    assert_int_equal(line, in_line);
}

static void text_that_is_none_is_told_with_its_line(void **state)
{
    static char longest[EFI_CONFIG_LINE + 16];

    (void)state;
    assert_wrong("a=b\nkernel", 10, 2, "neither");
    assert_wrong("\n\n[]\n", 5, 3, "brackets");
    assert_wrong("[global\n", 8, 1, "brackets");
    assert_wrong("a=b\0c=d", 7, 1, "ASCII");
    assert_wrong("# a\0b", 5, 1, "ASCII");
    assert_wrong("a=\x1b[2J\n", 7, 1, "ASCII");
    assert_wrong("\xef\xbb\xbf[global]\n", 12, 1, "ASCII");
    assert_wrong("a\0=\0b\0\n\0", 8, 1, "ASCII");   /* UTF-16 */
    assert_wrong("a=b\rc=d\n", 8, 1, "ASCII");
    assert_null(open_text("# caf\xc3\xa9\na=b", 11));   /* a comment is anybody's */
    assert_value("a", "b");
    memset(longest, 'w', sizeof(longest));
    longest[1] = '=';
    assert_null(open_text(longest, EFI_CONFIG_LINE - 1));
    assert_wrong(longest, EFI_CONFIG_LINE, 1, "2047");
}

/* No byte outside is read, and whatever is taken can be asked for everything. */
static void any_bytes_are_survived_as_a_configuration(void **state)
{
    static const char some[] = "[]=#\n\r \t\0ak";

    (void)state;
    for (unsigned seed = 0; seed < 20000; seed++) {
        size_t size;
        char *exact;

        srand(seed);
        size = (unsigned)rand() % 40;
        exact = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            exact[i] = rand() % 50 ? some[(unsigned)rand() % (sizeof(some) - 1)] : (char)rand();
        if (!efi_config_open(&config, exact, size, &line))
            for (unsigned i = 0; i < 3; i++)
                if (efi_config_choose(&config, i == 0 ? NULL : i == 1 ? "a" : "") && efi_config_value(&config, "a"))
                    assert_true(strlen(efi_config_value(&config, "a")) < size);
        free(exact);
    }
}

/* --- The whole way --- */

static const char CONFIG[] = "[global]\ndefault=debian\n[debian]\nkernel=vmlinuz console=hvc0 quiet\n"
                             "ramdisk=/boot/initrd\noptions=dom0_mem=1G\n[bare]\nkernel=vmlinuz\n";
static char kernel[5000], ramdisk[3 * MIB];
static uint8_t path[2048];
static size_t path_size;

static void put_file(unsigned i, const char *name, const void *data, size_t size)
{
    files[i] = (struct fake_file){ .name = name, .data = data, .size = size, .readable = UINT64_MAX };
}

/* A node of the program's device path; at the end: the end. */
static void put_node(uint8_t type, uint8_t subtype, const char *name)
{
    size_t n = name ? 2 * (strlen(name) + 1) : 0;

    path[path_size] = type;
    path[path_size + 1] = subtype;
    path[path_size + 2] = (uint8_t)(n + 4);
    path[path_size + 3] = (uint8_t)((n + 4) >> 8);
    for (size_t i = 0; i < n; i++)
        path[path_size + 4 + i] = i % 2 ? 0 : (uint8_t)name[i / 2];
    path_size += n + 4;
}

static void started_as(const char *name)
{
    path_size = 0;
    put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, name);
    put_node(EFI_PATH_END, 0xff, NULL);
}

static void started_with(const char16_t *words)
{
    size_t n = 0;

    while (words[n])
        n++;
    fw.loaded.options = words;
    fw.loaded.options_size = (uint32_t)(2 * n);
}

/* Nothing is in the tree, a configuration is beside the program, and all addresses are RAM. */
static int shell_starts(void **state)
{
    firmware_starts(state);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fdt_del_node(given, fdt_path_offset(given, i ? "/chosen/module@48000000"
                                                                      : "/chosen/module@8000000")), 0);
    describe(EFI_CONVENTIONAL_MEMORY, PAGE_SIZE, BIT(36) - 2);
    fw.map_size = described * DESCRIPTOR;
    described = 0;
    memset(kernel, 'k', sizeof(kernel));
    memset(ramdisk, 'r', sizeof(ramdisk));
    put_file(0, "\\EFI\\torpor\\torpor.cfg", CONFIG, sizeof(CONFIG) - 1);
    put_file(1, "\\EFI\\torpor\\vmlinuz", kernel, sizeof(kernel));
    put_file(2, "\\boot\\initrd", ramdisk, sizeof(ramdisk));
    started_as("\\EFI\\torpor\\torpor.efi");
    fw.loaded.device = &volume;
    fw.loaded.path = (const struct efi_path *)path;
    started_with(u"torpor.efi");
    return 0;
}

static const void *module_property(const char *kind, const char *name, int *size)
{
    return fdt_getprop(fw.tree, fdt_node_offset_by_compatible(fw.tree, -1, kind), name, size);
}

static void assert_module(const char *kind, const void *data, size_t size)
{
    int length;
    const fdt32_t *reg = module_property(kind, "reg", &length);
    uintptr_t at;

    assert_non_null(reg);
    assert_int_equal(length, 16);
    at = (uintptr_t)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1]);
    assert_int_equal(at & (2 * MIB - 1), 0);
    assert_int_equal(fdt32_to_cpu(reg[2]), 0);
    assert_int_equal(fdt32_to_cpu(reg[3]), size);
    assert_memory_equal((const void *)at, data, size);
}

static void assert_started(const char *words, const char *kernel_words)
{
    int size;

    assert_int_equal(start(), EFI_SUCCESS);
    assert_non_null(fw.copy);
    assert_int_equal(open_files, 0);
    assert_int_equal(fdt_check_full(fw.tree, fdt_totalsize(fw.tree)), 0);
    assert_string_equal(fdt_getprop(fw.tree, fdt_path_offset(fw.tree, "/chosen"), "xen,xen-bootargs", NULL), words);
    assert_string_equal(module_property("multiboot,kernel", "bootargs", &size), kernel_words);
    assert_module("multiboot,kernel", kernel, sizeof(kernel));
}

static void a_configuration_starts_dom0(void **state)
{
    (void)state;
    assert_started("dom0_mem=1G", "console=hvc0 quiet");
    assert_string_equal(fw.said, "");
    assert_module("multiboot,ramdisk", ramdisk, sizeof(ramdisk));
    assert_int_equal(fw.cleaned, 4);   /* image, tree, kernel and ramdisk */
}

static void the_command_line_names_file_section_and_options(void **state)
{
    (void)state;
    put_file(0, "\\my.cfg", CONFIG, sizeof(CONFIG) - 1);
    started_with(u"\\EFI\\torpor\\torpor.efi -cfg=/my.cfg debian -- dom0_max_vcpus=2");
    assert_started("dom0_mem=1G dom0_max_vcpus=2", "console=hvc0 quiet");
    firmware_ends(state);
    shell_starts(state);
    started_with(u"torpor.efi bare -- noreboot");
    assert_started("noreboot", "");
    assert_int_equal(fdt_node_offset_by_compatible(fw.tree, -1, "multiboot,ramdisk"), -FDT_ERR_NOTFOUND);
}

static void modules_of_a_boot_loader_come_first(void **state)
{
    (void)state;
    make_tree(2, 4096);
    started_with(u"placeholder dom0_mem=2G");
    assert_int_equal(start(), EFI_SUCCESS);
    assert_string_equal(fdt_getprop(fw.tree, fdt_path_offset(fw.tree, "/chosen"), "xen,xen-bootargs", NULL),
                        "placeholder dom0_mem=2G");
    assert_int_equal(fdt_node_offset_by_compatible(fw.tree, -1, "multiboot,kernel"), -FDT_ERR_NOTFOUND);
}

static void the_configuration_is_found_by_the_programs_name(void **state)
{
    static const char *const names[][2] = {
        { "\\torpor.efi", "\\torpor.cfg" }, { "\\EFI\\BOOT\\BOOTAA64.EFI", "\\EFI\\BOOT\\BOOTAA64.cfg" },
        { "\\torpor-0.1-rc_2.efi", "\\torpor-0.1-rc_2.cfg" }, { "\\torpor-0.1-rc_2.efi", "\\torpor-0.1-rc.cfg" },
        { "\\torpor-0.1-rc_2.efi", "\\torpor-0.cfg" }, { "\\torpor-0.1-rc_2.efi", "\\torpor.cfg" },
        { "\\a.b\\torpor", "\\a.b\\torpor.cfg" }, { "torpor.efi", "torpor.cfg" }, { "/x/a.efi", "/x/a.cfg" },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        firmware_ends(state);
        shell_starts(state);
        put_file(0, names[i][1], "kernel=/k", 9);
        put_file(1, "\\k", kernel, sizeof(kernel));
        started_as(names[i][0]);
        assert_int_equal(start(), EFI_SUCCESS);
        assert_module("multiboot,kernel", kernel, sizeof(kernel));
    }
    firmware_ends(state);
    shell_starts(state);
    path_size = 0;
    put_node(1, 1, "hardware");
    put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, "\\EFI");
    put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, "torpor\\");
    put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, "\\torpor.efi");
    put_node(EFI_PATH_END, 0xff, NULL);
    assert_started("dom0_mem=1G", "console=hvc0 quiet");
}

static void a_device_tree_may_be_given(void **state)
{
    static uint64_t other[2 * KIB], nothing[20];
    static const char words[] = "kernel=vmlinuz\ndtb=board.dtb\n";

    (void)state;
    assert_int_equal(fdt_open_into(given, other, sizeof(other)), 0);
    assert_int_equal(fdt_setprop_string(other, 0, "model", "the other"), 0);
    put_file(0, "\\EFI\\torpor\\torpor.cfg", words, sizeof(words) - 1);
    put_file(3, "\\EFI\\torpor\\board.dtb", other, sizeof(other));
    table.configurations = 1;   /* the firmware has none */
    assert_int_equal(start(), EFI_SUCCESS);
    assert_string_equal(fdt_getprop(fw.tree, 0, "model", NULL), "the other");
    for (unsigned i = 0; i < 3; i++) {
        firmware_ends(state);
        shell_starts(state);
        put_file(0, "\\EFI\\torpor\\torpor.cfg", words, sizeof(words) - 1);
        put_file(3, "\\EFI\\torpor\\board.dtb", i == 2 ? nothing : other,
                 i == 0 ? 2000 : i == 1 ? 20 : sizeof(nothing));
        assert_refused(EFI_LOAD_ERROR, "board.dtb: it is no device tree, or is cut off");
    }
    firmware_ends(state);
    shell_starts(state);
    put_file(0, "\\EFI\\torpor\\torpor.cfg", words, sizeof(words) - 1);
    put_file(3, "\\EFI\\torpor\\board.dtb", other, sizeof(other));
    fdt_set_size_dt_struct(other, 0x7fffffff);
    assert_refused(EFI_LOAD_ERROR, "the device tree is damaged or larger than 2 MiB");
}

static void refused(void **state, const char *config_words, size_t size, efi_status status, const char *words)
{
    firmware_ends(state);
    shell_starts(state);
    put_file(0, "\\EFI\\torpor\\torpor.cfg", config_words, size);
    assert_refused(status, words);
    assert_int_equal(fw.exits, 0);
}

#define REFUSED(config_words, status, words) refused(state, config_words, sizeof(config_words) - 1, status, words)

static void a_configuration_that_is_wrong_is_told_in_one_line(void **state)
{
    static char large[EFI_CONFIG_MOST + 1];

    REFUSED("kernel", EFI_LOAD_ERROR, "torpor.cfg, line 1: neither a [section] nor KEY=VALUE");
    REFUSED("\0\0\0", EFI_LOAD_ERROR, "torpor.cfg, line 1: not plain ASCII");
    REFUSED("[global]\ndefault=x\n", EFI_NOT_FOUND, "x: the configuration has no such section");
    REFUSED("", EFI_NOT_FOUND, "torpor.cfg: there is no kernel=");
    REFUSED("kernel=\n", EFI_NOT_FOUND, "torpor.cfg: there is no kernel=");
    REFUSED("kernel= \n", EFI_NOT_FOUND, "torpor.cfg: there is no kernel=");
    REFUSED("kernel=other x\n", EFI_NOT_FOUND, "other: there is no such file");
    REFUSED("kernel=vmlinuz\nramdisk=r\n", EFI_NOT_FOUND, "r: there is no such file");
    REFUSED("kernel=vmlinuz\ndtb=d\n", EFI_NOT_FOUND, "d: there is no such file");
    memset(large, '\n', sizeof(large));
    REFUSED(large, EFI_NOT_FOUND, "there is no kernel=");
    refused(state, large, sizeof(large), EFI_LOAD_ERROR, "at most 64 KiB");
    refused(state, large, UINT64_MAX, EFI_LOAD_ERROR, "at most 64 KiB");
    memset(large, 'n', 1000);
    memcpy(large, "kernel=", 7);
    REFUSED(large, EFI_INVALID_PARAMETER, ": the name is too long");
}

static void files_that_cannot_be_read_are_told(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        static const char *const words[] = { "cannot be read", "cannot be read", "cannot be read", "is empty",
                                             "no memory for it" };

        for (unsigned which = 0; which < 3; which++) {
            firmware_ends(state);
            shell_starts(state);
            files[which].directory = i == 0;
            files[which].damaged = i == 1;
            files[which].readable = i == 2 ? 0 : UINT64_MAX;
            if (i >= 3)
                files[which].size = i == 3 ? 0 : UINT64_MAX - 5;
            if (which || i < 3)
                assert_refused(i == 4 ? EFI_OUT_OF_RESOURCES : EFI_LOAD_ERROR, words[i]);
        }
    }
}

static void words_that_are_wrong_are_told(void **state)
{
    (void)state;
    started_with(u"torpor.efi -cfg=none.cfg");
    assert_refused(EFI_NOT_FOUND, "none.cfg: there is no such file");
    fw.said[0] = 0;
    started_with(u"torpor.efi nowhere");
    assert_refused(EFI_NOT_FOUND, "nowhere: the configuration has no such section");
    fw.said[0] = 0;
    started_with(u"torpor.efi debian dom0_mem=1G");
    assert_refused(EFI_INVALID_PARAMETER, "dom0_mem=1G: not understood: [-cfg=FILE] [SECTION]");
}

static void without_any_dom0_it_is_told(void **state)
{
    files[0].name = NULL;
    assert_refused(EFI_NOT_FOUND, "no dom0 kernel: the boot loader gives none");
    firmware_ends(state);
    shell_starts(state);
    fw.no_volume = true;
    assert_refused(EFI_NOT_FOUND, "no dom0 kernel: the boot loader gives none");
    firmware_ends(state);
    shell_starts(state);
    table.configurations = 1;
    files[0].name = NULL;
    assert_refused(EFI_NOT_FOUND, "ACPI is not supported");
}

/* The firmware's word on where the program lies: none, no file, a node that is none, names without an end. */
static void a_program_without_a_name_has_no_files(void **state)
{
    char part[101] = "";

    memset(part, 'n', sizeof(part) - 1);
    for (unsigned i = 0; i < 5; i++) {
        firmware_ends(state);
        shell_starts(state);
        path_size = 0;
        if (i == 0)
            fw.loaded.path = NULL;
        if (i == 2)
            put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, "\\directory\\");
        if (i == 3) {
            put_node(1, 1, NULL);
            path[2] = 3;   /* shorter than a node's head */
        }
        for (unsigned n = 0; i == 4 && n < 6; n++)
            put_node(EFI_PATH_MEDIA, EFI_PATH_FILE, part);
        put_node(EFI_PATH_END, 0xff, NULL);
        assert_refused(EFI_NOT_FOUND, "no dom0 kernel: ");
    }
}

/* Wherever memory ends, all of it is given back. */
static void no_memory_for_files_is_told(void **state)
{
    unsigned n = 0;

    for (;; n++) {
        firmware_ends(state);
        shell_starts(state);
        fw.allocations = n;
        if (!start())
            break;
        assert_int_equal(fw.block_count + open_files, 0);
        assert_non_null(strstr(fw.said, "no memory"));
    }
    assert_in_range(n, 8, 12);
    assert_non_null(fw.copy);
}

static void a_policy_that_is_not_used_is_told(void **state)
{
    static const char words[] = "kernel=vmlinuz\nxsm=policy\n";

    (void)state;
    put_file(0, "\\EFI\\torpor\\torpor.cfg", words, sizeof(words) - 1);
    assert_int_equal(start(), EFI_SUCCESS);
    assert_string_equal(fw.said, "torpor: xsm= is not used: there are no XSM policies\r\n");
}

#define WHOLE(test) cmocka_unit_test_setup_teardown(test, shell_starts, firmware_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_name_a_file_a_section_and_options),
        cmocka_unit_test(words_that_are_too_many_or_unknown_are_told),
        cmocka_unit_test(a_section_is_what_it_says_and_what_global_adds),
        cmocka_unit_test(without_a_default_the_first_of_each_key_counts),
        cmocka_unit_test(text_that_is_none_is_told_with_its_line),
        cmocka_unit_test(any_bytes_are_survived_as_a_configuration),
        WHOLE(a_configuration_starts_dom0),
        WHOLE(the_command_line_names_file_section_and_options),
        WHOLE(modules_of_a_boot_loader_come_first),
        WHOLE(the_configuration_is_found_by_the_programs_name),
        WHOLE(a_device_tree_may_be_given),
        WHOLE(a_configuration_that_is_wrong_is_told_in_one_line),
        WHOLE(files_that_cannot_be_read_are_told),
        WHOLE(words_that_are_wrong_are_told),
        WHOLE(without_any_dom0_it_is_told),
        WHOLE(a_program_without_a_name_has_no_files),
        WHOLE(no_memory_for_files_is_told),
        WHOLE(a_policy_that_is_not_used_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
