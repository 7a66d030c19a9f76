// SPDX-License-Identifier: Apache-2.0
/* The command line, as a UEFI boot loader gives it. */
#pragma once

#include "lib/base.h"

#define EFI_WORDS_ROOM 2304   /* more than the hypervisor takes (base/options.c), which then says so */

/*
 * options: `size` bytes of UTF-16LE, which need neither end with a NUL nor be an even number. Into `out` (`room` bytes,
 * not 0) goes text of printable ASCII: what is no such character becomes '?', tabs and line ends become spaces. A shell
 * passes the program's own name first; a first word that ends in ".efi" is left out.
 */
void efi_words(const void *options, uint64_t size, char *out, size_t room);
