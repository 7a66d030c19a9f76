// SPDX-License-Identifier: Apache-2.0
/*
 * The machine was switched on. If there is an image that fits, a kernel is started in the host's window, where nothing
 * of the host is, to put its memory back (place.c): this one is in the way. Everything is read and checked here, while
 * it can still be left alone.
 */
#include "tools/keeper/keeper.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/keeper/chunk.h"
#include "tools/keeper/disks.h"
#include "tools/keeper/kexec.h"
#include "tools/keeper/machine.h"

#define MIB          (UINT64_C(1) << 20)
#define TREE_ROOM    65536u
#define COMMAND_LINE 2048

static const char *data_check(const struct disk *d, const struct image *i)
{
    struct chunk_reader *reader = chunk_reader_new(d->file, i);
    const char *wrong = reader ? NULL : "there is no memory to check it";
    struct progress p;

    progress_begin(&p, "checked", i->header.data_size);
    for (size_t n = 0; !wrong && n < i->chunk_count; n++) {
        const uint8_t *data;
        int error = chunk_read(reader, n, &data);

        if (error)
            wrong = error == -EBADMSG ? "its data are damaged" : "its data cannot be read";
        progress_add(&p, image_chunk_size(i, n));
    }
    if (!wrong)
        progress_end(&p);
    chunk_reader_free(reader);
    return wrong;
}

/* A kernel and its command line for the window, with the tree that says so. */
struct confined {
    void *kernel, *ramdisk, *tree;
    size_t kernel_size, ramdisk_size;
    uint64_t kernel_at, tree_at, ramdisk_at, bridge_at;
};

static const char *confined_read(struct confined *c, const struct handover_range *window)
{
    uint64_t end = window->start + window->size, room;

    c->kernel = file_read("/host/kernel", &c->kernel_size);
    c->ramdisk = file_read("/host/keeper.gz", &c->ramdisk_size);
    c->tree = machine_tree(TREE_ROOM);
    if (!c->kernel || !c->ramdisk || !c->tree)
        return "/host/kernel and /host/keeper.gz are not in this ramdisk";
    room = kexec_image_room(c->kernel, c->kernel_size);
    if (!room)
        return "/host/kernel is no kernel for this machine";
    c->kernel_at = (window->start + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);
    c->tree_at = (c->kernel_at + room + 2 * MIB - 1) / (2 * MIB) * (2 * MIB);
    c->bridge_at = c->tree_at + 2 * MIB;
    c->ramdisk_at = c->bridge_at + IMAGE_PAGE;
    return c->ramdisk_at + c->ramdisk_size + 16 * MIB < end ? NULL : "the host's window is too small for a kernel";
}

static void confined_free(struct confined *c)
{
    free(c->kernel);
    free(c->ramdisk);
    free(c->tree);
}

/* The words of this kernel's that tell where its console is. */
static void console_words(char *line, size_t size)
{
    size_t length;
    char *own = file_read("/proc/cmdline", &length), *rest = own, *word;

    while (rest && (word = strsep(&rest, " \n")))
        if ((strncmp(word, "console=", 8) == 0 || strncmp(word, "earlycon", 8) == 0) &&
            strlen(line) + strlen(word) + 2 < size) {
            strcat(line, word);
            strcat(line, " ");
        }
    free(own);
}

/* linux,usable-memory-range: the window alone (Linux Documentation/devicetree/bindings/chosen.txt). */
static int tree_confine(struct confined *c, const struct image *i, uint64_t began)
{
    const struct handover_range *w = &i->handover.window;
    fdt64_t range[2] = { cpu_to_fdt64(w->start), cpu_to_fdt64(w->size) };
    int chosen = fdt_path_offset(c->tree, "/chosen"), error;
    char line[COMMAND_LINE] = "";
    size_t used;

    if (chosen < 0 || fdt_address_cells(c->tree, 0) != 2 || fdt_size_cells(c->tree, 0) != 2)
        return -EBADMSG;
    console_words(line, sizeof(line) - 512);
    used = strlen(line);
    used += (size_t)snprintf(line + used, sizeof(line) - used, IMAGE_KERNEL_WORDS " keeper=place keeper.id=");
    for (unsigned n = 0; n < IMAGE_ID; n++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%02x", i->header.id[n]);
    snprintf(line + used, sizeof(line) - used, " keeper.checked=%llu,%llu", (unsigned long long)began,
             (unsigned long long)machine_counter());
    error = fdt_setprop_string(c->tree, chosen, "bootargs", line);
    error = error ? error : fdt_setprop(c->tree, chosen, "linux,usable-memory-range", range, sizeof(range));
    error = error ? error : fdt_setprop_u64(c->tree, chosen, "linux,initrd-start", c->ramdisk_at);
    error = error ? error : fdt_setprop_u64(c->tree, chosen, "linux,initrd-end", c->ramdisk_at + c->ramdisk_size);
    error = error ? error : fdt_pack(c->tree);
    return error ? -ENOSPC : 0;
}

/* `began`: when it began to be checked, by the machine's counter. */
static const char *confined_start(const struct image *i, uint64_t began)
{
    struct confined c = { 0 };
    const char *wrong = confined_read(&c, &i->handover.window);

    if (!wrong && tree_confine(&c, i, began))
        wrong = "the device tree cannot be changed";
    if (!wrong) {
        const struct kexec_part parts[] = {
            { c.kernel, c.kernel_size, c.kernel_at, kexec_image_room(c.kernel, c.kernel_size) },
            { c.tree, fdt_totalsize(c.tree), c.tree_at, 0 },
            { c.ramdisk, c.ramdisk_size, c.ramdisk_at, 0 },
        };

        say("the image is right; a kernel in the host's window puts it back");
        (void)kexec_boot(parts, sizeof(parts) / sizeof(parts[0]), c.kernel_at, c.tree_at, c.bridge_at);
        wrong = "the kernel in the window cannot be started";
    }
    confined_free(&c);
    return wrong;
}

static const char *fits(const struct image *i)
{
    void *tree = machine_tree(0);
    char *machine = tree ? machine_text(tree) : NULL;
    const char *wrong = machine && strcmp(machine, i->machine) == 0 ? NULL : "it is of another machine";

    free(machine);
    free(tree);
    return wrong;
}

/* File systems of the host's may not have been mounted since, by whomever. */
static const char *disks_check(const struct disk *d, const struct image *i)
{
    struct image_disk *now;
    size_t count;
    bool same = !disks_look(d, &now, &count) && image_disks_are_same(i, now, count);

    free(now);
    return same ? NULL : "a disk of the host is not as it was then, or not there";
}

/* Comes back if it cannot be. True: it is left for another time. */
static bool resume(struct disk *d)
{
    uint64_t began = machine_counter();
    struct image i;
    void *tables;
    const char *wrong = image_open(d, &i, &tables);

    say("an image is on %s", d->name);
    if (!wrong)
        wrong = fits(&i);
    if (!wrong)
        wrong = disks_check(d, &i);
    if (!wrong)
        wrong = data_check(d, &i);
    disk_close(d);
    if (wrong)
        say("the image on %s is left as it is: %s", d->name, wrong);
    else
        say("the image on %s is right, but %s; keeper=boot gives it up", d->name, confined_start(&i, began));
    free(tables);
    return wrong;
}

bool keeper_resume(void)
{
    struct disk d;
    unsigned seen = 0;

    while (!disk_find(&d, seen, IMAGE_HIBERNATED, NULL)) {
        if (!resume(&d))
            return false;
        seen++;
    }
    say("%s; the host boots as usual", seen ? "no image can be resumed" : "no image");
    return true;
}

static void give_up(struct disk *d)
{
    struct image_header h = d->header;

    image_set_state(&h, IMAGE_USED);
    say("the image on %s is given up%s", d->name, disk_write_header(d, &h) ? ", but cannot be marked so" : "");
}

void keeper_give_up(void)
{
    struct disk d;

    for (unsigned left = 0; !disk_find(&d, left, IMAGE_HIBERNATED, NULL);) {
        struct image i;
        void *tables;

        if (!image_open(&d, &i, &tables) && !fits(&i))
            give_up(&d);
        left += image_state(&d.header) == IMAGE_HIBERNATED;
        free(tables);
        disk_close(&d);
    }
}
