// SPDX-License-Identifier: Apache-2.0
#include "boot/efi/services.h"

#define SAY_PART 64
#define LARGEST  BIT(44)   /* bytes that anybody is asked for */

/* The console wants UTF-16. */
void efi_say(const struct efi_services *s, const char *text)
{
    struct efi_text_output *console = s->firmware->console_out;
    uint16_t part[SAY_PART + 1];

    while (console && *text) {
        unsigned n = 0;

        while (n < SAY_PART && *text)
            part[n++] = (uint8_t)*text++;
        part[n] = 0;
        (void)console->output_string(console, part);
    }
}

efi_status efi_refuse(const struct efi_services *s, efi_status status, const char *why)
{
    efi_say(s, "torpor: ");
    efi_say(s, why);
    efi_say(s, "\r\n");
    return status;
}

efi_status efi_refuse_about(const struct efi_services *s, efi_status status, const char *what, const char *why)
{
    efi_say(s, "torpor: ");
    efi_say(s, what);
    efi_say(s, ": ");
    efi_say(s, why);
    efi_say(s, "\r\n");
    return status;
}

void *efi_allocate(struct efi_services *s, enum efi_memory_type type, uint64_t size)
{
    uint64_t at = 0, pages = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;

    if (size > LARGEST || s->taken_count == EFI_TAKEN_MOST ||
        s->firmware->boot->allocate_pages(EFI_ALLOCATE_ANY_PAGES, type, pages, &at))
        return NULL;
    s->taken[s->taken_count].at = at;
    s->taken[s->taken_count++].pages = pages;
    return (void *)(uintptr_t)at;
}

void efi_give_back(struct efi_services *s)
{
    while (s->taken_count) {
        s->taken_count--;
        (void)s->firmware->boot->free_pages(s->taken[s->taken_count].at, s->taken[s->taken_count].pages);
    }
}
