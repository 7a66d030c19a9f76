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

#include "tools/keeper/disks.h"
#include "tools/keeper/kexec.h"
#include "tools/keeper/machine.h"
#include "tools/keeper/memory.h"

#define FRAMES_AT_ONCE 4096u   /* of the frame table */

struct save {
    struct disk disk;
    struct handover handover;
    struct memory_view pages, table;   /* where they are looked at */
    struct image_writer writer;
    struct progress progress;
    uint8_t *chunk;
    size_t filled;                     /* of the chunk, bytes */
    uint64_t stored;                   /* of the data, bytes */
    uint64_t *entries;                 /* a part of the frame table: */
    uint64_t entries_first, entries_count;
};

/* --- Which frames are in use */

static bool in_range(const struct handover_range *r, uint64_t address) { return address - r->start < r->size; }

/* Of the hypervisor's own memory, frames do not say that they are in use. */
static bool is_hypervisors(const struct handover *h, uint64_t address)
{
    struct handover_range table = { h->frames.table, h->frames.size };

    return in_range(&h->image, address) || in_range(&table, address) || in_range(&h->tree, address);
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
    int error = frame - s->entries_first < s->entries_count ? 0 : entries_load(s, frame);
    uint64_t word = error ? 0 : s->entries[(frame - s->entries_first) * f->entry_size / sizeof(uint64_t)];
    uint64_t address = frame * IMAGE_PAGE;

    *used = !in_range(&s->handover.window, address) &&
            (((word >> f->state_shift) & f->state_mask) >= f->used_from || is_hypervisors(&s->handover, address));
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

static int chunk_store(struct save *s)
{
    int error;

    if (!s->filled)
        return 0;
    if (IMAGE_DATA + s->stored + s->filled > s->disk.size)
        return -ENOSPC;
    error = image_add_chunk(&s->writer, s->chunk, s->filled);
    if (!error)
        error = disk_write(&s->disk, IMAGE_DATA + s->stored, s->chunk, s->filled);
    s->stored += s->filled;
    s->filled = 0;
    return error;
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
    int error = memory_read_page(&s->pages, address, s->chunk + s->filled, &zero);

    if (!error)
        error = image_add_page(&s->writer, address, zero);
    if (!error && !zero)
        s->filled += IMAGE_PAGE;
    if (!error && s->filled == IMAGE_CHUNK)
        error = chunk_store(s);
    progress_add(&s->progress, IMAGE_PAGE);
    return error;
}

static int pages_save(struct save *s)
{
    uint64_t total;
    int error = for_each_used(s, page_count);

    total = s->progress.total;
    progress_begin(&s->progress, "saved", total);
    if (!error)
        error = for_each_used(s, page_save);
    if (!error)
        error = chunk_store(s);
    return error;
}

/* --- The tables, and then the header */

/* dom0's kernel says where its own structures are; crash(8) wants to know. Optional: size 0, if it cannot be read. */
static char *vmcoreinfo(struct save *s, uint32_t *size)
{
    char where[64], *text = NULL;
    unsigned long long at, length;

    *size = 0;
    if (!argument("keeper.vmcoreinfo", where, sizeof(where)) || sscanf(where, "%llx,%llx", &at, &length) != 2 ||
        at % 8 || length > IMAGE_PAGE || !(text = calloc(1, IMAGE_PAGE)) ||
        memory_read(&s->pages, at, text, (length + 7) / 8 * 8))
        return text;
    *size = (uint32_t)length;
    return text;
}

static int tables_store(struct save *s, enum image_state state, const char *machine)
{
    struct image_times times = times_now();
    uint32_t info_size;
    char *info = vmcoreinfo(s, &info_size);
    const struct image_note_text notes[] = {
        { "TORPOR", IMAGE_NOTE_HANDOVER, sizeof(s->handover), &s->handover },
        { "TORPOR", IMAGE_NOTE_MACHINE, (uint32_t)strlen(machine) + 1, machine },
        { "TORPOR", IMAGE_NOTE_TIMES, sizeof(times), &times },
        { "VMCOREINFO", 0, info_size, info },
    };
    struct image_header header;
    void *tables = NULL, *buffer = NULL;
    int error = image_finish(&s->writer, notes, sizeof(notes) / sizeof(notes[0]) - !info_size, s->disk.header.id, state,
                             &header, &tables);

    if (!error && header.tables + header.tables_size > s->disk.size)
        error = -ENOSPC;
    if (!error && !(buffer = disk_buffer(header.tables_size)))
        error = -ENOMEM;
    if (!error) {
        memcpy(buffer, tables, header.tables_size);
        error = disk_write(&s->disk, header.tables, buffer, header.tables_size);
    }
    if (!error)
        error = disk_write_header(&s->disk, &header);
    free(buffer);
    free(tables);
    free(info);
    return error;
}

static int save(struct save *s, enum image_state state)
{
    void *tree = machine_tree(0);
    char *machine = tree ? machine_text(tree) : NULL;
    int error = machine ? 0 : -EBADMSG;

    s->writer.handover = &s->handover;
    s->chunk = disk_buffer(IMAGE_CHUNK);
    s->entries = malloc(FRAMES_AT_ONCE * s->handover.frames.entry_size);
    if (!error && (!s->chunk || !s->entries))
        error = -ENOMEM;
    if (!error)
        error = pages_save(s);
    if (!error)
        error = tables_store(s, state, machine);
    if (!error) {
        progress_end(&s->progress);
        say("%zu runs of pages, %llu MiB stored on %s", s->writer.count, (unsigned long long)(s->stored >> 20),
            s->disk.name);
    }
    image_writer_free(&s->writer);
    free(s->chunk);
    free(s->entries);
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
                   s->handover.frames.entry_size % 8 || !s->handover.frames.entry_size))
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
    if (off && s.handover.left_mpidr != s.handover.boot_mpidr) {
        say("nothing is saved: the host left on CPU %llx, and a machine begins on CPU %llx",
            (unsigned long long)s.handover.left_mpidr, (unsigned long long)s.handover.boot_mpidr);
        error = -EXDEV;
    }
    if (!error && (!argument_id("keeper.id", id) || disk_find(&s.disk, IMAGE_CLAIMED, id))) {
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
    error = kexec_enter(s.handover.back_entry, s.handover.window.start);
    say("there is no way back: %s", strerror(-error));
}
