// SPDX-License-Identifier: Apache-2.0
/*
 * From UEFI to the start that every other boot loader uses: the image on a 2 MiB boundary, a device tree that says
 * everything, MMU and caches off, boot services gone.
 *
 * This runs where the firmware put the image, not where it is linked. Code finds code and data relative to itself; what
 * it must not do is follow an address that the linker has stored (a table of texts or functions, a GOT). The build
 * refuses that for all that is reached from here (hypervisor/build.mk, "efi"). So there is no printk: the hypervisor is
 * not there yet.
 */
#include "boot/efi/start.h"

#include "arch/sleep.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "boot/efi/given.h"
#include "boot/efi/ram.h"
#include "boot/efi/tree.h"
#include "boot/efi/words.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/el2.h"

#define EXIT_TRIES   8
#define MAP_LIMIT    MIB
#define MAP_MORE     4096      /* bytes by which the map may grow before the boot services are left */
#define TABLES_LIMIT 1024
#define IMAGE_ALIGN  (2 * MIB)
#define NO_MEMORY    "the firmware has no memory for it"

struct start {
    struct efi_services services;
    struct efi_given given;
    void *tree;                /* ours */
    uint64_t tree_room;
    char *copy;                /* the image, on a 2 MiB boundary */
    void *map;
    uint64_t map_room;
    struct range *pieces;      /* of RAM, while the map is read */
    struct boot_ranges ram;
    uint64_t lost;             /* bytes of RAM in more pieces than we take */
};

static efi_status refuse(const struct start *s, efi_status status, const char *why)
{
    return efi_refuse(&s->services, status, why);
}

static bool secure_boot(struct start *s)
{
    static const uint16_t name[] = u"SecureBoot";
    static const struct efi_guid global = EFI_GLOBAL_VARIABLE;
    uint64_t size = 1;
    uint8_t on = 0;

    return !s->services.firmware->runtime->get_variable(name, &global, NULL, &size, &on) && size == 1 && on == 1;
}

static const void *find_tree(const struct efi_system_table *firmware)
{
    static const struct efi_guid dtb = EFI_DTB_TABLE;

    for (uint64_t i = 0; firmware->configuration && i < firmware->configurations && i < TABLES_LIMIT; i++)
        if (!memcmp(&firmware->configuration[i].vendor, &dtb, sizeof(dtb)))
            return firmware->configuration[i].table;
    return NULL;
}

static efi_status check_machine(struct start *s)
{
    if (read_sysreg(CurrentEL) != 2 << 2)
        return refuse(s, EFI_UNSUPPORTED, "started below EL2: this machine or its firmware offers no virtualization "
                      "(QEMU: -machine virt,virtualization=on)");
    if (secure_boot(s))
        return refuse(s, EFI_SECURITY_VIOLATION, "Secure Boot is on, and neither Torpor nor what it starts is signed: "
                      "switch it off in the firmware's settings");
    return EFI_SUCCESS;
}

/* What this program was started with. */
static void read_words(struct start *s, char *words)
{
    static const struct efi_guid protocol = EFI_LOADED_IMAGE;
    struct efi_loaded_image *loaded = NULL;

    words[0] = 0;
    if (!s->services.firmware->boot->handle_protocol(s->services.image, &protocol, (void **)&loaded) && loaded &&
        loaded->options)
        efi_words(loaded->options, loaded->options_size, words, EFI_WORDS_ROOM);
}

/* A boot loader leaves modules in the tree, and then the words are the hypervisor's; otherwise files say it all. */
static efi_status find_given(struct start *s)
{
    char *words = efi_allocate(&s->services, EFI_LOADER_DATA, EFI_WORDS_ROOM);
    efi_status status = EFI_SUCCESS;

    if (!words)
        return refuse(s, EFI_OUT_OF_RESOURCES, NO_MEMORY);
    read_words(s, words);
    s->given.words = words;
    s->given.tree = find_tree(s->services.firmware);
    if (s->given.tree && !efi_tree_room(s->given.tree))
        return refuse(s, EFI_LOAD_ERROR, "the firmware's device tree is damaged or larger than 2 MiB");
    if (!s->given.tree || !efi_tree_has_modules(s->given.tree))
        status = efi_given_by_files(&s->services, words, &s->given);
    if (status)
        return status;
    if (!s->given.tree)
        return refuse(s, EFI_NOT_FOUND, "the firmware gives no device tree, and ACPI is not supported: choose the "
                      "device tree in its settings (QEMU: -machine virt,acpi=off)");
    s->tree_room = efi_tree_room(s->given.tree);
    return s->tree_room ? EFI_SUCCESS : refuse(s, EFI_LOAD_ERROR, "the device tree is damaged or larger than 2 MiB");
}

/* Room for the map as it is now, and as it will be when this room is in it, too. */
static bool allocate_map(struct start *s)
{
    uint64_t key, descriptor_size = 0;
    uint32_t version;

    if (s->services.firmware->boot->get_memory_map(&s->map_room, NULL, &key, &descriptor_size, &version) !=
            EFI_BUFFER_TOO_SMALL || s->map_room > MAP_LIMIT)
        return false;
    s->map_room += MAP_MORE;
    s->map = efi_allocate(&s->services, EFI_LOADER_DATA, s->map_room);
    return s->map;
}

/* Code, for firmware that lets nothing else be executed. */
static bool allocate_image(struct start *s)
{
    void *room = efi_allocate(&s->services, EFI_LOADER_CODE, (uint64_t)(image_end - image_start) + IMAGE_ALIGN);

    s->copy = (char *)align_up((uintptr_t)room, IMAGE_ALIGN);
    return room;
}

static efi_status allocate_all(struct start *s)
{
    s->tree = efi_allocate(&s->services, EFI_LOADER_DATA, s->tree_room);
    s->pieces = efi_allocate(&s->services, EFI_LOADER_DATA, EFI_RAM_PIECES * sizeof(s->pieces[0]));
    if (!s->tree || !s->pieces || !allocate_image(s) || !allocate_map(s))
        return refuse(s, EFI_OUT_OF_RESOURCES, NO_MEMORY);
    return EFI_SUCCESS;
}

static efi_status refuse_tree(struct start *s, int err)
{
    if (err == -ENOSPC)
        return refuse(s, EFI_OUT_OF_RESOURCES, "the firmware's device tree is too large for what has to be added");
    if (err == -ERANGE)
        return refuse(s, EFI_LOAD_ERROR, "RAM is at addresses that the device tree's root cannot express");
    return refuse(s, EFI_LOAD_ERROR, "the firmware's device tree cannot be completed");
}

static efi_status make_tree(struct start *s)
{
    const struct efi_given *g = &s->given;
    int err = efi_tree_copy(g->tree, s->tree, s->tree_room);

    if (!err)
        err = efi_tree_set_words(s->tree, g->words);
    if (!err && g->kernel.size)
        err = efi_tree_add_module(s->tree, "multiboot,kernel", &g->kernel, g->kernel_words);
    if (!err && g->ramdisk.size)
        err = efi_tree_add_module(s->tree, "multiboot,ramdisk", &g->ramdisk, NULL);
    return err ? refuse_tree(s, err) : EFI_SUCCESS;
}

/* Asks for the map, and has the tree say what is in it. Calls nothing else, so that `key` stays good. */
static efi_status read_map(struct start *s, uint64_t *key)
{
    uint64_t size = s->map_room, descriptor_size = 0;
    uint32_t version;
    int err;

    if (s->services.firmware->boot->get_memory_map(&size, s->map, key, &descriptor_size, &version) ||
        size > s->map_room)
        return refuse(s, EFI_LOAD_ERROR, "the firmware does not tell its memory map");
    err = efi_ram_read(s->map, size, descriptor_size, s->pieces, &s->ram, &s->lost);
    if (err)
        return refuse(s, EFI_LOAD_ERROR, "the firmware's memory map has no RAM");
    err = efi_tree_set_ram(s->tree, &s->ram);
    return err ? refuse_tree(s, err) : EFI_SUCCESS;
}

/*
 * A map that has changed since it was asked for is told by EFI_INVALID_PARAMETER, and asked for again (UEFI 7.4.6).
 * From the first try on the firmware may have taken parts of itself down: its console need not work any more.
 */
static efi_status leave_boot_services(struct start *s)
{
    uint64_t key;
    efi_status status = read_map(s, &key);

    if (status)
        return status;
    if (s->lost)
        efi_say(&s->services, "torpor: the firmware's memory map has too many pieces: the smallest are not used\r\n");
    status = EFI_INVALID_PARAMETER;
    for (unsigned i = 0; i < EXIT_TRIES && status == EFI_INVALID_PARAMETER; i++) {
        status = read_map(s, &key);
        if (status)
            return status;
        status = s->services.firmware->boot->exit_boot_services(s->services.image, key);
    }
    return status ? refuse(s, status, "the firmware does not let go of the machine") : EFI_SUCCESS;
}

static void clean(uint64_t start, uint64_t size)
{
    cache_clean((const void *)(uintptr_t)start, size);
}

/*
 * Everything that is read with caches off is in memory before they are: the image (Linux
 * Documentation/arm64/booting.rst), the tree, and the modules, in which dom0 may begin where they are.
 */
static NORETURN void enter(struct start *s)
{
    memcpy(s->copy, image_start, (size_t)(data_end - image_start));
    cache_clean(s->copy, (size_t)(image_end - image_start));
    cache_clean(s->tree, s->tree_room);
    efi_tree_modules(s->tree, &s->ram, clean);
    icache_invalidate_all();
    cpu_leave_firmware(s->copy, s->tree);
}

efi_status efi_start(void *image, struct efi_system_table *firmware)
{
    struct start s = { .services = { .image = image, .firmware = firmware } };
    efi_status status = check_machine(&s);

    if (!status)
        status = find_given(&s);
    if (!status)
        status = allocate_all(&s);
    if (!status)
        status = make_tree(&s);
    if (!status)
        status = leave_boot_services(&s);
    if (!status)
        enter(&s);
    efi_give_back(&s.services);
    return status;
}
