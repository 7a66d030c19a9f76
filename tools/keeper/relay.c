// SPDX-License-Identifier: Apache-2.0
#include "tools/keeper/relay.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tools/keeper/image.h"

#define BUFFERS 2u

struct relay {
    int (*work)(void *context, const uint8_t *buffer, size_t size);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;      /* for all below but the buffers' content */
    pthread_cond_t changed;
    uint8_t *buffers[BUFFERS];
    size_t sizes[BUFFERS];
    unsigned given, done;      /* how many, ever; what lies between is the thread's */
    bool ended;
    int error;
};

static void *run(void *data)
{
    struct relay *r = data;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        unsigned n = r->done % BUFFERS;
        int error = r->error;

        if (r->done == r->given && r->ended)
            break;
        if (r->done == r->given) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        pthread_mutex_unlock(&r->lock);
        if (!error)
            error = r->work(r->context, r->buffers[n], r->sizes[n]);
        pthread_mutex_lock(&r->lock);
        r->error = error;
        r->done++;
        pthread_cond_signal(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void relay_free(struct relay *r)
{
    for (unsigned n = 0; n < BUFFERS; n++)
        free(r->buffers[n]);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

struct relay *relay_new(size_t size, int (*work)(void *context, const uint8_t *buffer, size_t size), void *context)
{
    struct relay *r = calloc(1, sizeof(*r));
    bool whole = r;

    if (!r)
        return NULL;
    r->work = work;
    r->context = context;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    for (unsigned n = 0; n < BUFFERS; n++) {
        r->buffers[n] = aligned_alloc(IMAGE_PAGE, size);
        whole = whole && r->buffers[n];
    }
    if (whole && !pthread_create(&r->thread, NULL, run, r))
        return r;
    relay_free(r);
    return NULL;
}

uint8_t *relay_buffer(struct relay *r)
{
    uint8_t *buffer;

    pthread_mutex_lock(&r->lock);
    while (r->given - r->done == BUFFERS)
        pthread_cond_wait(&r->changed, &r->lock);
    buffer = r->buffers[r->given % BUFFERS];
    pthread_mutex_unlock(&r->lock);
    return buffer;
}

int relay_give(struct relay *r, size_t size)
{
    int error;

    pthread_mutex_lock(&r->lock);
    r->sizes[r->given++ % BUFFERS] = size;
    error = r->error;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return error;
}

int relay_end(struct relay *r)
{
    int error;

    if (!r)
        return 0;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    error = r->error;
    relay_free(r);
    return error;
}
