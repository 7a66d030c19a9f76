// SPDX-License-Identifier: Apache-2.0
/* See memory.h. */
#include "tools/helper/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

static const struct region {
    uint64_t base, size;   /* bytes, both multiples of 2 MiB */
} regions[] = {
    { GUEST_MAGIC_BASE, GUEST_MAGIC_SIZE },
    { GUEST_RAM0_BASE, GUEST_RAM0_SIZE },
    { GUEST_RAM1_BASE, GUEST_RAM1_SIZE },
};

#define REGIONS     (sizeof(regions) / sizeof(regions[0]))
#define CHUNK_BYTES ((uint64_t)CHUNK_PAGES * STREAM_PAGE_SIZE)
#define CHUNK_ORDER 9

uint64_t memory_chunks(void)
{
    uint64_t chunks = 0;

    for (unsigned i = 0; i < REGIONS; i++)
        chunks += regions[i].size / CHUNK_BYTES;
    return chunks;
}

uint64_t memory_chunk_gfn(uint64_t index)
{
    unsigned i = 0;

    for (; index >= regions[i].size / CHUNK_BYTES; i++)
        index -= regions[i].size / CHUNK_BYTES;
    return regions[i].base / STREAM_PAGE_SIZE + index * CHUNK_PAGES;
}

bool memory_chunk_index(uint64_t gfn, uint64_t *index)
{
    uint64_t address = gfn * STREAM_PAGE_SIZE;

    *index = 0;
    for (unsigned i = 0; i < REGIONS; i++) {
        if (address >= regions[i].base && address - regions[i].base < regions[i].size) {
            *index += (address - regions[i].base) / CHUNK_BYTES;
            return true;
        }
        *index += regions[i].size / CHUNK_BYTES;
    }
    return false;
}

int memory_used_chunks(const struct guest_memory *m, uint64_t *chunks)
{
    xen_pfn_t last;

    if (xc_domain_maximum_gpfn(m->xc, m->domid, &last))
        return -errno;
    *chunks = 0;
    for (uint64_t i = 0; i < memory_chunks() && memory_chunk_gfn(i) <= last; i++)
        *chunks = i + 1;
    return 0;
}

static bool is_zero(const uint8_t *page)
{
    const uint64_t *words = (const void *)page;

    for (unsigned i = 0; i < STREAM_PAGE_SIZE / sizeof(*words); i += 4)
        if (words[i] | words[i + 1] | words[i + 2] | words[i + 3])
            return false;
    return true;
}

/* The pages of `wanted`; *count: how many. */
static void list_pages(uint64_t gfn, const uint64_t wanted[CHUNK_WORDS], xen_pfn_t gfns[CHUNK_PAGES], unsigned *count)
{
    *count = 0;
    for (unsigned i = 0; i < CHUNK_PAGES; i++)
        if (chunk_bit(wanted, i))
            gfns[(*count)++] = gfn + i;
}

/* Sorts a page that is mapped at `from`, and keeps its content if there is any. */
static void read_page(struct chunk_record *chunk, unsigned page, const uint8_t *from, uint8_t **to)
{
    chunk_set(chunk->ram, page);
    if (is_zero(from))
        return;
    chunk_set(chunk->data, page);
    memcpy(*to, from, STREAM_PAGE_SIZE);
    *to += STREAM_PAGE_SIZE;
}

int memory_read(const struct guest_memory *m, struct chunk_record *chunk, uint8_t *pages)
{
    xen_pfn_t gfns[CHUNK_PAGES];
    int errors[CHUNK_PAGES], error = 0;
    unsigned count;
    uint8_t *from;

    memset(chunk->ram, 0, sizeof(chunk->ram));
    memset(chunk->data, 0, sizeof(chunk->data));
    list_pages(chunk->gfn, chunk->known, gfns, &count);
    if (!count)
        return 0;
    from = xenforeignmemory_map(m->foreign, m->domid, PROT_READ, count, gfns, errors);
    if (!from)
        return -errno;
    for (unsigned i = 0; i < count && !error; i++) {
        if (!errors[i])
            read_page(chunk, (unsigned)(gfns[i] - chunk->gfn), from + (size_t)i * STREAM_PAGE_SIZE, &pages);
        else if (errors[i] != -EINVAL)   /* which says that no RAM is there */
            error = errors[i];
    }
    if (xenforeignmemory_unmap(m->foreign, from, count) && !error)
        error = -errno;
    return error;
}

int memory_restore_begin(struct guest_memory *m)
{
    m->ram = calloc(memory_chunks(), sizeof(*m->ram));
    return m->ram ? 0 : -ENOMEM;
}

void memory_restore_end(struct guest_memory *m)
{
    free(m->ram);
    m->ram = NULL;
}

/* Gives the guest the pages of `wanted`, which it has not; zeroed, as the hypervisor gives them. */
static int populate(const struct guest_memory *m, uint64_t gfn, const uint64_t wanted[CHUNK_WORDS])
{
    xen_pfn_t gfns[CHUNK_PAGES];
    unsigned count;
    int done;

    list_pages(gfn, wanted, gfns, &count);
    if (count == CHUNK_PAGES && xc_domain_populate_physmap(m->xc, m->domid, 1, CHUNK_ORDER, 0, gfns) == 1)
        return 0;
    done = count ? xc_domain_populate_physmap(m->xc, m->domid, count, 0, 0, gfns) : 0;
    if (done < 0)
        return -errno;
    return (unsigned)done == count ? 0 : -ENOMEM;
}

static int depopulate(const struct guest_memory *m, uint64_t gfn, const uint64_t wanted[CHUNK_WORDS])
{
    xen_pfn_t gfns[CHUNK_PAGES];
    unsigned count;

    list_pages(gfn, wanted, gfns, &count);
    return count && xc_domain_decrease_reservation_exact(m->xc, m->domid, count, 0, gfns) ? -errno : 0;
}

/* pages NULL: zeroes. */
static int fill(const struct guest_memory *m, uint64_t gfn, const uint64_t wanted[CHUNK_WORDS], const uint8_t *pages)
{
    xen_pfn_t gfns[CHUNK_PAGES];
    unsigned count;
    uint8_t *to;

    list_pages(gfn, wanted, gfns, &count);
    if (!count)
        return 0;
    to = xenforeignmemory_map(m->foreign, m->domid, PROT_READ | PROT_WRITE, count, gfns, NULL);
    if (!to)
        return -errno;
    if (pages)
        memcpy(to, pages, (size_t)count * STREAM_PAGE_SIZE);
    else
        memset(to, 0, (size_t)count * STREAM_PAGE_SIZE);
    return xenforeignmemory_unmap(m->foreign, to, count) ? -errno : 0;
}

int memory_write(struct guest_memory *m, const struct chunk_record *chunk, const uint8_t *pages)
{
    uint64_t index, missing[CHUNK_WORDS], surplus[CHUNK_WORDS], stale[CHUNK_WORDS], *ram;
    int error;

    if (!memory_chunk_index(chunk->gfn, &index))
        return -EINVAL;
    ram = m->ram[index];
    for (unsigned i = 0; i < CHUNK_WORDS; i++) {
        missing[i] = chunk->ram[i] & ~ram[i];
        surplus[i] = chunk->known[i] & ~chunk->ram[i] & ram[i];
        stale[i] = chunk->ram[i] & ~chunk->data[i] & ram[i];   /* may hold what was, and is zero now */
        ram[i] = (ram[i] & ~chunk->known[i]) | chunk->ram[i];
    }
    error = populate(m, chunk->gfn, missing);
    if (!error)
        error = depopulate(m, chunk->gfn, surplus);
    if (!error)
        error = fill(m, chunk->gfn, stale, NULL);
    if (!error)
        error = fill(m, chunk->gfn, chunk->data, pages);
    /* There may be code in it: no instruction cache may hold what was in these frames before. */
    if (!error && xc_domain_cacheflush(m->xc, m->domid, chunk->gfn, CHUNK_PAGES))
        error = -errno;
    return error;
}

bool memory_restored(const struct guest_memory *m, uint64_t gfn)
{
    uint64_t index;

    return memory_chunk_index(gfn, &index) && chunk_bit(m->ram[index], gfn % CHUNK_PAGES);
}
