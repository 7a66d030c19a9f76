// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/helper/pack.h"

struct chunk_reader {
    int file;
    const struct image *image;
    struct pack *pack;
    uint8_t *stored;
};

struct chunk_reader *chunk_reader_new(int file, const struct image *i)
{
    struct chunk_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->file = file;
    r->image = i;
    r->pack = pack_new(IMAGE_CHUNK);
    r->stored = aligned_alloc(IMAGE_PAGE, IMAGE_CHUNK);
    if (r->pack && r->stored)
        return r;
    chunk_reader_free(r);
    return NULL;
}

void chunk_reader_free(struct chunk_reader *r)
{
    if (!r)
        return;
    if (r->pack)
        pack_free(r->pack);
    free(r->stored);
    free(r);
}

int file_read_at(int file, uint64_t at, void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(file, (char *)buffer + done, size - done, (off_t)(at + done));

        if (n <= 0)
            return n ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int chunk_read(struct chunk_reader *r, size_t chunk, const uint8_t **data)
{
    const struct image_chunk *c = &r->image->chunks[chunk];
    size_t size = image_chunk_size(r->image, chunk);
    int error = file_read_at(r->file, c->at, r->stored, (c->size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE);

    if (error)
        return error;
    if (!image_chunk_is_right(r->image, chunk, r->stored))
        return -EBADMSG;
    *data = c->size == size ? r->stored : unpack(r->pack, r->stored, c->size, size);
    return *data ? 0 : -EBADMSG;
}
