// SPDX-License-Identifier: Apache-2.0
/*
 * What the stub asks of the firmware: a line on its console, and memory, all of which is given back if the stub gives
 * up, so that whoever started it has what he had.
 */
#pragma once

#include "boot/efi/efi.h"

#define EFI_TAKEN_MOST 12

struct efi_services {
    void *image;               /* our handle */
    struct efi_system_table *firmware;
    struct {
        uint64_t at, pages;
    } taken[EFI_TAKEN_MOST];
    unsigned taken_count;
};

/* ASCII, as it is. */
void efi_say(const struct efi_services *s, const char *text);

/* One line: "torpor: WHY", or "torpor: WHAT: WHY". Comes back with `status`. */
efi_status efi_refuse(const struct efi_services *s, efi_status status, const char *why);
efi_status efi_refuse_about(const struct efi_services *s, efi_status status, const char *what, const char *why);

/* Pages for `size` bytes (not 0), or NULL. */
void *efi_allocate(struct efi_services *s, enum efi_memory_type type, uint64_t size);

/* All that was allocated; also after ExitBootServices() has refused. */
void efi_give_back(struct efi_services *s);
