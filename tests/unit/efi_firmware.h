// SPDX-License-Identifier: Apache-2.0
/* UEFI firmware that does what a test says: its memory map, its device tree, its files, and its services. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "arch/sysreg.h"
#include "base/cpu.h"
#include "boot/efi/start.h"
#include "lib/devicetree.h"

/* --- Its memory map --- */

#define RESERVED  0u
#define RUNTIME   6u
#define DESCRIPTOR 48u   /* as EDK II has it: longer than the specification's */
#define MOST      4000u

static uint8_t map[MOST * DESCRIPTOR + 16];
static unsigned described;

static void describe_as(uint32_t type, uint64_t start, uint64_t pages, uint64_t attribute)
{
    struct efi_memory m = { .type = type, .start = start, .pages = pages, .attribute = attribute };

    memcpy(map + described++ * DESCRIPTOR, &m, sizeof(m));
}

static void describe(uint32_t type, uint64_t start, uint64_t pages) { describe_as(type, start, pages, 0xf); }

/* --- Its device tree --- */

#define TREE_ROOM (DT_MAX_SIZE + 4096)

static uint64_t given[TREE_ROOM / 8];

/* A machine's: two memory nodes, a clock that the firmware keeps, modules in /chosen. cells: the root's. */
static void make_tree(unsigned cells, size_t room)
{
    static const char clock[] = "arm,pl031\0arm,primecell";
    fdt64_t module[2] = { cpu_to_fdt64(0x48000000), cpu_to_fdt64(0x123456) };
    fdt64_t outside[2] = { cpu_to_fdt64(0x8000000), cpu_to_fdt64(0x1000) };
    int err = fdt_create(given, (int)room);

    err |= fdt_finish_reservemap(given) | fdt_begin_node(given, "");
    err |= fdt_property_u32(given, "#address-cells", cells) | fdt_property_u32(given, "#size-cells", cells);
    for (unsigned i = 0; i < 2; i++) {
        err |= fdt_begin_node(given, i ? "memory@80000000" : "memory@40000000");
        err |= fdt_property_string(given, "device_type", "memory") | fdt_property_u64(given, "reg", 0x1234);
        err |= fdt_end_node(given);
    }
    err |= fdt_begin_node(given, "clock@9010000") | fdt_property(given, "compatible", clock, sizeof(clock));
    err |= fdt_property_string(given, "status", "disabled") | fdt_end_node(given);
    err |= fdt_begin_node(given, "chosen") | fdt_property_string(given, "bootargs", "before");
    err |= fdt_property_u32(given, "#address-cells", 2) | fdt_property_u32(given, "#size-cells", 2);
    err |= fdt_begin_node(given, "module@48000000") | fdt_property(given, "reg", module, sizeof(module));
    err |= fdt_property_string(given, "compatible", "multiboot,module") | fdt_end_node(given);
    err |= fdt_begin_node(given, "module@8000000") | fdt_property(given, "reg", outside, sizeof(outside));
    err |= fdt_property_string(given, "compatible", "multiboot,module") | fdt_end_node(given);
    err |= fdt_end_node(given) | fdt_end_node(given) | fdt_finish(given);
    assert_int_equal(err, 0);
}

/* --- Its files --- */

#define FILES 6

struct fake_file {
    const char *name;          /* from the root */
    const void *data;
    uint64_t size;
    uint64_t readable;         /* bytes after which reading fails */
    bool directory;
    bool damaged;              /* and not opened */
};

static struct fake_file files[FILES];
static unsigned open_files;

struct open_file {
    struct efi_file file;
    const struct fake_file *of;   /* NULL: the root */
    uint64_t position;
};

static efi_status file_close(struct efi_file *self)
{
    assert_true(open_files > 0);
    open_files--;
    free(self);
    return EFI_SUCCESS;
}

static efi_status file_set_position(struct efi_file *self, uint64_t position)
{
    struct open_file *o = (struct open_file *)self;

    if (o->of->directory)
        return EFI_UNSUPPORTED;
    o->position = position == EFI_FILE_END ? o->of->size : position;
    return EFI_SUCCESS;
}

static efi_status file_get_position(struct efi_file *self, uint64_t *position)
{
    *position = ((struct open_file *)self)->position;
    return EFI_SUCCESS;
}

/* At most 1000 bytes at once, as firmware may do it. */
static efi_status file_read(struct efi_file *self, uint64_t *size, void *to)
{
    struct open_file *o = (struct open_file *)self;
    uint64_t n = min_u64(min_u64(*size, 1000), o->of->size - o->position);

    if (o->position + n > o->of->readable)
        return EFI_LOAD_ERROR;
    memcpy(to, (const char *)o->of->data + o->position, n);
    o->position += n;
    *size = n;
    return EFI_SUCCESS;
}

static efi_status file_open(struct efi_file *self, struct efi_file **opened, const uint16_t *name, uint64_t mode,
                            uint64_t attributes);

static struct efi_file *new_file(const struct fake_file *of)
{
    struct open_file *o = calloc(1, sizeof(*o));

    o->file = (struct efi_file){ .open = file_open, .close = file_close, .read = file_read,
                                 .get_position = file_get_position, .set_position = file_set_position };
    o->of = of;
    open_files++;
    return &o->file;
}

static bool is_named(const struct fake_file *f, const uint16_t *name)
{
    size_t i = 0;

    if (!f->name)
        return false;
    while (f->name[i] && f->name[i] == name[i])
        i++;
    return !f->name[i] && !name[i];
}

static efi_status file_open(struct efi_file *self, struct efi_file **opened, const uint16_t *name, uint64_t mode,
                            uint64_t attributes)
{
    assert_null(((struct open_file *)self)->of);
    assert_true(mode == EFI_FILE_READ && !attributes);
    for (unsigned i = 0; i < FILES; i++)
        if (is_named(&files[i], name)) {
            if (files[i].damaged)
                return EFI_UNSUPPORTED;
            *opened = new_file(&files[i]);
            return EFI_SUCCESS;
        }
    return EFI_NOT_FOUND;
}

static efi_status open_volume(struct efi_file_system *self, struct efi_file **root)
{
    (void)self;
    *root = new_file(NULL);
    return EFI_SUCCESS;
}

static struct efi_file_system volume = { .open_volume = open_volume };

/* --- Its services --- */

/* The image: what torpor.lds makes of it */
__asm__(".data\n.balign 4096\n.globl image_start\nimage_start: .fill 4096, 1, 0x5a\n"
        ".globl data_end\ndata_end: .fill 4096, 1, 0\n.globl image_end\nimage_end:\n");

#define NEVER 1000u

static struct {
    uint64_t level;
    unsigned refusals;          /* of ExitBootServices() that are still to come */
    efi_status refusal;
    unsigned allocations;       /* that succeed */
    bool secure, image_unknown, no_volume, gone, no_map;
    uint64_t key, map_size;
    struct efi_loaded_image loaded;
    char said[2000];
    unsigned exits, cleaned;
    jmp_buf entered;
    char *copy;
    void *tree;
    void *blocks[16];
    unsigned block_count;
} fw;

uint64_t host_read_sysreg(const char *name)
{
    assert_string_equal(name, "CurrentEL");
    return fw.level << 2;
}

void cache_clean(const void *va, size_t size)
{
    assert_true(fw.gone);
    fw.cleaned += size != 0 && va;
}

void icache_invalidate_all(void) {}

void cpu_leave_firmware(char *copy, void *tree)
{
    assert_true(fw.gone);
    fw.copy = copy;
    fw.tree = tree;
    longjmp(fw.entered, 1);
}

static efi_status output_string(struct efi_text_output *self, const uint16_t *text)
{
    size_t n = strlen(fw.said);

    (void)self;
    for (; *text; text++)
        fw.said[n++] = (char)*text;
    fw.said[n] = 0;
    assert_true(n < sizeof(fw.said));
    return EFI_SUCCESS;
}

static efi_status allocate_pages(enum efi_allocate how, enum efi_memory_type type, uint64_t count, uint64_t *at)
{
    assert_true(!fw.gone && !fw.exits && how == EFI_ALLOCATE_ANY_PAGES);
    assert_true(type == EFI_LOADER_CODE || type == EFI_LOADER_DATA);
    if (!fw.allocations)
        return EFI_OUT_OF_RESOURCES;
    fw.allocations--;
    fw.key++;
    assert_true(fw.block_count < ARRAY_SIZE(fw.blocks) && count);
    *at = (uint64_t)(fw.blocks[fw.block_count++] = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE));
    return EFI_SUCCESS;
}

static efi_status free_pages(uint64_t at, uint64_t count)
{
    unsigned i = 0;

    assert_true(!fw.gone && count);
    while (i < fw.block_count && (uint64_t)fw.blocks[i] != at)
        i++;
    assert_true(i < fw.block_count);
    free(fw.blocks[i]);
    fw.blocks[i] = fw.blocks[--fw.block_count];
    return EFI_SUCCESS;
}

/* Each answer with a map has a descriptor more than the one before: what is allocated, or a timer, cuts memory. */
static efi_status get_memory_map(uint64_t *size, void *out, uint64_t *key, uint64_t *descriptor_size,
                                 uint32_t *version)
{
    uint64_t room = *size;

    assert_false(fw.gone);
    *size = fw.map_size;
    *descriptor_size = DESCRIPTOR;
    *version = 1;
    *key = fw.key;
    if (room < fw.map_size || fw.no_map)
        return fw.no_map ? EFI_UNSUPPORTED : EFI_BUFFER_TOO_SMALL;
    memcpy(out, map, fw.map_size);
    fw.map_size += DESCRIPTOR;
    return EFI_SUCCESS;
}

static efi_status handle_protocol(void *handle, const struct efi_guid *protocol, void **interface)
{
    if (handle == &volume) {
        assert_int_equal(protocol->a, 0x964e5b22);
        *interface = &volume;
        return fw.no_volume ? EFI_UNSUPPORTED : EFI_SUCCESS;
    }
    assert_ptr_equal(handle, &fw);
    assert_int_equal(protocol->a, 0x5b1b31a1);
    *interface = &fw.loaded;
    return fw.image_unknown ? EFI_UNSUPPORTED : EFI_SUCCESS;
}

static efi_status exit_boot_services(void *image, uint64_t key)
{
    assert_ptr_equal(image, &fw);
    fw.exits++;
    if (fw.refusals) {
        fw.refusals--;
        fw.key++;
        return fw.refusal;
    }
    assert_int_equal(key, fw.key);
    fw.gone = true;
    return EFI_SUCCESS;
}

static efi_status get_variable(const uint16_t *name, const struct efi_guid *vendor, uint32_t *attributes,
                               uint64_t *size, void *data)
{
    (void)vendor;
    (void)attributes;
    assert_true(*size == 1 && name[0] == 'S' && name[9] == 't' && !name[10]);
    *(uint8_t *)data = fw.secure;
    return EFI_SUCCESS;
}

static struct efi_text_output console = { .output_string = output_string };
static struct efi_runtime_services runtime = { .get_variable = get_variable };
static struct efi_boot_services services = {
    .allocate_pages = allocate_pages, .free_pages = free_pages, .get_memory_map = get_memory_map,
    .handle_protocol = handle_protocol, .exit_boot_services = exit_boot_services,
};
static struct efi_configuration tables[] = { { { 1, 2, 3, { 4 } }, NULL }, { EFI_DTB_TABLE, given } };
static struct efi_system_table table;

static int firmware_starts(void **state)
{
    (void)state;
    memset(&fw, 0, sizeof(fw));
    memset(files, 0, sizeof(files));
    fw.level = 2;
    fw.refusal = EFI_INVALID_PARAMETER;
    fw.allocations = NEVER;
    fw.loaded.options = u"placeholder dom0_mem=1G";
    fw.loaded.options_size = 48;
    table = (struct efi_system_table){ .console_out = &console, .runtime = &runtime, .boot = &services,
                                       .configurations = 2, .configuration = tables };
    make_tree(2, 4096);
    describe(EFI_CONVENTIONAL_MEMORY, 0x40000000, 0x40000);
    describe(RUNTIME, 0x50000000, 4);
    fw.map_size = described * DESCRIPTOR;
    described = 0;
    return 0;
}

static int firmware_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < fw.block_count; i++)
        free(fw.blocks[i]);
    return 0;
}

static efi_status start(void)
{
    return setjmp(fw.entered) ? EFI_SUCCESS : efi_start(&fw, &table);
}

static void assert_refused(efi_status status, const char *words)
{
    assert_int_equal(start(), status);
    assert_null(fw.copy);
    assert_int_equal(fw.block_count + open_files, 0);   /* all was given back */
    assert_non_null(strstr(fw.said, words));
    assert_memory_equal(fw.said, "torpor: ", 8);
    assert_ptr_equal(strchr(fw.said, '\n'), fw.said + strlen(fw.said) - 1);   /* one line */
}

