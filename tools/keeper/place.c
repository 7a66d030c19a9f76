// SPDX-License-Identifier: Apache-2.0
/*
 * In the host's window, with all other memory nobody's: the image goes where it was, and the host goes on. The image is
 * marked as used when all of it is in memory, before the host is entered: a host that has run may not be resumed again,
 * and one that has not may.
 */
#include "tools/keeper/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/keeper/chunk.h"
#include "tools/keeper/disks.h"
#include "tools/keeper/kexec.h"
#include "tools/keeper/memory.h"

struct place {
    struct disk disk;
    struct image image;
    struct memory_view view;
    struct progress progress;
    struct chunk_reader *reader;
    const uint8_t *chunk;
    size_t loaded;   /* which chunk that is, and 1 */
};

/* The data from `at` on, as far as it is in one chunk; *size is at least a page. */
static int data_get(struct place *p, uint64_t at, const uint8_t **data, size_t *size)
{
    size_t n = at / IMAGE_CHUNK, from = at % IMAGE_CHUNK;
    int error = 0;

    if (p->loaded != n + 1) {
        error = chunk_read(p->reader, n, &p->chunk);
        p->loaded = error ? 0 : n + 1;
    }
    *data = p->chunk + from;
    *size = image_chunk_size(&p->image, n) - from;
    return error;
}

static int run_place(struct place *p, const Elf64_Phdr *run)
{
    int error = 0;

    for (uint64_t done = 0; !error && done < run->p_filesz;) {
        const uint8_t *data;
        size_t size;

        error = data_get(p, run->p_offset - IMAGE_DATA + done, &data, &size);
        if (size > run->p_filesz - done)
            size = run->p_filesz - done;
        if (!error)
            error = memory_write(&p->view, run->p_paddr + done, data, size);
        done += size;
        progress_add(&p->progress, size);
    }
    if (!error)
        error = memory_clear(&p->view, run->p_paddr + run->p_filesz, run->p_memsz - run->p_filesz);
    return error;
}

/* The kernel before this one has checked the image, and says from when to when. */
static void deeds_note(struct handover *h)
{
    struct handover_times *deeds = h->deeds;
    unsigned long long from, to;
    char words[64];

    if (!argument("keeper.checked", words, sizeof(words)) || sscanf(words, "%llu,%llu", &from, &to) != 2)
        return;
    deeds[HANDOVER_CHECKING] = (struct handover_times){ from + h->restored_bias, to + h->restored_bias };
    deeds[HANDOVER_OFF] = (struct handover_times){ deeds[HANDOVER_SAVING].end, deeds[HANDOVER_CHECKING].start };
    deeds[HANDOVER_RESTORING] = (struct handover_times){ deeds[HANDOVER_CHECKING].end,
                                                         machine_counter() + h->restored_bias };
}

/* The hypervisor, when it goes on, is told that its counter began again. */
static int tell_host(struct place *p)
{
    struct handover *h = &p->image.handover;
    struct image_times now = times_now();

    h->restored = 1;
    h->restored_bias = (uint64_t)image_bias(&p->image.times, (int64_t)h->counter_bias, &now, h->counter_frequency);
    deeds_note(h);
    return memory_write(&p->view, h->address, h, sizeof(*h));
}

static int place(struct place *p)
{
    struct image_header used = p->disk.header;
    const struct handover_range *window = &p->image.handover.window;
    struct handover_range own;
    int error = memory_open(&own);

    if (!error && (own.start != window->start || own.size != window->size))
        error = -EXDEV;
    p->reader = chunk_reader_new(p->disk.file, &p->image);
    if (!error && !p->reader)
        error = -ENOMEM;
    progress_begin(&p->progress, "restored", p->image.header.data_size);
    for (size_t n = 0; !error && n < p->image.count; n++)
        error = run_place(p, &p->image.loads[n]);
    if (error)
        return error;
    progress_end(&p->progress);
    image_set_state(&used, IMAGE_USED);
    error = tell_host(p);
    return error ? error : disk_write_header(&p->disk, &used);
}

void keeper_place(void)
{
    static struct place p;
    uint8_t id[IMAGE_ID];
    void *tables;
    const char *wrong;
    int error;

    if (!argument_id("keeper.id", id) || disk_find(&p.disk, 0, IMAGE_HIBERNATED, id)) {
        say("the image that was checked is not there any more");
        return;
    }
    wrong = image_open(&p.disk, &p.image, &tables);
    if (wrong) {
        say("the image that was right is not any more: %s", wrong);
        return;
    }
    error = place(&p);
    disk_close(&p.disk);
    if (error) {
        say("the image cannot be put back: %s", strerror(-error));
        return;
    }
    say("into the host");
    error = kexec_enter(p.image.handover.back_entry, p.image.handover.window.start);
    say("the host cannot be entered: %s", strerror(-error));
}
