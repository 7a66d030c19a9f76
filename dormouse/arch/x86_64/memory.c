// SPDX-License-Identifier: Apache-2.0
/*
 * The linear map, and the lists that lead to the p2m list. Page tables of a PV guest are its own pages, which Xen keeps
 * read-only for it and changes on request after a check (xen.h, mmu_update): a page becomes a table in three steps,
 * filled, made read-only, hooked in.
 *
 * Invariant: every frame of the guest is mapped once, at its place in the linear map; a table read-only, and so are the
 * image's code and constants. Nothing that may be written may be executed.
 */
#include "machine/memory.h"
#include "dormouse/arch/x86_64/boot.h"
#include "dormouse/arch/x86_64/entry_bits.h"
#include "dormouse/core/memory.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/hypercall.h"
#include "lib/string.h"

enum { LEVELS = 4, ENTRIES = 512 };

static uint64_t *frame_lists;       /* for each page of the p2m list its MFN; whole pages */
static uint64_t *list_of_lists;     /* one page: for each page of frame_lists its MFN */

mfn_t gfn_to_mfn(gfn_t gfn)
{
    return MFN(p2m[gfn.gfn]);
}

static unsigned index_of(const void *at, unsigned level)
{
    return (uintptr_t)at >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

static uint64_t *table_of(uint64_t entry)
{
    return gfn_pointer(mfn_to_gfn(MFN((entry & PTE_FRAME) >> PAGE_SHIFT)));
}

/* The entry of that level that leads to `at`; NULL where a table above it is missing. */
static uint64_t *entry_find(const void *at, unsigned level)
{
    uint64_t *table = (uint64_t *)start_info->pt_base;

    for (unsigned l = LEVELS; l > level; l--) {
        uint64_t entry = table[index_of(at, l)];

        if (!(entry & PTE_PRESENT))
            return NULL;
        table = table_of(entry);
    }
    return &table[index_of(at, level)];
}

static bool is_mapped(const void *at)
{
    const uint64_t *entry = entry_find(at, 1);

    return entry && (*entry & PTE_PRESENT);
}

static void mapping_set(void *at, uint64_t entry)
{
    if (hypercall3(__HYPERVISOR_update_va_mapping, (uintptr_t)at, entry, UVMF_INVLPG | UVMF_ALL))
        panic("Xen refuses to map %p as %lx", at, entry);
}

void page_protect(void *at, uint64_t rights)
{
    mapping_set(at, frame_of(at) << PAGE_SHIFT | PTE_READABLE | rights);
}

void page_unmap(void *at)
{
    mapping_set(at, 0);
}

void page_map(void *at, mfn_t mfn)
{
    mapping_set(at, mfn.mfn << PAGE_SHIFT | PTE_READABLE | PTE_WRITE | PTE_NX);
}

long entry_update(const uint64_t *entry, uint64_t value)
{
    struct mmu_update update = {
        .ptr = (frame_of(entry) << PAGE_SHIFT | ((uintptr_t)entry & (PAGE_SIZE - 1))) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };
    bool enabled = irq_save();          /* as for mmuext_op (space.c) */
    long result = hypercall5(__HYPERVISOR_mmu_update, (uintptr_t)&update, 1, 0, DOMID_SELF, 0);

    irq_restore(enabled);
    return result;
}

/* Makes a filled page the table of that level (1: of pages) for `at`; the tables above it are there. */
static void table_hook(const void *at, unsigned level, void *table)
{
    page_protect(table, PTE_NX);
    if (entry_update(entry_find(at, level + 1), frame_of(table) << PAGE_SHIFT | PTE_TABLE))
        panic("Xen refuses %p as a page table for %p", table, at);
}

/*
 * Pages that are mapped and nobody's, from which the first tables are taken: behind the domain builder's tables and
 * stack.
 */
struct spare {
    char *next, *end;
};

static void *spare_take(struct spare *spare)
{
    void *page = spare->next;

    if (spare->next >= spare->end)
        panic("no memory for page tables");
    spare->next += PAGE_SIZE;
    return memset(page, 0, PAGE_SIZE);
}

/* Maps the frames from `from` on that one table holds, at most up to `end`. */
static void table_map(char *from, const char *end, struct spare *spare)
{
    for (unsigned level = LEVELS - 1; level > 1; level--)
        if (!entry_find(from, level))
            table_hook(from, level, spare_take(spare));
    if (entry_find(from, 1)) {
        for (char *at = from; at < end && (at == from || index_of(at, 1)); at += PAGE_SIZE)
            page_protect(at, PTE_WRITE | PTE_NX);
        return;
    }
    uint64_t *table = spare_take(spare);

    for (char *at = from; at < end && (at == from || index_of(at, 1)); at += PAGE_SIZE)
        table[index_of(at, 1)] = frame_of(at) << PAGE_SHIFT | PTE_READABLE | PTE_WRITE | PTE_NX;
    table_hook(from, 1, table);
}

static void image_protect(void)
{
    for (char *at = image_text; at < image_rodata; at += PAGE_SIZE)
        page_protect(at, 0);
    for (char *at = image_rodata; at < image_data; at += PAGE_SIZE)
        page_protect(at, PTE_NX);
}

/* Pages mapped for all uses by the builder are no code from image_data on; its page tables are read-only already. */
static void data_protect(const char *mapped_end)
{
    const char *tables = (const char *)start_info->pt_base, *tables_end = tables + start_info->nr_pt_frames * PAGE_SIZE;

    for (char *at = image_data; at < mapped_end; at += PAGE_SIZE)
        page_protect(at, at >= tables && at < tables_end ? PTE_NX : PTE_WRITE | PTE_NX);
}

static void lists_allocate(void)
{
    uint64_t p2m_pages = align_up(start_info->nr_pages, ENTRIES) / ENTRIES;

    frame_lists = pages_alloc((unsigned)(align_up(p2m_pages, ENTRIES) / ENTRIES));
    list_of_lists = pages_alloc(1);
    if (!frame_lists || !list_of_lists)
        panic("no memory for the p2m lists");
}

void p2m_lists_publish(struct shared_info *shared)
{
    uint64_t p2m_pages = align_up(start_info->nr_pages, ENTRIES) / ENTRIES;

    for (uint64_t i = 0; i < p2m_pages; i++)
        frame_lists[i] = frame_of((char *)p2m + i * PAGE_SIZE);
    for (uint64_t i = 0; i < align_up(p2m_pages, ENTRIES) / ENTRIES; i++)
        list_of_lists[i] = frame_of((char *)frame_lists + i * PAGE_SIZE);
    shared->arch.max_pfn = start_info->nr_pages;
    shared->arch.pfn_to_mfn_frame_list_list = frame_of(list_of_lists);
}

void memory_map_init(void)
{
    char *end = virt_base + start_info->nr_pages * PAGE_SIZE;
    /* the page behind the tables was the first stack */
    struct spare spare = { .next = (char *)start_info->pt_base + (start_info->nr_pt_frames + 1) * PAGE_SIZE };

    for (spare.end = spare.next; spare.end < end && is_mapped(spare.end);)
        spare.end += PAGE_SIZE;
    data_protect(spare.end);
    image_protect();
    for (char *at = spare.end; at < end; at = (char *)align_up((uintptr_t)at + 1, ENTRIES * PAGE_SIZE))
        table_map(at, end, &spare);
    memory_init(spare.next, end);
    lists_allocate();
}
