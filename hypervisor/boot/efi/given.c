// SPDX-License-Identifier: Apache-2.0
/*
 * A module gets blocks of 2 MiB to itself: dom0 begins with the very memory in which its kernel and ramdisk are, if
 * nobody else is in there (boot/dom0/dom0.c).
 */
#include "boot/efi/given.h"

#include "boot/efi/config.h"
#include "boot/efi/files.h"
#include "boot/efi/tree.h"
#include "boot/efi/words.h"
#include "lib/print.h"
#include "lib/string.h"

#define BLOCK     (2 * MIB)
#define NAME_ROOM 128
#define FILE_MOST BIT(40)   /* bytes; no machine has room for it, and no sum wraps */

struct reader {
    struct efi_services *s;
    struct efi_files files;
    struct efi_config config;
    struct efi_wish wish;
    char name[NAME_ROOM];      /* of the configuration */
};

static efi_status refuse_file(struct reader *r, efi_status status, const char *name)
{
    if (status == EFI_NOT_FOUND)
        return efi_refuse_about(r->s, status, name, "there is no such file beside the program");
    if (status == EFI_INVALID_PARAMETER)
        return efi_refuse_about(r->s, status, name, "the name is too long");
    return efi_refuse_about(r->s, EFI_LOAD_ERROR, name, "cannot be read");
}

/* All of an open file, into `room` bytes or more on a 2 MiB boundary. */
static efi_status load_opened(struct reader *r, const char *name, struct efi_file *file, uint64_t size, uint64_t room,
                              struct boot_range *at)
{
    void *memory = size > FILE_MOST ? NULL : efi_allocate(r->s, EFI_LOADER_DATA, align_up(room, BLOCK) + BLOCK);

    if (!memory) {
        (void)file->close(file);
        return efi_refuse_about(r->s, EFI_OUT_OF_RESOURCES, name, "the firmware has no memory for it");
    }
    *at = (struct boot_range){ align_up((uintptr_t)memory, BLOCK), size };
    return efi_file_read(file, (void *)(uintptr_t)at->start, size) ? refuse_file(r, EFI_LOAD_ERROR, name)
                                                                   : EFI_SUCCESS;
}

static efi_status load(struct reader *r, const char *name, struct boot_range *at)
{
    struct efi_file *file;
    uint64_t size;
    efi_status status = efi_file_open(&r->files, name, &file, &size);

    if (status)
        return refuse_file(r, status, name);
    if (!size) {
        (void)file->close(file);
        return efi_refuse_about(r->s, EFI_LOAD_ERROR, name, "the file is empty");
    }
    return load_opened(r, name, file, size, size, at);
}

static efi_status refuse_config(struct reader *r, unsigned line, const char *why)
{
    char place[NAME_ROOM + 32];

    snprintf(place, sizeof(place), "%s, line %u", r->name, line);
    return efi_refuse_about(r->s, EFI_LOAD_ERROR, place, why);
}

static efi_status read_config(struct reader *r, struct efi_file *file, uint64_t size)
{
    struct boot_range at;
    efi_status status;
    const char *why;
    unsigned line;

    if (size > EFI_CONFIG_MOST) {
        (void)file->close(file);
        return efi_refuse_about(r->s, EFI_LOAD_ERROR, r->name, "a configuration has at most 64 KiB");
    }
    status = load_opened(r, r->name, file, size, size + 1, &at);
    if (status)
        return status;
    why = efi_config_open(&r->config, (char *)(uintptr_t)at.start, size, &line);
    if (why)
        return refuse_config(r, line, why);
    if (!efi_config_choose(&r->config, r->wish.section))
        return efi_refuse_about(r->s, EFI_NOT_FOUND, r->config.section, "the configuration has no such section");
    return EFI_SUCCESS;
}

/* *found: there is one. */
static efi_status find_config(struct reader *r, bool *found)
{
    struct efi_file *file;
    uint64_t size;
    efi_status status;

    if (r->wish.file) {
        snprintf(r->name, sizeof(r->name), "%s", r->wish.file);
        status = efi_file_open(&r->files, r->wish.file, &file, &size);
    } else {
        status = efi_file_open_own(&r->files, r->name, sizeof(r->name), &file, &size);
    }
    *found = !status;
    if (status == EFI_NOT_FOUND && !r->wish.file)
        return EFI_SUCCESS;
    return status ? refuse_file(r, status, r->name) : read_config(r, file, size);
}

/* "kernel=FILE WORDS" */
static efi_status load_kernel(struct reader *r, struct efi_given *g)
{
    char *file = efi_config_value(&r->config, "kernel"), *words = file ? strchr(file, ' ') : NULL;

    if (!file || !*file)
        return efi_refuse_about(r->s, EFI_NOT_FOUND, r->name, "there is no kernel= for dom0");
    if (words)
        *words++ = 0;
    g->kernel_words = words ? words : "";
    return load(r, file, &g->kernel);
}

static efi_status load_ramdisk(struct reader *r, struct efi_given *g)
{
    const char *file = efi_config_value(&r->config, "ramdisk");

    return file && *file ? load(r, file, &g->ramdisk) : EFI_SUCCESS;
}

static efi_status load_tree(struct reader *r, struct efi_given *g)
{
    const char *file = efi_config_value(&r->config, "dtb");
    struct boot_range at;
    efi_status status;

    if (!file || !*file)
        return EFI_SUCCESS;
    status = load(r, file, &at);
    if (status)
        return status;
    g->tree = (const void *)(uintptr_t)at.start;
    if (!efi_tree_is_whole(g->tree, at.size))
        return efi_refuse_about(r->s, EFI_LOAD_ERROR, file, "it is no device tree, or is cut off");
    return EFI_SUCCESS;
}

/* options=, and behind it what follows a "--" on the command line. */
static efi_status join_words(struct reader *r, struct efi_given *g)
{
    const char *options = efi_config_value(&r->config, "options"), *more = r->wish.options;
    char *words = efi_allocate(r->s, EFI_LOADER_DATA, EFI_WORDS_ROOM);

    if (!words)
        return efi_refuse(r->s, EFI_OUT_OF_RESOURCES, "the firmware has no memory for it");
    snprintf(words, EFI_WORDS_ROOM, "%s%s%s", options ? options : "", options && more ? " " : "", more ? more : "");
    g->words = words;
    return EFI_SUCCESS;
}

static efi_status follow_config(struct reader *r, struct efi_given *g)
{
    efi_status status = join_words(r, g);

    if (efi_config_value(&r->config, "xsm"))
        efi_say(r->s, "torpor: xsm= is not used: there are no XSM policies\r\n");
    if (!status)
        status = load_tree(r, g);
    if (!status)
        status = load_kernel(r, g);
    return status ? status : load_ramdisk(r, g);
}

efi_status efi_given_by_files(struct efi_services *s, char *words, struct efi_given *g)
{
    struct reader r = { .s = s };
    const char *unknown = efi_wish_read(words, &r.wish);
    efi_status status;
    bool found = false;

    if (!efi_files_open(&r.files, s)) {
        status = unknown ? efi_refuse_about(s, EFI_INVALID_PARAMETER, unknown,
                                            "not understood: [-cfg=FILE] [SECTION] [-- OPTIONS] is wanted")
                         : find_config(&r, &found);
        if (!status && found)
            status = follow_config(&r, g);
        efi_files_close(&r.files);
        if (status || found)
            return status;
    }
    if (!g->tree)
        return EFI_SUCCESS;
    return efi_refuse_about(s, EFI_NOT_FOUND, "no dom0 kernel", "the boot loader gives none, and there is no "
                            "configuration of the program's name (torpor.cfg, for torpor.efi) beside it");
}
