// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: `taken` lists every range of RAM that holds something: the device tree, the guest-loader's modules, and
 * everything placed here so far. A place is looked for upwards from where QEMU itself would load, skipping these
 * ranges.
 */
#include "firmware/payload.h"

#include "arch/cache.h"
#include "firmware/fw_cfg.h"
#include "firmware/machine.h"
#include "firmware/tree.h"

#define MAX_TAKEN     32
#define KERNEL_ALIGN  (2 * MIB)
#define INITRD_ALIGN  PAGE_SIZE
/* from the start of RAM; half of it if there is less than twice that (QEMU's hw/arm/boot.c) */
#define INITRD_OFFSET (128 * MIB)

/* Linux Documentation/arm64/booting.rst; little endian */
struct image_header {
    uint32_t code[2];
    uint64_t text_offset, image_size, flags, reserved[3];
    uint32_t magic, pe_header;
};
#define IMAGE_MAGIC 0x644d5241u   /* "ARM\x64" */

static struct tree_range taken[MAX_TAKEN];
static unsigned taken_count;

static void take(struct tree_range range)
{
    if (taken_count == MAX_TAKEN)
        machine_fail("more than %u modules: start QEMU with fewer guest-loader devices", MAX_TAKEN);
    taken[taken_count++] = range;
}

static bool overlaps(struct tree_range a, struct tree_range b)
{
    return a.base < b.base + b.size && b.base < a.base + a.size;
}

static struct tree_range place(uint64_t base, uint64_t size, uint64_t align, const char *what)
{
    struct tree_range ram = tree_ram(), range = { align_up(base, align), size };

    for (unsigned i = 0; i < taken_count; i++)
        if (overlaps(range, taken[i])) {
            range.base = align_up(taken[i].base + taken[i].size, align);
            i = ~0u;   /* from the first again */
        }
    if (range.base + size > ram.base + ram.size)
        machine_fail("no room in RAM for the %llu bytes of the %s: start QEMU with more memory (-m)",
                     (unsigned long long)size, what);
    take(range);
    return range;
}

/* The tree's room and the scratch page behind it are used before anything is placed. */
static void take_tree(void)
{
    struct tree_range tree = tree_extent();

    tree.size = align_up(tree.size, PAGE_SIZE) + FW_CFG_SCRATCH_SIZE;
    for (unsigned i = 0; i < taken_count; i++)
        if (overlaps(tree, taken[i]))
            machine_fail("a module at %#llx is in the device tree's way: load it at %#llx or higher",
                         (unsigned long long)taken[i].base, (unsigned long long)(tree.base + tree.size));
    take(tree);
    fw_cfg_init(PADDR(tree.base + tree.size - FW_CFG_SCRATCH_SIZE));
}

static uint64_t load_kernel(void)
{
    uint32_t size = fw_cfg_read32(FW_CFG_KERNEL_SIZE);
    const struct image_header *header;
    uint64_t text_offset;
    struct tree_range range;

    if (size < sizeof(*header))
        machine_fail("there is no kernel: start QEMU with -kernel FILE");
    header = fw_cfg_peek(FW_CFG_KERNEL_DATA, sizeof(*header));
    if (header->magic != IMAGE_MAGIC)
        machine_fail("the file of -kernel is no arm64 Image (no \"ARM\\x64\" at byte 56)");
    text_offset = header->text_offset;
    range = place(MACHINE_RAM + KERNEL_ALIGN, text_offset + max_u64(header->image_size, size), KERNEL_ALIGN, "kernel");
    fw_cfg_load(FW_CFG_KERNEL_DATA, PADDR(range.base + text_offset), size);
    payload_clean(range.base, range.size);
    return range.base + text_offset;
}

static void load_initrd(void)
{
    struct tree_range ram = tree_ram(), range;
    uint32_t size = fw_cfg_read32(FW_CFG_INITRD_SIZE);

    if (!size)
        return;
    range = place(ram.base + min_u64(ram.size / 2, INITRD_OFFSET), size, INITRD_ALIGN, "initial ramdisk");
    fw_cfg_load(FW_CFG_INITRD_DATA, PADDR(range.base), size);
    payload_clean(range.base, size);
    tree_set_initrd(range);
}

uint64_t payload_load(void)
{
    uint64_t entry;

    tree_each_module(take);
    take_tree();
    entry = load_kernel();
    load_initrd();
    return entry;
}

void payload_clean(uint64_t address, uint64_t size)
{
    for (uint64_t line = dcache_line(), a = align_down(address, line); a < address + size; a += line)
        __asm__ volatile("dc civac, %0" : : "r"(a) : "memory");
    dsb_sy();
}
