// SPDX-License-Identifier: Apache-2.0
/* Threads read ahead, each a chunk of its own: as many at once as there are slots, while one is looked at. */
#include "tools/keeper/chunk.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/helper/pack.h"

#define SLOTS 3u

struct slot {
    struct chunk_reader *reader;
    pthread_t thread;
    bool runs;              /* the thread was made */
    struct pack *pack;
    uint8_t *stored;
    /* Under the reader's lock; while it is wanted and not there, the thread's: */
    size_t chunk;           /* chunk n is only in slot n % SLOTS */
    bool wanted, there;
    const uint8_t *data;
    int error;
};

struct chunk_reader {
    int file;
    const struct image *image;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;             /* under the lock */
    struct slot slots[SLOTS];
};

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

static int slot_read(struct slot *s)
{
    const struct image *i = s->reader->image;
    const struct image_chunk *c = &i->chunks[s->chunk];
    size_t size = image_chunk_size(i, s->chunk);
    int error = file_read_at(s->reader->file, c->at, s->stored, (c->size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE);

    if (error)
        return error;
    if (!image_chunk_is_right(i, s->chunk, s->stored))
        return -EBADMSG;
    s->data = s->stored;
    return c->size == size ? 0 : unpack(s->pack, s->stored, c->size, size, &s->data);
}

static void *slot_run(void *data)
{
    struct slot *s = data;
    struct chunk_reader *r = s->reader;

    pthread_mutex_lock(&r->lock);
    while (!r->ended) {
        int error;

        if (!s->wanted || s->there) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        pthread_mutex_unlock(&r->lock);
        error = slot_read(s);
        pthread_mutex_lock(&r->lock);
        s->error = error;
        s->there = true;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static bool slot_begin(struct chunk_reader *r, struct slot *s)
{
    s->reader = r;
    s->pack = pack_new(IMAGE_CHUNK);
    s->stored = aligned_alloc(IMAGE_PAGE, IMAGE_CHUNK);
    s->runs = s->pack && s->stored && !pthread_create(&s->thread, NULL, slot_run, s);
    return s->runs;
}

static void slot_end(struct slot *s)
{
    if (s->runs)
        pthread_join(s->thread, NULL);
    if (s->pack)
        pack_free(s->pack);
    free(s->stored);
}

struct chunk_reader *chunk_reader_new(int file, const struct image *i)
{
    struct chunk_reader *r = calloc(1, sizeof(*r));
    bool whole = true;

    if (!r)
        return NULL;
    r->file = file;
    r->image = i;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    for (unsigned n = 0; whole && n < SLOTS; n++)
        whole = slot_begin(r, &r->slots[n]);
    if (whole)
        return r;
    chunk_reader_free(r);
    return NULL;
}

void chunk_reader_free(struct chunk_reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (unsigned n = 0; n < SLOTS; n++)
        slot_end(&r->slots[n]);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Waits for one that has another chunk under way: the reader's user goes back, or leaps. */
static void slot_want(struct chunk_reader *r, size_t chunk)
{
    struct slot *s = &r->slots[chunk % SLOTS];

    if (s->wanted && s->chunk == chunk)
        return;
    while (s->wanted && !s->there)
        pthread_cond_wait(&r->changed, &r->lock);
    s->chunk = chunk;
    s->wanted = true;
    s->there = false;
    pthread_cond_broadcast(&r->changed);
}

int chunk_read(struct chunk_reader *r, size_t chunk, const uint8_t **data)
{
    struct slot *s = &r->slots[chunk % SLOTS];
    int error;

    pthread_mutex_lock(&r->lock);
    for (size_t n = chunk; n < chunk + SLOTS && n < r->image->chunk_count; n++)
        slot_want(r, n);
    while (!s->there)
        pthread_cond_wait(&r->changed, &r->lock);
    *data = s->data;
    error = s->error;
    pthread_mutex_unlock(&r->lock);
    return error;
}
