// SPDX-License-Identifier: Apache-2.0
/* See memory.h. */
#include "tools/helper/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xencall.h>
#include <xenctrl.h>

#include "hypervisor/abi/domctl_copy.h"

_Static_assert(CHUNK_PAGES == TORPOR_COPY_PAGES, "a chunk is what a call copies");

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
#define FLUSH_GAP   4       /* pages */

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

/* In strides that the compiler puts into vector registers: most pages of most guests are zero. */
static bool is_zero(const uint8_t *page)
{
    enum { STRIDE = 32 };
    const uint64_t *words = (const void *)page;

    for (unsigned i = 0; i < STREAM_PAGE_SIZE / sizeof(*words); i += STRIDE) {
        uint64_t any = 0;

        for (unsigned j = 0; j < STRIDE; j++)
            any |= words[i + j];
        if (any)
            return false;
    }
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

int memory_open(struct guest_memory *m)
{
    m->calls = xencall_open(NULL, 0);
    if (!m->calls)
        return -errno;
    m->op = xencall_alloc_buffer(m->calls, sizeof(struct xen_domctl));
    m->pages = xencall_alloc_buffer_pages(m->calls, CHUNK_PAGES);
    if (m->op && m->pages)
        return 0;
    memory_close(m);
    return -ENOMEM;
}

void memory_close(struct guest_memory *m)
{
    if (m->pages)
        xencall_free_buffer_pages(m->calls, m->pages, CHUNK_PAGES);
    if (m->op)
        xencall_free_buffer(m->calls, m->op);
    xencall_close(m->calls);
    m->pages = m->op = NULL;
}

/* The pages in `which`, from gfn on, to m->pages or back; which: afterwards those where there is RAM. */
static int copy_pages(const struct guest_memory *m, uint64_t gfn, uint64_t which[CHUNK_WORDS], bool write)
{
    struct torpor_domctl_copy_pages copy = { .gfn = gfn, .buffer = (uintptr_t)m->pages, .write = write };
    struct xen_domctl *op = m->op;

    memcpy(copy.pages, which, sizeof(copy.pages));
    *op = (struct xen_domctl){ .cmd = TORPOR_DOMCTL_COPY_PAGES, .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                               .domain = (domid_t)m->domid };
    memcpy(&op->u, &copy, sizeof(copy));
    if (xencall1(m->calls, __HYPERVISOR_domctl, (uintptr_t)op) < 0)
        return -errno;
    memcpy(&copy, &op->u, sizeof(copy));
    memcpy(which, copy.pages, sizeof(copy.pages));
    return 0;
}

/* Of the pages read, those of zeroes go, and the others move together. */
static void sort_pages(const struct guest_memory *m, struct chunk_record *chunk)
{
    const uint8_t *from = m->pages;
    uint8_t *to = m->pages;

    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        if (!chunk_bit(chunk->known, i))
            continue;
        if (chunk_bit(chunk->ram, i) && !is_zero(from)) {
            chunk_set(chunk->data, i);
            if (to != from)
                memcpy(to, from, STREAM_PAGE_SIZE);
            to += STREAM_PAGE_SIZE;
        }
        from += STREAM_PAGE_SIZE;
    }
}

int memory_read(const struct guest_memory *m, struct chunk_record *chunk)
{
    int error;

    memcpy(chunk->ram, chunk->known, sizeof(chunk->ram));
    memset(chunk->data, 0, sizeof(chunk->data));
    if (!chunk_count(chunk->known))
        return 0;
    error = copy_pages(m, chunk->gfn, chunk->ram, false);
    if (!error)
        sort_pages(m, chunk);
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
    size_t size = (size_t)chunk_count(wanted) * STREAM_PAGE_SIZE;
    uint64_t which[CHUNK_WORDS];

    if (!size)
        return 0;
    if (pages)
        memcpy(m->pages, pages, size);
    else
        memset(m->pages, 0, size);
    memcpy(which, wanted, sizeof(which));
    return copy_pages(m, gfn, which, true);
}

/*
 * There may be code in what was written: no instruction cache may hold these frames' old content. Pages of zeroes that
 * came anew hold none, and stand in memory as they are. A few pages between two are cheaper than another call.
 */
static int flush(const struct guest_memory *m, uint64_t gfn, const uint64_t written[CHUNK_WORDS])
{
    unsigned begin = CHUNK_PAGES, end = 0;   /* not flushed yet, when begin < end */

    for (unsigned i = 0; i < CHUNK_PAGES; i++) {
        if (!chunk_bit(written, i))
            continue;
        if (begin < end && i - end > FLUSH_GAP) {
            if (xc_domain_cacheflush(m->xc, m->domid, gfn + begin, end - begin))
                return -errno;
            begin = i;
        }
        begin = begin < end ? begin : i;
        end = i + 1;
    }
    return begin < end && xc_domain_cacheflush(m->xc, m->domid, gfn + begin, end - begin) ? -errno : 0;
}

int memory_write(struct guest_memory *m, const struct chunk_record *chunk, const uint8_t *pages)
{
    uint64_t index, missing[CHUNK_WORDS], surplus[CHUNK_WORDS], stale[CHUNK_WORDS], written[CHUNK_WORDS], *ram;
    int error;

    if (!memory_chunk_index(chunk->gfn, &index))
        return -EINVAL;
    ram = m->ram[index];
    for (unsigned i = 0; i < CHUNK_WORDS; i++) {
        missing[i] = chunk->ram[i] & ~ram[i];
        surplus[i] = chunk->known[i] & ~chunk->ram[i] & ram[i];
        stale[i] = chunk->ram[i] & ~chunk->data[i] & ram[i];   /* may hold old content, and is zero now */
        written[i] = stale[i] | chunk->data[i];
        ram[i] = (ram[i] & ~chunk->known[i]) | chunk->ram[i];
    }
    error = populate(m, chunk->gfn, missing);
    if (!error)
        error = depopulate(m, chunk->gfn, surplus);
    if (!error)
        error = fill(m, chunk->gfn, stale, NULL);
    if (!error)
        error = fill(m, chunk->gfn, chunk->data, pages);
    return error ? error : flush(m, chunk->gfn, written);
}

bool memory_restored(const struct guest_memory *m, uint64_t gfn)
{
    uint64_t index;

    return memory_chunk_index(gfn, &index) && chunk_bit(m->ram[index], gfn % CHUNK_PAGES);
}
