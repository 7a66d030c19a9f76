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

#include "tools/keeper/disks.h"
#include "tools/keeper/kexec.h"
#include "tools/keeper/machine.h"

#define MIB          (UINT64_C(1) << 20)
#define TREE_ROOM    65536u
#define COMMAND_LINE 2048

static const char *data_check(const struct disk *d, const struct image *i)
{
    void *chunk = disk_buffer(IMAGE_CHUNK);
    const char *wrong = chunk ? NULL : "there is no memory to check it";
    struct progress p;

    progress_begin(&p, "checked", i->header.data_size);
    for (size_t n = 0; !wrong && n < i->chunks; n++) {
        size_t size = image_chunk_size(i, n);

        if (disk_read(d, IMAGE_DATA + (uint64_t)n * IMAGE_CHUNK, chunk, size))
            wrong = "its data cannot be read";
        else if (!image_chunk_is_right(i, n, chunk))
            wrong = "its data are damaged";
        progress_add(&p, size);
    }
    if (!wrong)
        progress_end(&p);
    free(chunk);
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
static int tree_confine(struct confined *c, const struct image *i)
{
    const struct handover_range *w = &i->handover.window;
    fdt64_t range[2] = { cpu_to_fdt64(w->start), cpu_to_fdt64(w->size) };
    int chosen = fdt_path_offset(c->tree, "/chosen"), error;
    char line[COMMAND_LINE] = "";
    size_t used;

    if (chosen < 0 || fdt_address_cells(c->tree, 0) != 2 || fdt_size_cells(c->tree, 0) != 2)
        return -EBADMSG;
    console_words(line, sizeof(line) - 128);
    used = strlen(line);
    used += (size_t)snprintf(line + used, sizeof(line) - used, IMAGE_KERNEL_WORDS " keeper=place keeper.id=");
    for (unsigned n = 0; n < IMAGE_ID; n++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%02x", i->header.id[n]);
    error = fdt_setprop_string(c->tree, chosen, "bootargs", line);
    error = error ? error : fdt_setprop(c->tree, chosen, "linux,usable-memory-range", range, sizeof(range));
    error = error ? error : fdt_setprop_u64(c->tree, chosen, "linux,initrd-start", c->ramdisk_at);
    error = error ? error : fdt_setprop_u64(c->tree, chosen, "linux,initrd-end", c->ramdisk_at + c->ramdisk_size);
    error = error ? error : fdt_pack(c->tree);
    return error ? -ENOSPC : 0;
}

static const char *confined_start(const struct image *i)
{
    struct confined c = { 0 };
    const char *wrong = confined_read(&c, &i->handover.window);

    if (!wrong && tree_confine(&c, i))
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

bool keeper_resume(void)
{
    struct disk d;
    struct image i;
    void *tables;
    const char *wrong;
    bool right;

    if (disk_find(&d, IMAGE_HIBERNATED, NULL)) {
        say("no image; the host boots as usual");
        return true;
    }
    say("an image is on %s", d.name);
    wrong = image_open(&d, &i, &tables);
    if (!wrong)
        wrong = fits(&i);
    if (!wrong)
        wrong = data_check(&d, &i);
    disk_close(&d);
    right = !wrong;
    if (right)
        say("the image on %s is right, but %s; keeper=boot gives it up", d.name, confined_start(&i));
    else
        say("the image on %s is left as it is, for %s; the host boots as usual", d.name, wrong);
    free(tables);
    return !right;
}

void keeper_give_up(void)
{
    struct disk d;
    struct image i;
    void *tables;

    if (disk_find(&d, IMAGE_HIBERNATED, NULL))
        return;
    if (!image_open(&d, &i, &tables) && !fits(&i)) {
        struct image_header h = d.header;

        image_set_state(&h, IMAGE_USED);
        say("the image on %s is given up%s", d.name, disk_write_header(&d, &h) ? ", but cannot be marked so" : "");
    }
    free(tables);
    disk_close(&d);
}
