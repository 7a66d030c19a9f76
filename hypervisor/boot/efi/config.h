// SPDX-License-Identifier: Apache-2.0
/*
 * The words and the file by which the hypervisor is told what to start where no boot loader does so; both are written
 * as for Xen's own EFI program (docs/misc/efi.pandoc of Xen).
 */
#pragma once

#include "lib/base.h"

#define EFI_CONFIG_MOST (64 * KIB)   /* bytes of a configuration */
#define EFI_CONFIG_LINE 2048         /* of a line, its end included */

/* [-cfg=FILE] [SECTION] [-- OPTIONS]; NULL: not given. */
struct efi_wish {
    const char *file, *section, *options;
};

/* Cuts `words` up. NULL, or the word that is one too many or unknown. */
const char *efi_wish_read(char *words, struct efi_wish *wish);

struct efi_config {
    char *text;                /* lines, each with a NUL at its end */
    size_t size;
    const char *section;       /* NULL: the first of each key counts, in whatever section */
};

/*
 * text: `size` bytes, and room for one more; it is changed, and has to stay. NULL, or what is wrong with it, in which
 * line.
 */
const char *efi_config_open(struct efi_config *c, char *text, size_t size, unsigned *line);

/* section: NULL: [global]'s default=, if there is one. False: there is no such section; c->section says which. */
bool efi_config_choose(struct efi_config *c, const char *section);

/* What `key` is in the section or, where that has none, in [global]; the first of several. NULL: it is not there. */
char *efi_config_value(const struct efi_config *c, const char *key);
