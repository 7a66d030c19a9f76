// SPDX-License-Identifier: Apache-2.0
/* Where arch/arm64/head.S hands over. Both on the boot stack with the rough page tables of head.S. */
#pragma once

#include "lib/base.h"

#define TORPOR_VERSION "0.1"

/* At EL2: physical addresses of the device tree and of the image. */
NORETURN void hypervisor_start(uint64_t fdt_pa, uint64_t image_pa);
/* At EL1, to say that this cannot be. */
NORETURN void hypervisor_start_without_el2(uint64_t fdt_pa, uint64_t image_pa);
