// SPDX-License-Identifier: Apache-2.0
/*
 * EL2's stage-1 tables: four levels, 4 KiB granule, 48 bits.
 *
 * Boot code came in on rough tables (arch/arm64/head.S); el2_init() replaces them. Tables come from a pool in
 * the bss, because they are needed before the frame allocator knows any memory; entries are only ever added,
 * so no break-before-make is needed.
 */
#include "mm/el2.h"

#include "arch/cache.h"
#include "arch/layout.h"
#include "base/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"

#define ENTRIES      512
#define TABLE_POOL   48
#define FDT_WINDOW   (4 * MIB)

#define PTE_VALID    BIT(0)
#define PTE_TABLE    BIT(1)   /* a table above level 3, a page at level 3 */
#define PTE_ATTR(n)  ((uint64_t)(n) << 2)
#define PTE_AP_RO    BIT(7)
#define PTE_AP_RES1  BIT(6)   /* AP[1] is RES1 in a translation regime of one privilege level */
#define PTE_SH_INNER (UINT64_C(3) << 8)
#define PTE_AF       BIT(10)
#define PTE_XN       BIT(54)
#define PTE_ADDRESS  UINT64_C(0x0000fffffffff000)

#define PTE_COMMON   (PTE_VALID | PTE_AP_RES1 | PTE_AF)
#define PTE_DATA     (PTE_COMMON | PTE_SH_INNER | PTE_ATTR(MAIR_NORMAL_WB) | PTE_XN)
#define PTE_RODATA   (PTE_DATA | PTE_AP_RO)
#define PTE_TEXT     ((PTE_RODATA) & ~PTE_XN)
#define PTE_DEVICE   (PTE_COMMON | PTE_ATTR(MAIR_DEVICE_nGnRE) | PTE_XN)

#define SCTLR_WXN    BIT(19)

typedef uint64_t table_t[ENTRIES];

static table_t pool[TABLE_POOL] __attribute__((aligned(4096)));
static unsigned pool_used;
static uint64_t *root;
static paddr_t image_at;
static uint64_t device_next = DEVICE_BASE;
static unsigned stacks_kept = MAX_CPUS;

paddr_t image_start_address(void) { return image_at; }
paddr_t image_end_address(void) { return image_to_paddr(&cpu_stacks[stacks_kept]); }
void image_keep_stacks(unsigned count) { stacks_kept = count; }

paddr_t image_to_paddr(const void *va)
{
    return PADDR((uint64_t)va - IMAGE_BASE + image_at.pa);
}

void *mfn_to_virt(mfn_t mfn)
{
    return (void *)(DIRECT_MAP_BASE + (mfn.mfn << PAGE_SHIFT));
}

mfn_t virt_to_mfn(const void *va)
{
    return MFN(((uint64_t)va - DIRECT_MAP_BASE) >> PAGE_SHIFT);
}

static uint64_t *table_alloc(void)
{
    return pool_used < TABLE_POOL ? pool[pool_used++] : NULL;
}

/* Tables stand in the image, so both directions are a constant. */
static uint64_t *table_of(uint64_t pte)
{
    return (uint64_t *)((pte & PTE_ADDRESS) - image_at.pa + IMAGE_BASE);
}

static unsigned index_at(uint64_t va, unsigned level)
{
    return (va >> (39 - 9 * level)) & (ENTRIES - 1);
}

static uint64_t size_at(unsigned level)
{
    return UINT64_C(1) << (39 - 9 * level);
}

/* The entry for va at `level`, with the tables above it. NULL: no memory, or a block stands in the way. */
static uint64_t *entry_for(uint64_t va, unsigned level)
{
    uint64_t *table = root;

    for (unsigned l = 0; l < level; l++) {
        uint64_t *pte = &table[index_at(va, l)];

        if (!*pte) {
            uint64_t *below = table_alloc();

            if (!below)
                return NULL;
            *pte = image_to_paddr(below).pa | PTE_TABLE | PTE_VALID;
        }
        if (!(*pte & PTE_TABLE))
            return NULL;
        table = table_of(*pte);
    }
    return &table[index_at(va, level)];
}

static unsigned largest_level(uint64_t va, uint64_t pa, uint64_t size)
{
    for (unsigned level = 1; level < 3; level++)
        if (!((va | pa) & (size_at(level) - 1)) && size >= size_at(level))
            return level;
    return 3;
}

/* Is there a table at `level` for va already? Then larger blocks there are out of the question. */
static bool table_stands_at(uint64_t va, unsigned level)
{
    uint64_t *table = root;

    for (unsigned l = 0;; l++) {
        uint64_t pte = table[index_at(va, l)];

        if ((pte & (PTE_VALID | PTE_TABLE)) != (PTE_VALID | PTE_TABLE))
            return false;
        if (l == level)
            return true;
        table = table_of(pte);
    }
}

static int map(uint64_t va, uint64_t pa, uint64_t size, uint64_t attributes)
{
    while (size) {
        unsigned level = largest_level(va, pa, size);
        uint64_t *pte;

        while (level < 3 && table_stands_at(va, level))
            level++;
        pte = entry_for(va, level);
        if (!pte)
            return -ENOMEM;
        *pte = pa | attributes | (level == 3 ? PTE_TABLE : 0);
        va += size_at(level);
        pa += size_at(level);
        size -= min_u64(size, size_at(level));
    }
    dsb_ishst();
    isb();
    return 0;
}

static void map_image_part(const char *from, const char *to, uint64_t attributes)
{
    uint64_t va = (uint64_t)from, size = (uint64_t)(to - from);

    if (map(va, image_to_paddr(from).pa, align_up(size, PAGE_SIZE), attributes))
        panic("no tables for the hypervisor's own image");
}

int el2_map_stack(unsigned cpu)
{
    const uint8_t *stack = cpu_stacks[cpu].stack;

    return map((uint64_t)stack, image_to_paddr(stack).pa, CPU_STACK_SIZE, PTE_DATA);
}

/* All but the stacks, and of these the first. */
static void map_data(void)
{
    map_image_part(rodata_end, (const char *)cpu_stacks, PTE_DATA);
    if (el2_map_stack(0))
        panic("no tables for the hypervisor's own stack");
}

/* Entered at EL1, only to say that this is too low (boot/main.c): the tables serve there as well. */
static void tables_use_at_el1(void)
{
    write_sysreg(image_to_paddr(root).pa, ttbr0_el1);
    isb();
    __asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}

void el2_cpu_init(void)
{
    if (read_sysreg(CurrentEL) != 2 << 2) {
        tables_use_at_el1();
        return;
    }
    write_sysreg(image_to_paddr(root).pa, ttbr0_el2);
    isb();
    __asm__ volatile("tlbi alle2\n\tdsb nsh\n\tisb" ::: "memory");
    write_sysreg(read_sysreg(sctlr_el2) | SCTLR_WXN, sctlr_el2);
    isb();
}

void el2_init(paddr_t image, paddr_t fdt)
{
    image_at = image;
    root = table_alloc();
    map_image_part(image_start, text_end, PTE_TEXT);
    map_image_part(text_end, rodata_end, PTE_RODATA);
    map_data();
    el2_cpu_init();
    /* The boot protocol allows 2 MiB of device tree anywhere on 8 bytes. The image may stand in the same blocks. */
    if (fdt.pa && !(fdt.pa >> DIRECT_MAP_BITS))
        (void)el2_map_ram(PADDR(align_down(fdt.pa, PAGE_SIZE)), FDT_WINDOW / 2 + PAGE_SIZE);
}

int el2_map_ram(paddr_t start, uint64_t size)
{
    if ((start.pa + size) >> DIRECT_MAP_BITS || start.pa + size < size)
        return -EINVAL;
    return map(DIRECT_MAP_BASE + start.pa, start.pa, size, PTE_DATA);
}

void *el2_map_device(paddr_t start, uint64_t size)
{
    uint64_t offset = start.pa & (PAGE_SIZE - 1);
    uint64_t length = align_up(size + offset, PAGE_SIZE);
    uint64_t va = device_next;

    if (size >= 2 * MIB)   /* as far from a border of blocks as its address is, so that blocks can map it */
        va = align_up(va, 2 * MIB) + ((start.pa - offset) & (2 * MIB - 1));
    if (size == 0 || length < size || va + length + PAGE_SIZE > DEVICE_BASE + DEVICE_SIZE)
        return NULL;
    if (map(va, start.pa - offset, length, PTE_DEVICE))
        return NULL;
    device_next = va + length + PAGE_SIZE;  /* a hole between any two */
    return (void *)(va + offset);
}

void cache_clean(const void *va, size_t size)
{
    uint64_t line = dcache_line(), step = 8 * line;

    for (uint64_t p = align_down((uint64_t)va, step), end = (uint64_t)va + size; p < end; p += step)
        __asm__ volatile("dc cvac, %0\n\tdc cvac, %1\n\tdc cvac, %2\n\tdc cvac, %3\n\t"
                         "dc cvac, %4\n\tdc cvac, %5\n\tdc cvac, %6\n\tdc cvac, %7"
                         :
                         : "r"(p), "r"(p + line), "r"(p + 2 * line), "r"(p + 3 * line), "r"(p + 4 * line),
                           "r"(p + 5 * line), "r"(p + 6 * line), "r"(p + 7 * line)
                         : "memory");
    dsb_sy();
}

void cache_clean_invalidate(const void *va, size_t size)
{
    uint64_t line = dcache_line();

    for (uint64_t p = align_down((uint64_t)va, line); p < (uint64_t)va + size; p += line)
        __asm__ volatile("dc civac, %0" : : "r"(p) : "memory");
    dsb_sy();
}

void icache_invalidate_all(void)
{
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb_ish();
    isb();
}
