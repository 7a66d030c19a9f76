// SPDX-License-Identifier: Apache-2.0
/*
 * The host's memory to the partition that the host has claimed. Whatever goes wrong, the host goes on: the claim is
 * turned into an image by one sector, written when all else has arrived.
 */
#include "tools/keeper/keeper.h"

#include <errno.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "tools/helper/pack.h"
#include "tools/keeper/debug.h"
#include "tools/keeper/disks.h"
#include "tools/keeper/kexec.h"
#include "tools/keeper/machine.h"
#include "tools/keeper/memory.h"
#include "tools/keeper/relay.h"

#define FRAMES_AT_ONCE 4096u   /* of the frame table */

struct save {
    struct disk disk;
    struct handover handover;
    struct memory_view pages, table;   /* where they are looked at */
    struct image_writer writer;
    struct progress progress;
    struct relay *relay;               /* chunks on their way to the disk, which has the writer's chunks: */
    uint8_t *chunk;                    /* the next one, if */
    size_t filled;                     /* bytes of it are */
    struct pack *pack;                 /* NULL: nothing is packed */
    uint8_t *packed;                   /* on pages */
    uint64_t *entries;                 /* a part of the frame table: */
    uint64_t entries_first, entries_count;
    uint8_t *sections;                 /* which parts of it are set up */
};

/* --- Which frames are in use */

static bool in_range(const struct handover_range *r, uint64_t address) { return address - r->start < r->size; }

static int sections_load(struct save *s)
{
    const struct handover_frames *f = &s->handover.frames;
    size_t size = (size_t)((f->count >> f->section_order) + 7) & ~(size_t)7;

    s->sections = malloc(size + 1);
    return s->sections ? memory_read(&s->table, f->sections, s->sections, size) : -ENOMEM;
}

static bool is_set_up(const struct save *s, uint64_t index)
{
    const struct handover_frames *f = &s->handover.frames;

    return s->sections[index >> f->section_order] >= f->section_set_up;
}

/* A page of the frame table: of a section that is not set up, only that of the first entry is kept. */
static bool table_page_counts(const struct save *s, uint64_t offset)
{
    const struct handover_frames *f = &s->handover.frames;
    uint64_t index = offset / f->entry_size;

    return index >= f->count || is_set_up(s, index) || index % (UINT64_C(1) << f->section_order) == 0;
}

/* Of the hypervisor's own memory, frames do not say that they are in use. */
static bool is_hypervisors(const struct save *s, uint64_t address)
{
    const struct handover *h = &s->handover;
    struct handover_range table = { h->frames.table, h->frames.size };

    if (in_range(&table, address))
        return table_page_counts(s, address - table.start);
    return in_range(&h->image, address) || in_range(&h->tree, address);
}

static int entries_load(struct save *s, uint64_t frame)
{
    const struct handover_frames *f = &s->handover.frames;
    uint64_t left = f->first + f->count - frame;

    s->entries_first = frame;
    s->entries_count = left < FRAMES_AT_ONCE ? left : FRAMES_AT_ONCE;
    return memory_read(&s->table, f->table + (frame - f->first) * f->entry_size, s->entries,
                       s->entries_count * f->entry_size);
}

static int frame_is_used(struct save *s, uint64_t frame, bool *used)
{
    const struct handover_frames *f = &s->handover.frames;
    uint64_t address = frame * IMAGE_PAGE, word = 0;
    int error = 0;

    if (is_set_up(s, frame - f->first)) {
        error = frame - s->entries_first < s->entries_count ? 0 : entries_load(s, frame);
        word = error ? 0 : s->entries[(frame - s->entries_first) * f->entry_size / sizeof(uint64_t)];
    }
    *used = !in_range(&s->handover.window, address) &&
            (((word >> f->state_shift) & f->state_mask) >= f->used_from || is_hypervisors(s, address));
    return error;
}

/* Calls `visit` for each frame in use, in ascending order, until it fails. */
static int for_each_used(struct save *s, int (*visit)(struct save *s, uint64_t address))
{
    const struct handover_frames *f = &s->handover.frames;
    int error = 0;

    for (uint64_t frame = f->first; !error && frame < f->first + f->count; frame++) {
        bool used;

        error = frame_is_used(s, frame, &used);
        if (!error && used)
            error = visit(s, frame * IMAGE_PAGE);
    }
    return error;
}

/* --- Pages to the disk */

static size_t whole_pages(size_t size) { return (size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE; }

/* The chunk as it is to be stored; *size bytes, and zeros up to a whole page. */
static const uint8_t *chunk_pack(struct save *s, const uint8_t *chunk, size_t *size)
{
    size_t filled = *size;
    const uint8_t *packed = s->pack ? pack(s->pack, chunk, filled, size) : NULL;

    if (!packed || whole_pages(*size) >= filled) {
        *size = filled;
        return chunk;
    }
    memcpy(s->packed, packed, *size);
    memset(s->packed + *size, 0, whole_pages(*size) - *size);
    return s->packed;
}

/* In the relay's thread. */
static int chunk_store(void *context, const uint8_t *chunk, size_t size)
{
    struct save *s = context;
    uint64_t at = IMAGE_DATA + s->writer.stored_size;
    const uint8_t *data = chunk_pack(s, chunk, &size);
    int error;

    if (at + whole_pages(size) > s->disk.size)
        return -ENOSPC;
    error = image_add_chunk(&s->writer, data, size);
    return error ? error : disk_write(&s->disk, at, data, whole_pages(size));
}

static int chunk_give(struct save *s)
{
    size_t filled = s->filled;

    s->filled = 0;
    return filled ? relay_give(s->relay, filled) : 0;
}

static int page_count(struct save *s, uint64_t address)
{
    (void)address;
    s->progress.total += IMAGE_PAGE;
    return 0;
}

static int page_save(struct save *s, uint64_t address)
{
    bool zero;
    int error;

    if (!s->filled)
        s->chunk = relay_buffer(s->relay);
    error = memory_read_page(&s->pages, address, s->chunk + s->filled, &zero);
    if (!error)
        error = image_add_page(&s->writer, address, zero);
    if (!error && !zero)
        s->filled += IMAGE_PAGE;
    if (!error && s->filled == IMAGE_CHUNK)
        error = chunk_give(s);
    progress_add(&s->progress, IMAGE_PAGE);
    return error;
}

static int pages_save(struct save *s)
{
    uint64_t total;
    int error = for_each_used(s, page_count), stored;

    total = s->progress.total;
    progress_begin(&s->progress, "saved", total);
    s->relay = relay_new(IMAGE_CHUNK, chunk_store, s);
    if (!error && !s->relay)
        error = -ENOMEM;
    if (!error)
        error = for_each_used(s, page_save);
    if (!error)
        error = chunk_give(s);
    stored = relay_end(s->relay);
    return error ? error : stored;
}

/* --- The tables, and then the header */

static int notes_store(struct save *s, enum image_state state, const struct image_note_text *notes, unsigned count)
{
    struct image_header header;
    void *tables = NULL, *buffer = NULL;
    int error = image_finish(&s->writer, notes, count, s->disk.header.id, state, &header, &tables);

    if (!error && image_tables_at(&header) + header.tables_size > s->disk.size)
        error = -ENOSPC;
    if (!error && !(buffer = disk_buffer(header.tables_size)))
        error = -ENOMEM;
    if (!error) {
        memcpy(buffer, tables, header.tables_size);
        error = disk_write(&s->disk, image_tables_at(&header), buffer, header.tables_size);
    }
    if (!error)
        error = disk_write_header(&s->disk, &header);
    free(buffer);
    free(tables);
    return error;
}

/* What was written to the host's disks has arrived before there is an image that counts on it. */
static int tables_store(struct save *s, enum image_state state, const char *machine)
{
    struct image_times times = times_now();
    struct image_disk *disks;
    size_t disk_count;
    char info_at[64] = "";
    int error = disks_look(&s->disk, &disks, &disk_count);
    struct image_note_text notes[5 + 2 * HANDOVER_CPUS_MAX] = {
        { "TORPOR", IMAGE_NOTE_HANDOVER, sizeof(s->handover), &s->handover },
        { "TORPOR", IMAGE_NOTE_MACHINE, (uint32_t)strlen(machine) + 1, machine },
        { "TORPOR", IMAGE_NOTE_TIMES, sizeof(times), &times },
        { "TORPOR", IMAGE_NOTE_DISKS, (uint32_t)(disk_count * sizeof(*disks)), disks },
    }, info;
    unsigned count = 4, registers;

    if (error) {
        free(disks);
        return error;
    }
    (void)argument("keeper.vmcoreinfo", info_at, sizeof(info_at));
    info = debug_vmcoreinfo(&s->pages, info_at);
    if (info.size)
        notes[count++] = info;
    registers = debug_registers(&s->pages, &s->handover.contexts, &notes[count]);
    error = notes_store(s, state, notes, count + registers);
    free((void *)info.data);
    while (registers)
        free((void *)notes[count + --registers].data);
    free(disks);
    return error;
}

/* That one is at an end. */
static void deed_done(struct handover *h, enum handover_deed deed)
{
    h->deeds[deed].end = machine_counter() + h->counter_bias;
}

static int save(struct save *s, enum image_state state)
{
    void *tree = machine_tree(0);
    char *machine = tree ? machine_text(tree) : NULL, how[8];
    int error = machine ? 0 : -EBADMSG;

    deed_done(&s->handover, HANDOVER_STARTING);
    s->handover.deeds[HANDOVER_SAVING].start = s->handover.deeds[HANDOVER_STARTING].end;
    s->writer.handover = &s->handover;
    s->packed = disk_buffer(IMAGE_CHUNK);
    if (argument("keeper.compress", how, sizeof(how)))
        s->pack = pack_new(IMAGE_CHUNK);
    s->entries = malloc(FRAMES_AT_ONCE * s->handover.frames.entry_size);
    if (!error && (!s->packed || !s->entries))
        error = -ENOMEM;
    if (!error)
        error = sections_load(s);
    if (!error)
        error = pages_save(s);
    if (!error)
        progress_end(&s->progress);
    deed_done(&s->handover, HANDOVER_SAVING);
    if (!error)
        error = tables_store(s, state, machine);
    if (!error)
        say("%zu runs of pages, %llu MiB stored on %s", s->writer.count,
            (unsigned long long)(s->writer.stored_size >> 20), s->disk.name);
    image_writer_free(&s->writer);
    pack_free(s->pack);
    free(s->packed);
    free(s->entries);
    free(s->sections);
    free(machine);
    free(tree);
    return error;
}

static int handover_read(struct save *s)
{
    struct handover_range own;
    uint64_t at;
    int error = argument_number("keeper.handover", &at) ? memory_open(&own) : -EINVAL;

    if (!error)
        error = memory_read(&s->pages, at, &s->handover, sizeof(s->handover));
    if (!error && (s->handover.magic != HANDOVER_MAGIC || s->handover.version != HANDOVER_VERSION ||
                   s->handover.size != sizeof(s->handover) || s->handover.window.start != own.start ||
                   s->handover.window.size != own.size ||
                   s->handover.frames.entry_size % 8 || !s->handover.frames.entry_size ||
                   s->handover.frames.section_order > 63))
        error = -EPROTO;
    return error;
}

void keeper_save(void)
{
    struct save s = { .disk.file = -1 };
    uint8_t id[IMAGE_ID];
    char how[16] = "";
    int error = handover_read(&s);
    bool off = argument("keeper", how, sizeof(how)) && strcmp(how, "hibernate") == 0;

    if (error) {
        say("the hypervisor's handover cannot be read (error %d)", -error);
        return;
    }
    if (s.handover.crashed) {
        /* its kernel was loaded for a hibernation or a snapshot that failed or is long past */
        say("nothing is saved: the host has crashed");
        error = -ECANCELED;
    }
    if (!error && off && s.handover.left_mpidr != s.handover.boot_mpidr) {
        say("nothing is saved: the host left on CPU %llx, and a machine begins on CPU %llx",
            (unsigned long long)s.handover.left_mpidr, (unsigned long long)s.handover.boot_mpidr);
        error = -EXDEV;
    }
    if (!error && (!argument_id("keeper.id", id) || disk_find(&s.disk, 0, IMAGE_CLAIMED, id))) {
        say("no disk or partition has the host's claim: is its driver missing?");
        error = -ENOENT;
    }
    if (!error) {
        error = save(&s, off ? IMAGE_HIBERNATED : IMAGE_SNAPSHOT);
        if (error)
            say("saving failed: %s; the host goes on", strerror(-error));
    }
    disk_close(&s.disk);
    if (!error && off) {
        say("the host is saved; powering off");
        reboot(RB_POWER_OFF);
    }
    /* the host goes on without its image, and would not know */
    (void)memory_write(&s.pages, s.handover.address + offsetof(struct handover, deeds), s.handover.deeds,
                       sizeof(s.handover.deeds));
    error = kexec_enter(s.handover.back_entry, s.handover.window.start);
    say("there is no way back: %s", strerror(-error));
}
