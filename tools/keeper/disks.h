// SPDX-License-Identifier: Apache-2.0
/* The partitions and disks of the machine, and the one with an image on it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tools/keeper/image.h"

struct disk {
    char name[64];               /* /dev/vdb */
    int file;                    /* past the page cache: buffers, offsets and sizes on IMAGE_PAGE */
    uint64_t size;
    struct image_header header;
};

/*
 * The one with that number, from 0, of those in the given state, and with that identifier unless it is NULL. *d is open
 * for reading and writing. -ENOENT: there are not so many.
 */
int disk_find(struct disk *d, unsigned number, enum image_state state, const uint8_t *id);
void disk_close(struct disk *d);
/* All of it, or -errno. */
int disk_read(const struct disk *d, uint64_t at, void *buffer, size_t size);
int disk_write(const struct disk *d, uint64_t at, const void *buffer, size_t size);
/* The header, when everything that was written before has arrived; it has arrived when this returns. */
int disk_write_header(struct disk *d, const struct image_header *h);
/* A buffer for these, zeroed; NULL: no memory. free(3) ends it. */
void *disk_buffer(size_t size);
/*
 * All but the image's own that can be written to, as they are now: *all is the caller's to free, it has *count of them.
 * What was written to each has arrived. A disk with partitions counts as those. -errno.
 */
int disks_look(const struct disk *own, struct image_disk **all, size_t *count);
/* Drivers of disks go: none of them uses memory any more. */
void disks_stop(void);
