// SPDX-License-Identifier: Apache-2.0
/* See pack.h. The fastest level: it is a race with a disk or a link. */
#include "tools/helper/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 1

struct pack {
    ZSTD_CCtx *in;          /* NULL: nothing was compressed yet */
    ZSTD_DCtx *out;
    size_t most;
    uint8_t room[];         /* `most` bytes */
};

struct pack *pack_new(size_t most)
{
    struct pack *p = malloc(sizeof(*p) + most);

    if (p)
        *p = (struct pack){ .most = most };
    return p;
}

void pack_free(struct pack *p)
{
    if (!p)
        return;
    ZSTD_freeCCtx(p->in);
    ZSTD_freeDCtx(p->out);
    free(p);
}

const uint8_t *pack(struct pack *p, const void *data, size_t size, size_t *packed)
{
    size_t n;

    if (!p->in)
        p->in = ZSTD_createCCtx();
    if (!p->in || size > p->most)
        return NULL;
    n = ZSTD_compressCCtx(p->in, p->room, size, data, size, LEVEL);   /* a result no smaller does not fit */
    if (ZSTD_isError(n) || n >= size)
        return NULL;
    *packed = n;
    return p->room;
}

/*
 * The library reads more than RFC 8878's frames: those of its versions before that, by decoders that nobody maintains,
 * and several of them in a row, with anything between.
 */
static bool is_one_frame(const void *packed, size_t size)
{
    static const uint8_t magic[] = { 0x28, 0xb5, 0x2f, 0xfd };   /* RFC 8878, 3.1.1 */

    return size > sizeof(magic) && !memcmp(packed, magic, sizeof(magic)) &&
           ZSTD_findFrameCompressedSize(packed, size) == size;
}

int unpack(struct pack *p, const void *packed, size_t packed_size, size_t size, const uint8_t **content)
{
    size_t n;

    if (!p->out)
        p->out = ZSTD_createDCtx();
    if (!p->out)
        return -ENOMEM;
    if (size > p->most || !is_one_frame(packed, packed_size))
        return -EBADMSG;
    n = ZSTD_decompressDCtx(p->out, p->room, size, packed, packed_size);
    if (n != size)
        return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
    *content = p->room;
    return 0;
}
