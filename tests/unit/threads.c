// SPDX-License-Identifier: Apache-2.0
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local uint32_t state = 1;

uint32_t threads_random(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

void threads_seed(uint32_t seed) { state = seed * 2654435761u | 1; }
bool threads_preempt(void) { return threads_random(3) == 0; }

void threads_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

static void *run(void *arg)
{
    struct thread *t = arg;

    threads_seed(t->seed);
    t->body(t->number);
    return NULL;
}

void threads_start(struct thread *t, unsigned count, void (*body)(unsigned thread), uint32_t seed)
{
    for (unsigned i = 0; i < count; i++) {
        t[i] = (struct thread){ .body = body, .number = i, .seed = seed + i };
        threads_expect(pthread_create(&t[i].id, NULL, run, &t[i]) == 0);
    }
}

void threads_join(struct thread *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        threads_expect(pthread_join(t[i].id, NULL) == 0);
}
