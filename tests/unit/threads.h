// SPDX-License-Identifier: Apache-2.0
/* Several CPUs at once on the real code, as threads, for the thread sanitizer. */
#pragma once

#include "lib/base.h"

#include <pthread.h>

/* Each thread's own. */
uint32_t threads_random(uint32_t below);
void threads_seed(uint32_t seed);       /* the main thread's */
bool threads_preempt(void);             /* now and then: for preempt_pending() */

/* A broken expectation ends the program. */
NORETURN void threads_fail(const char *file, int line, const char *what);
#define threads_expect(condition) ((condition) ? (void)0 : threads_fail(__FILE__, __LINE__, #condition))

struct thread {
    pthread_t id;
    void (*body)(unsigned thread);
    unsigned number;
    uint32_t seed;
};
/* Runs `count` of `body`, each with its number as argument; `seed` makes their random numbers. */
void threads_start(struct thread *t, unsigned count, void (*body)(unsigned thread), uint32_t seed);
void threads_join(struct thread *t, unsigned count);
