// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/memory.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/keeper/keeper.h"

#define VIEW (UINT64_C(16) << 20)

static int file = -1;
static uint64_t own_start, own_end;
static size_t line;   /* of the data caches, bytes */

/* Linux Documentation/devicetree/bindings/chosen.txt; two cells each, as everywhere where addresses have 64 bits. */
static int own_find(struct handover_range *own)
{
    size_t size;
    char *cells = file_read("/proc/device-tree/chosen/linux,usable-memory-range", &size);
    uint64_t words[2];
    int error = cells && size == sizeof(words) ? 0 : -ENOENT;

    if (!error) {
        memcpy(words, cells, sizeof(words));
        *own = (struct handover_range){ be64toh(words[0]), be64toh(words[1]) };
    }
    free(cells);
    return error;
}

int memory_open(struct handover_range *own)
{
    uint64_t ctr;
    int error = own_find(own);

    if (error)
        return error;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    line = 4u << ((ctr >> 16) & 15);   /* DminLine */
    own_start = own->start;
    own_end = own->start + own->size;
    file = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
    return file < 0 ? -errno : 0;
}

/* What of memory lies around the address, without anything that is this kernel's. */
static int view_move(struct memory_view *v, uint64_t address)
{
    uint64_t start = address / VIEW * VIEW, end = start + VIEW;

    if (address - own_start < own_end - own_start)
        return -EPERM;
    if (address < own_start && end > own_start)
        end = own_start;
    if (address >= own_end && start < own_end)
        start = own_end;
    if (v->size)
        munmap(v->at, v->size);
    *v = (struct memory_view){ .start = start };
    v->at = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)start);
    if (v->at == MAP_FAILED)
        return -errno;
    v->size = end - start;
    return 0;
}

static void forget_lines(const uint8_t *at, size_t size)
{
    for (const uint8_t *p = at; p < at + size; p += line)
        __asm__ volatile("dc civac, %0" : : "r"(p) : "memory");
    __asm__ volatile("dsb sy" : : : "memory");
}

/* As much of [address, address + size) as one view has, without lines in the caches. */
static int view_part(struct memory_view *v, uint64_t address, size_t size, volatile uint64_t **words, size_t *count)
{
    uint64_t from;
    int error = address - v->start < v->size ? 0 : view_move(v, address);

    if (error)
        return error;
    from = address - v->start;
    if (size > v->size - from)
        size = v->size - from;
    forget_lines(v->at + from, size);
    *words = (volatile uint64_t *)(v->at + from);
    *count = size / sizeof(uint64_t);
    return 0;
}

/* *any: all words read, one or the other. */
static int read_words(struct memory_view *v, uint64_t address, void *buffer, size_t size, uint64_t *any)
{
    uint64_t *to = buffer, seen = 0;

    while (size) {
        volatile uint64_t *from;
        size_t count;
        int error = view_part(v, address, size, &from, &count);

        if (error)
            return error;
        for (size_t i = 0; i < count; i++)
            seen |= *to++ = from[i];
        address += count * sizeof(*to);
        size -= count * sizeof(*to);
    }
    *any = seen;
    return 0;
}

int memory_read(struct memory_view *v, uint64_t address, void *buffer, size_t size)
{
    uint64_t any;

    return read_words(v, address, buffer, size, &any);
}

int memory_read_page(struct memory_view *v, uint64_t address, void *buffer, bool *zero)
{
    uint64_t any = 0;
    int error = read_words(v, address, buffer, MEMORY_PAGE, &any);

    *zero = !any;
    return error;
}

int memory_write(struct memory_view *v, uint64_t address, const void *buffer, size_t size)
{
    const uint64_t *from = buffer;

    while (size) {
        volatile uint64_t *to;
        size_t count;
        int error = view_part(v, address, size, &to, &count);

        if (error)
            return error;
        for (size_t i = 0; i < count; i++)
            to[i] = *from++;
        address += count * sizeof(*from);
        size -= count * sizeof(*from);
    }
    return 0;
}

int memory_clear(struct memory_view *v, uint64_t address, uint64_t size)
{
    static const uint64_t zeros[MEMORY_PAGE / sizeof(uint64_t)];
    int error = 0;

    for (uint64_t done = 0; !error && done < size; done += sizeof(zeros))
        error = memory_write(v, address + done, zeros, sizeof(zeros));
    return error;
}
