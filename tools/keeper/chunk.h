// SPDX-License-Identifier: Apache-2.0
/* The data of an image on a disk, a chunk at a time: read, checked, unpacked. For the keeper and for torpor dump. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tools/keeper/image.h"

struct chunk_reader;

/* `file` is the image's disk, open past the page cache; it stays the caller's, as does *i. NULL: no memory. */
struct chunk_reader *chunk_reader_new(int file, const struct image *i);
void chunk_reader_free(struct chunk_reader *r);
/*
 * That chunk's data, image_chunk_size() bytes, until the next call. -EIO and others: it cannot be read; -EBADMSG: it is
 * not as it was written.
 */
int chunk_read(struct chunk_reader *r, size_t chunk, const uint8_t **data);

/* All of [at, at + size), or -errno. The three are multiples of IMAGE_PAGE. */
int file_read_at(int file, uint64_t at, void *buffer, size_t size);
