// SPDX-License-Identifier: Apache-2.0
/* sources: tools/keeper/image.c */
/*
 * Random bytes as the header and the tables of a host's image (libFuzzer), with the checksums put right: whatever is
 * let through may be followed wherever it leads.
 */
#include "tools/keeper/image.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PARTITION (UINT64_C(1) << 30)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static void seal(struct image_header *h, const void *tables)
{
    enum image_state state = image_state(h);

    h->tables_sum = XXH3_64bits(tables, h->tables_size);
    image_set_state(h, 0);
    h->sum = XXH3_64bits(h, offsetof(struct image_header, sum));
    image_set_state(h, state);
}

static volatile uint64_t looked_at;   /* so that what was looked at counts */

/* Every byte that a user of the image looks at has to be there, for the sanitizers to see. */
static uint64_t look_at(const struct image *i)
{
    uint64_t seen = strlen(i->machine), next = IMAGE_DATA;

    for (size_t n = 0; n < i->chunk_count; n++) {
        if (i->chunks[n].size > image_chunk_size(i, n) || i->chunks[n].at % IMAGE_PAGE ||
            i->chunks[n].at + i->chunks[n].size > image_tables_at(&i->header))
            abort();
        seen ^= i->chunks[n].sum;
    }
    seen ^= image_disks_are_same(i, NULL, 0);
    for (size_t n = 0; n < i->count; n++) {
        const Elf64_Phdr *p = &i->loads[n];

        if (p->p_offset != next || p->p_filesz > p->p_memsz || p->p_paddr + p->p_memsz < p->p_paddr)
            abort();
        next += p->p_filesz;
    }
    if (next != IMAGE_DATA + i->header.data_size ||
        (i->chunk_count && image_chunk_size(i, i->chunk_count - 1) > IMAGE_CHUNK))
        abort();
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_header h;
    struct image i;
    size_t room = size > sizeof(h) ? (size - sizeof(h)) / IMAGE_PAGE * IMAGE_PAGE : 0;
    uint8_t *tables = room ? malloc(room) : NULL;

    if (!tables)
        return 0;
    memcpy(&h, data, sizeof(h));
    memcpy(tables, data + sizeof(h), room);
    h.tables_size = room;
    seal(&h, tables);
    if (!image_check_header(&h, PARTITION) && !image_check(&i, &h, tables))
        looked_at = look_at(&i);
    free(tables);
    return 0;
}

/* --- The first input: a small image that is right */

static size_t make_seed(uint8_t *data, size_t most)
{
    static const uint8_t id[IMAGE_ID], page[IMAGE_PAGE];
    struct handover handover = { .magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .size = sizeof(handover),
                                 .window = { 0x1000, 0x1000 }, .image = { 0, 0x1000 }, .counter_frequency = 1 };
    struct image_times times = { 1, 1 };
    struct image_disk disk = { 1, 1 };
    struct image_note_text notes[] = {
        { "TORPOR", IMAGE_NOTE_HANDOVER, sizeof(handover), &handover },
        { "TORPOR", IMAGE_NOTE_MACHINE, 2, "m" },
        { "TORPOR", IMAGE_NOTE_TIMES, sizeof(times), &times },
        { "TORPOR", IMAGE_NOTE_DISKS, sizeof(disk), &disk },
    };
    struct image_writer w = { .handover = &handover };
    struct image_header h;
    void *tables;
    size_t size;

    if (image_add_page(&w, 0x2000, false) || image_add_page(&w, 0x3000, true) || image_add_page(&w, 0x8000, false) ||
        image_add_chunk(&w, page, sizeof(page)) || image_finish(&w, notes, 4, id, IMAGE_HIBERNATED, &h, &tables))
        abort();
    size = sizeof(h) + h.tables_size;
    if (size <= most) {
        memcpy(data, &h, sizeof(h));
        memcpy(data + sizeof(h), tables, h.tables_size);
    }
    free(tables);
    image_writer_free(&w);
    return size <= most ? size : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    (void)seed;
    if (size < sizeof(struct image_header) + IMAGE_PAGE)
        return make_seed(data, most);
    return LLVMFuzzerMutate(data, size, most);
}
