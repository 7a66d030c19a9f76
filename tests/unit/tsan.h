// SPDX-License-Identifier: Apache-2.0
/* For the tests with threads under the thread sanitizer: each thread's own random numbers and its own clock that runs out. */
#pragma once

#include "fakes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local uint32_t thread_random;

static inline uint32_t below(uint32_t n)
{
    thread_random ^= thread_random << 13;
    thread_random ^= thread_random >> 17;
    thread_random ^= thread_random << 5;
    return thread_random % n;
}

/* A preempt_pending() of this thread's own. */
static inline bool sometimes(void) { return below(3) == 0; }

#define CHECK(cond) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort(); \
        } \
    } while (0)

/* Runs `threads` of `body`, each with a number of its own as argument; `seed` makes their random numbers. */
typedef void tsan_body(unsigned thread);

struct tsan_thread {
    pthread_t id;
    tsan_body *body;
    unsigned number;
    uint32_t seed;
};

static void *tsan_run(void *arg)
{
    struct tsan_thread *t = arg;

    thread_random = t->seed;
    t->body(t->number);
    return NULL;
}

static inline void tsan_start(struct tsan_thread *t, unsigned count, tsan_body *body, uint32_t seed)
{
    for (unsigned i = 0; i < count; i++) {
        t[i] = (struct tsan_thread){ .body = body, .number = i, .seed = (seed + i) * 2654435761u | 1 };
        CHECK(pthread_create(&t[i].id, NULL, tsan_run, &t[i]) == 0);
    }
}

static inline void tsan_join(struct tsan_thread *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CHECK(pthread_join(t[i].id, NULL) == 0);
}
