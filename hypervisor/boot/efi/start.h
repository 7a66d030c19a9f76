// SPDX-License-Identifier: Apache-2.0
/* Where UEFI firmware enters the image (the PE head in arch/arm64/head.S). */
#pragma once

#include "boot/efi/efi.h"

/*
 * On the firmware's stack and page tables, wherever it has loaded the image. Comes back only with an error, after one
 * line on the firmware's console that says why.
 */
efi_status efi_start(void *image, struct efi_system_table *firmware);
