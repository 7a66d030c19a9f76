// SPDX-License-Identifier: Apache-2.0
/*
 * Pages, compressed by Debian's libzstd, a chunk at a time: each is a zstd frame of its own (RFC 8878). Input is
 * hostile: it takes no more memory than was given for the result, whatever it says.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pack;

/* For results of at most `most` bytes. NULL: out of memory. */
struct pack *pack_new(size_t most);
void pack_free(struct pack *p);

/* Compressed, valid until the next call; its size is *packed. NULL: it gets no smaller. size: at most `most`. */
const uint8_t *pack(struct pack *p, const void *data, size_t size, size_t *packed);
/*
 * The content of one frame, which has to be exactly `size` bytes; valid until the next call. 0; -EBADMSG: it is not;
 * -ENOMEM, which says nothing of the frame.
 */
int unpack(struct pack *p, const void *packed, size_t packed_size, size_t size, const uint8_t **content);
