// SPDX-License-Identifier: Apache-2.0
/* RAM, out of the firmware's memory map. */
#pragma once

#include "boot/ranges.h"

/* Start-up cuts the hypervisor itself and what must not be mapped out of the list, which takes entries. */
#define EFI_RAM_RANGES (BOOT_RANGES - 8)

/* The pieces that the map may have between its first and its last. */
#define EFI_RAM_PIECES 1024

/*
 * pieces: room for EFI_RAM_PIECES, to work in. map: `size` bytes, a descriptor at every descriptor_size of them, in any
 * order. Into `ram` goes what is free or will be once the boot services are gone, in whole pages, below 48 bits,
 * merged; what any descriptor calls something else is not in it. Of more than EFI_RAM_RANGES pieces the largest are
 * taken; *lost: bytes of those that are not. -EINVAL: descriptors that are none; -ENOENT: no RAM.
 */
int efi_ram_read(const void *map, uint64_t size, uint64_t descriptor_size, struct range *pieces,
                 struct boot_ranges *ram, uint64_t *lost);
