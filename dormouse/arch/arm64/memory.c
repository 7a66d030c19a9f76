// SPDX-License-Identifier: Apache-2.0
/*
 * The memory that a program may allocate from: the first bank behind the image, up to the ramdisk or the device tree,
 * which the domain builder puts at its end.
 */
#include "dormouse/arch/arm64/entry.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/core/memory.h"
#include "machine/start.h"

static uint64_t lower_end(uint64_t start, uint64_t end, const void *thing)
{
    uint64_t at = (uintptr_t)thing & PAGE_MASK;

    return at >= start && at < end ? at : end;
}

void machine_start(void)
{
    uint64_t start = (uintptr_t)image_end, end = platform.ram_base + platform.ram_size;

    end = lower_end(start, end, platform.fdt);
    end = lower_end(start, end, platform.ramdisk);
    memory_init((void *)start, (void *)end);
}
