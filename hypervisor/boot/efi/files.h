// SPDX-License-Identifier: Apache-2.0
/* The files beside the program, on the volume that the firmware has loaded it from. */
#pragma once

#include "boot/efi/services.h"

#define EFI_NAME_MOST 512   /* UTF-16 units of a whole name, its end included */

struct efi_files {
    struct efi_file *root;               /* NULL: there is no volume */
    uint16_t name[EFI_NAME_MOST];        /* the program's own, from the root, and NUL */
    size_t directory;                    /* so much of it is its directory's, last separator included */
};

/* EFI_NOT_FOUND: the program was not loaded from a file, or from no file system that the firmware can read. */
efi_status efi_files_open(struct efi_files *f, const struct efi_services *s);
void efi_files_close(struct efi_files *f);

/*
 * For reading, whose size is then known. name: ASCII, from the program's directory or, with a separator in front ('/'
 * or '\'), from the root. EFI_NOT_FOUND; EFI_INVALID_PARAMETER: the name is too long; EFI_LOAD_ERROR: it is no file
 * that has an end, or anything else.
 */
efi_status efi_file_open(const struct efi_files *f, const char *name, struct efi_file **file, uint64_t *size);

/*
 * The configuration that is the program's by its name: NAME.cfg, for NAME.efi; if there is none, the same with NAME cut
 * off before its last '.', '-' or '_', and so on. As efi_file_open(); into `name` (`room` bytes) goes that of the last
 * that was tried, without its directory.
 */
efi_status efi_file_open_own(struct efi_files *f, char *name, size_t room, struct efi_file **file, uint64_t *size);

/* All of it, and closes it. EFI_LOAD_ERROR: there was less. */
efi_status efi_file_read(struct efi_file *file, void *to, uint64_t size);
