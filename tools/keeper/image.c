// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MARK     (EI_ABIVERSION + 1)   /* "TORPOR" and the state */
#define STATE    (MARK + 6)
#define PACKED   "\x7fZST"             /* instead of ELFMAG */

/* More than any machine has, and small enough for sums of a few of them. */
#define DATA_MAX (UINT64_C(1) << 52)

_Static_assert(STATE < EI_NIDENT && sizeof(struct image_header) <= IMAGE_SECTOR, "the header is one sector");

static uint64_t align(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

/* --- The header */

static uint64_t header_sum(const struct image_header *h)
{
    struct image_header copy = *h;

    copy.elf.e_ident[STATE] = 0;
    return XXH3_64bits(&copy, offsetof(struct image_header, sum));
}

bool image_is_ours(const struct image_header *h) { return memcmp(&h->elf.e_ident[MARK], "TORPOR", 6) == 0; }
enum image_state image_state(const struct image_header *h) { return (enum image_state)h->elf.e_ident[STATE]; }
void image_set_state(struct image_header *h, enum image_state state) { h->elf.e_ident[STATE] = (uint8_t)state; }

/* No ELF file: nobody takes it for an image. */
void image_claim(struct image_header *h, const uint8_t id[IMAGE_ID])
{
    *h = (struct image_header){ .version = IMAGE_VERSION };
    memcpy(&h->elf.e_ident[MARK], "TORPOR", 6);
    memcpy(h->id, id, IMAGE_ID);
    image_set_state(h, IMAGE_CLAIMED);
    h->sum = header_sum(h);
}

/* --- Writing */

/* One more of *items, of that size. False: no memory. */
static bool grow(void **items, size_t *room, size_t count, size_t size)
{
    size_t more = *room ? 2 * *room : 1024;
    void *larger;

    if (count < *room)
        return true;
    larger = reallocarray(*items, more, size);
    if (!larger)
        return false;
    *items = larger;
    *room = more;
    return true;
}

/* Where EL2 has that page: what its pointers say, for a debugger. */
static uint64_t address_at_el2(const struct handover *h, uint64_t address)
{
    uint64_t within = address - h->image.start;

    return within < h->image.size ? h->image_base + within : h->direct_map + address;
}

/* Behind the last page of the run, in both spaces, and no data behind its zeros. */
static bool continues(const struct image_writer *w, const Elf64_Phdr *last, uint64_t address, bool zero)
{
    return last->p_paddr + last->p_memsz == address &&
           last->p_vaddr + last->p_memsz == address_at_el2(w->handover, address) &&
           (zero || last->p_filesz == last->p_memsz);
}

int image_add_page(struct image_writer *w, uint64_t address, bool zero)
{
    Elf64_Phdr *last = w->count ? &w->loads[w->count - 1] : NULL;

    if (!last || !continues(w, last, address, zero)) {
        if (!grow((void **)&w->loads, &w->room, w->count, sizeof(*w->loads)))
            return -ENOMEM;
        last = &w->loads[w->count++];
        *last = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = IMAGE_DATA + w->data_size,
                              .p_paddr = address, .p_vaddr = address_at_el2(w->handover, address) };
    }
    last->p_memsz += IMAGE_PAGE;
    last->p_filesz += zero ? 0 : IMAGE_PAGE;
    w->data_size += zero ? 0 : IMAGE_PAGE;
    return 0;
}

int image_add_chunk(struct image_writer *w, const void *data, size_t size)
{
    if (!grow((void **)&w->chunks, &w->chunk_room, w->chunk_count, sizeof(*w->chunks)))
        return -ENOMEM;
    w->chunks[w->chunk_count++] = (struct image_chunk){ IMAGE_DATA + w->stored_size, size, XXH3_64bits(data, size) };
    w->stored_size += align(size, IMAGE_PAGE);
    return 0;
}

void image_writer_free(struct image_writer *w)
{
    free(w->loads);
    free(w->chunks);
}

static size_t note_size(const struct image_note_text *n)
{
    return sizeof(Elf64_Nhdr) + align(strlen(n->name) + 1, 4) + align(n->size, 4);
}

static uint8_t *note_write(uint8_t *at, const struct image_note_text *n)
{
    Elf64_Nhdr h = { .n_namesz = (Elf64_Word)strlen(n->name) + 1, .n_descsz = n->size, .n_type = n->type };

    memcpy(at, &h, sizeof(h));
    memcpy(at + sizeof(h), n->name, h.n_namesz);
    memcpy(at + sizeof(h) + align(h.n_namesz, 4), n->data, n->size);
    return at + note_size(n);
}

/* Where in the tables each of them stands. */
struct layout {
    uint64_t notes, notes_size, section, chunks, size;
};

static struct layout layout_of(const struct image_writer *w, const struct image_note_text *notes, unsigned count)
{
    struct layout l = { .notes = (w->count + 1) * sizeof(Elf64_Phdr) };

    for (unsigned i = 0; i < count; i++)
        l.notes_size += note_size(&notes[i]);
    l.section = align(l.notes + l.notes_size, 8);
    l.chunks = l.section + sizeof(Elf64_Shdr);
    l.size = align(l.chunks + w->chunk_count * sizeof(*w->chunks), IMAGE_PAGE);
    return l;
}

static Elf64_Ehdr elf_header(uint64_t tables, const struct layout *l, size_t headers)
{
    Elf64_Ehdr e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                     .e_type = ET_CORE, .e_machine = EM_AARCH64, .e_version = EV_CURRENT, .e_ehsize = sizeof(e),
                     .e_phoff = tables, .e_phentsize = sizeof(Elf64_Phdr) };

    memcpy(&e.e_ident[MARK], "TORPOR", 6);
    e.e_phnum = headers < PN_XNUM ? (Elf64_Half)headers : PN_XNUM;
    if (headers >= PN_XNUM) {   /* the real number is section 0's sh_info */
        e.e_shoff = tables + l->section;
        e.e_shentsize = sizeof(Elf64_Shdr);
        e.e_shnum = 1;
    }
    return e;
}

int image_finish(const struct image_writer *w, const struct image_note_text *notes, unsigned count,
                 const uint8_t id[IMAGE_ID], enum image_state state, struct image_header *h, void **tables)
{
    struct layout l = layout_of(w, notes, count);
    uint8_t *t = calloc(1, l.size), *at = t + l.notes;

    if (!t)
        return -ENOMEM;
    *h = (struct image_header){ .version = IMAGE_VERSION, .data_size = w->data_size, .stored_size = w->stored_size,
                                .tables = align(IMAGE_DATA + w->data_size, IMAGE_CHUNK), .tables_size = l.size,
                                .chunks = l.chunks };
    h->elf = elf_header(h->tables, &l, w->count + 1);
    if (h->stored_size != h->data_size)
        memcpy(h->elf.e_ident, PACKED, SELFMAG);   /* readers of ELF would follow offsets to elsewhere */
    memcpy(h->id, id, IMAGE_ID);
    ((Elf64_Phdr *)t)[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = h->tables + l.notes, .p_filesz = l.notes_size };
    memcpy((Elf64_Phdr *)t + 1, w->loads, w->count * sizeof(*w->loads));
    for (unsigned i = 0; i < count; i++)
        at = note_write(at, &notes[i]);
    *(Elf64_Shdr *)(t + l.section) = (Elf64_Shdr){ .sh_info = (Elf64_Word)(w->count + 1) };
    if (w->chunk_count)   /* else all is zero */
        memcpy(t + l.chunks, w->chunks, w->chunk_count * sizeof(*w->chunks));
    h->tables_sum = XXH3_64bits(t, l.size);
    h->sum = header_sum(h);
    image_set_state(h, state);
    *tables = t;
    return 0;
}

/* --- Reading */

const char *image_check_header(const struct image_header *h, uint64_t partition)
{
    bool packed = h->stored_size != h->data_size;

    if (!image_is_ours(h) || (memcmp(h->elf.e_ident, ELFMAG, SELFMAG) != 0 &&
                              memcmp(h->elf.e_ident, PACKED, SELFMAG) != 0))
        return "it is no image";
    if (h->version != IMAGE_VERSION)
        return "it is of another version";
    if (h->sum != header_sum(h))
        return "its header is damaged";
    if (h->data_size % IMAGE_PAGE || h->stored_size % IMAGE_PAGE || h->stored_size > h->data_size ||
        h->data_size > DATA_MAX || h->tables != align(IMAGE_DATA + h->data_size, IMAGE_CHUNK) ||
        memcmp(h->elf.e_ident, packed ? PACKED : ELFMAG, SELFMAG) != 0)
        return "its header lies";
    if (image_tables_at(h) > partition || h->tables_size > partition - image_tables_at(h))
        return "it is larger than the partition";
    if (h->tables_size % IMAGE_PAGE || h->tables_size > IMAGE_TABLES_MAX)
        return "its tables are too large";
    return NULL;
}

uint64_t image_tables_at(const struct image_header *h) { return align(IMAGE_DATA + h->stored_size, IMAGE_CHUNK); }

uint64_t image_core_data(const struct image *i) { return align(sizeof(i->header.elf) + i->header.chunks, IMAGE_PAGE); }

void image_core(const struct image *i, void *tables, struct image_core *core)
{
    const struct image_header *h = &i->header;
    Elf64_Phdr *p = tables;

    *core = (struct image_core){ .elf = h->elf, .tables_size = h->chunks, .size = image_core_data(i) };
    memcpy(core->elf.e_ident, ELFMAG, SELFMAG);
    core->elf.e_phoff = sizeof(core->elf);
    if (core->elf.e_shoff)
        core->elf.e_shoff += sizeof(core->elf) - h->tables;
    p[0].p_offset += sizeof(core->elf) - h->tables;   /* the notes */
    for (size_t n = 1; n <= i->count; n++) {
        p[n].p_offset = core->size;
        p[n].p_filesz = p[n].p_memsz;
        core->size += p[n].p_memsz;
    }
}

size_t image_chunk_size(const struct image *i, size_t chunk)
{
    uint64_t left = i->header.data_size - (uint64_t)chunk * IMAGE_CHUNK;

    return left < IMAGE_CHUNK ? left : IMAGE_CHUNK;
}

bool image_chunk_is_right(const struct image *i, size_t chunk, const void *stored)
{
    return i->chunks[chunk].sum == XXH3_64bits(stored, i->chunks[chunk].size);
}

/* One behind the other, none larger than what it has. */
static bool chunks_are_right(const struct image *i)
{
    uint64_t next = IMAGE_DATA;

    for (size_t n = 0; n < i->chunk_count; n++) {
        const struct image_chunk *c = &i->chunks[n];

        if (c->at != next || !c->size || c->size > image_chunk_size(i, n))
            return false;
        next += align(c->size, IMAGE_PAGE);
    }
    return next == IMAGE_DATA + i->header.stored_size;
}

/* [at, at + size) within the tables. */
static bool inside(const struct image_header *h, uint64_t at, uint64_t size)
{
    return at <= h->tables_size && size <= h->tables_size - at;
}

static bool overlaps(const struct handover_range *r, const Elf64_Phdr *p)
{
    return p->p_paddr < r->start + r->size && r->start < p->p_paddr + p->p_memsz;
}

/* Each run behind the one before it, in memory and in the data, whole pages, and none in the window. */
static bool loads_are_right(const struct image *i)
{
    uint64_t next = IMAGE_DATA, least = 0;

    for (size_t n = 0; n < i->count; n++) {
        const Elf64_Phdr *p = &i->loads[n];
        uint64_t end;

        if (p->p_type != PT_LOAD || (p->p_paddr | p->p_memsz | p->p_filesz) % IMAGE_PAGE || p->p_filesz > p->p_memsz ||
            p->p_offset != next || p->p_paddr < least || __builtin_add_overflow(p->p_paddr, p->p_memsz, &end) ||
            overlaps(&i->handover.window, p))
            return false;
        least = end;
        if (__builtin_add_overflow(next, p->p_filesz, &next) || next > IMAGE_DATA + i->header.data_size)
            return false;
    }
    return next == IMAGE_DATA + i->header.data_size;
}

static void note_take(struct image *i, const Elf64_Nhdr *n, const char *name, const void *data)
{
    if (n->n_namesz != sizeof("TORPOR") || memcmp(name, "TORPOR", sizeof("TORPOR")) != 0)
        return;
    if (n->n_type == IMAGE_NOTE_HANDOVER && n->n_descsz == sizeof(i->handover)) {
        memcpy(&i->handover, data, sizeof(i->handover));
    } else if (n->n_type == IMAGE_NOTE_TIMES && n->n_descsz == sizeof(i->times)) {
        memcpy(&i->times, data, sizeof(i->times));
        i->has_times = true;
    } else if (n->n_type == IMAGE_NOTE_MACHINE && n->n_descsz && !((const char *)data)[n->n_descsz - 1]) {
        i->machine = data;
    } else if (n->n_type == IMAGE_NOTE_DISKS && n->n_descsz % sizeof(struct image_disk) == 0) {
        i->disks = data;
        i->disk_count = n->n_descsz / sizeof(struct image_disk);
    }
}

static void notes_take(struct image *i, const uint8_t *at, uint64_t left)
{
    while (left >= sizeof(Elf64_Nhdr)) {
        const Elf64_Nhdr *n = (const Elf64_Nhdr *)at;
        uint64_t name = align(n->n_namesz, 4), size = sizeof(*n) + name + align(n->n_descsz, 4);

        if (size > left)
            return;
        note_take(i, n, (const char *)(n + 1), at + sizeof(*n) + name);
        at += size;
        left -= size;
    }
}

static bool handover_is_right(const struct handover *h)
{
    uint64_t end;

    return h->magic == HANDOVER_MAGIC && h->version == HANDOVER_VERSION && h->size == sizeof(*h) &&
           h->counter_frequency && h->window.size && !__builtin_add_overflow(h->window.start, h->window.size, &end) &&
           h->back_entry - h->image.start < h->image.size;
}

/* How many program headers there are. */
static uint64_t headers_of(const struct image_header *h, const uint8_t *tables)
{
    uint64_t section = h->elf.e_shoff - h->tables;

    if (h->elf.e_phnum != PN_XNUM)
        return h->elf.e_phnum;
    if (section % 8 || !inside(h, section, sizeof(Elf64_Shdr)))
        return 0;
    return ((const Elf64_Shdr *)(tables + section))->sh_info;
}

const char *image_check(struct image *i, const struct image_header *h, const void *tables)
{
    uint64_t headers, notes;
    const Elf64_Phdr *p = tables;

    *i = (struct image){ .header = *h, .chunk_count = (h->data_size + IMAGE_CHUNK - 1) / IMAGE_CHUNK };
    if (XXH3_64bits(tables, h->tables_size) != h->tables_sum)
        return "its tables are damaged";
    headers = headers_of(h, tables);
    if (h->elf.e_phoff != h->tables || !headers || !inside(h, 0, headers * sizeof(*p)) || h->chunks % 8 ||
        !inside(h, h->chunks, i->chunk_count * sizeof(*i->chunks)))
        return "its tables are cut off";
    i->loads = p + 1;
    i->count = headers - 1;
    i->chunks = (const struct image_chunk *)((const uint8_t *)tables + h->chunks);
    notes = p->p_offset - h->tables;
    if (p->p_type != PT_NOTE || notes % 8 || !inside(h, notes, p->p_filesz))
        return "its notes are cut off";
    notes_take(i, (const uint8_t *)tables + notes, p->p_filesz);
    if (!handover_is_right(&i->handover))
        return "it is of another Torpor, which this keeper does not know";
    if (!i->has_times || !i->machine || !i->disks)
        return "it lacks a note";
    return loads_are_right(i) && chunks_are_right(i) ? NULL : "its memory map lies";
}

/* --- Disks */

uint64_t image_disk_sum(const void *head, size_t size) { return XXH3_64bits(head, size); }

static bool disk_take(const struct image_disk *disk, struct image_disk *now, size_t count)
{
    for (size_t n = 0; n < count; n++)
        if (now[n].size == disk->size && now[n].sum == disk->sum) {
            now[n].size = 0;   /* no disk's */
            return true;
        }
    return false;
}

bool image_disks_are_same(const struct image *i, struct image_disk *now, size_t count)
{
    for (size_t n = 0; n < i->disk_count; n++) {
        struct image_disk disk;

        memcpy(&disk, (const uint8_t *)i->disks + n * sizeof(disk), sizeof(disk));
        if (!disk_take(&disk, now, count))
            return false;
    }
    return true;
}

/* --- Time */

int64_t image_bias(const struct image_times *then, int64_t bias_then, const struct image_times *now, uint64_t frequency)
{
    uint64_t away = then->seconds && now->seconds > then->seconds ? (now->seconds - then->seconds) * frequency : 0;

    return (int64_t)(then->counter + (uint64_t)bias_then + away - now->counter);
}
