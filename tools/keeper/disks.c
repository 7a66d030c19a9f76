// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/keeper/chunk.h"

#define VIRTIO_BLOCK "/sys/bus/virtio/drivers/virtio_blk"

void *disk_buffer(size_t size)
{
    void *buffer = aligned_alloc(IMAGE_PAGE, (size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE);

    if (buffer)
        memset(buffer, 0, size);
    return buffer;
}

int disk_read(const struct disk *d, uint64_t at, void *buffer, size_t size)
{
    return file_read_at(d->file, at, buffer, size);
}

int disk_write(const struct disk *d, uint64_t at, const void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(d->file, (const char *)buffer + done, size - done, (off_t)(at + done));

        if (n <= 0)
            return n ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int disk_write_header(struct disk *d, const struct image_header *h)
{
    void *sector = disk_buffer(IMAGE_PAGE);
    int error = sector ? 0 : -ENOMEM;

    if (!error && fdatasync(d->file))
        error = -errno;
    if (!error) {
        memcpy(sector, h, sizeof(*h));
        error = disk_write(d, 0, sector, IMAGE_PAGE);
    }
    if (!error && fdatasync(d->file))
        error = -errno;
    if (!error)
        d->header = *h;
    free(sector);
    return error;
}

static int disk_open(struct disk *d, const char *path)
{
    void *sector = disk_buffer(IMAGE_PAGE);
    int error;

    *d = (struct disk){ .file = -1 };
    snprintf(d->name, sizeof(d->name), "/dev/%s", strrchr(path, '/') + 1);
    d->file = sector ? open(d->name, O_RDWR | O_DIRECT | O_CLOEXEC) : -1;
    error = d->file < 0 || ioctl(d->file, BLKGETSIZE64, &d->size) ? -EIO : disk_read(d, 0, sector, IMAGE_PAGE);
    if (!error)
        memcpy(&d->header, sector, sizeof(d->header));
    free(sector);
    if (error)
        disk_close(d);
    return error;
}

void disk_close(struct disk *d)
{
    if (d->file >= 0)
        close(d->file);
    d->file = -1;
}

int disk_find(struct disk *d, unsigned number, enum image_state state, const uint8_t *id)
{
    glob_t all;
    int error = -ENOENT;

    if (glob("/sys/class/block/*", 0, NULL, &all))
        return -ENOENT;
    for (size_t i = 0; error && i < all.gl_pathc; i++) {
        if (disk_open(d, all.gl_pathv[i]))
            continue;
        if (image_is_ours(&d->header) && image_state(&d->header) == state &&
            (!id || memcmp(d->header.id, id, IMAGE_ID) == 0) && !number--)
            error = 0;
        else
            disk_close(d);
    }
    globfree(&all);
    return error;
}

/* --- The host's disks */

static bool has_partitions(const char *path)
{
    char pattern[512];
    glob_t parts;
    bool any;

    snprintf(pattern, sizeof(pattern), "%s/*/partition", path);
    any = glob(pattern, 0, NULL, &parts) == 0;
    globfree(&parts);
    return any;
}

/* One that cannot be opened, or never written to, has nothing of the host's that could go on. */
static int disk_look(const char *name, struct image_disk *look, uint8_t *head)
{
    int file = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC), fixed = 1, error = 0;
    size_t size;

    *look = (struct image_disk){ 0 };
    if (file < 0)
        return 0;
    if (!ioctl(file, BLKROGET, &fixed) && !fixed && !ioctl(file, BLKGETSIZE64, &look->size) && look->size) {
        const struct disk d = { .file = file };

        size = look->size < IMAGE_DISK_HEAD ? look->size : IMAGE_DISK_HEAD;
        error = disk_read(&d, 0, head, size);
        look->sum = image_disk_sum(head, size);
        if (!error && fsync(file))
            error = -errno;
    }
    close(file);
    return error;
}

int disks_look(const struct disk *own, struct image_disk **all, size_t *count)
{
    uint8_t *head = disk_buffer(IMAGE_DISK_HEAD);
    glob_t found;
    int error = 0;

    *all = NULL;
    *count = 0;
    if (glob("/sys/class/block/*", 0, NULL, &found)) {
        free(head);
        return -ENOENT;
    }
    *all = calloc(found.gl_pathc, sizeof(**all));
    if (!head || !*all)
        error = -ENOMEM;
    for (size_t i = 0; !error && i < found.gl_pathc; i++) {
        char name[sizeof(own->name)];

        snprintf(name, sizeof(name), "/dev/%s", strrchr(found.gl_pathv[i], '/') + 1);
        if (strcmp(name, own->name) == 0 || has_partitions(found.gl_pathv[i]))
            continue;
        error = disk_look(name, &(*all)[*count], head);
        *count += (*all)[*count].size != 0;
    }
    globfree(&found);
    free(head);
    return error;
}

/* --- The end of them */

/* Resets them. Their memory belongs to another kernel soon. */
void disks_stop(void)
{
    glob_t all;

    if (glob(VIRTIO_BLOCK "/virtio*", 0, NULL, &all))
        return;
    for (size_t i = 0; i < all.gl_pathc; i++) {
        FILE *file = fopen(VIRTIO_BLOCK "/unbind", "we");

        if (file) {
            fputs(strrchr(all.gl_pathv[i], '/') + 1, file);
            fclose(file);
        }
    }
    globfree(&all);
}
