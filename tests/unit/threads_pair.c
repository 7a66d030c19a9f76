// SPDX-License-Identifier: Apache-2.0
#include "threads_pair.h"

#include <stdio.h>

#define ROUNDS  12
#define THREADS 4      /* two vCPUs of each domain */
#define STEPS   3000

static const struct pair_play *play;
static struct domain *domains[2];

/* Held for reading while a vCPU of the domain is in a hypercall, for writing by the one that pauses it for good. */
static pthread_rwlock_t running[2] = { PTHREAD_RWLOCK_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER };
static bool paused[2];

struct domain *pair_domain(unsigned n) { return domains[n]; }

static void vcpu(unsigned thread)
{
    unsigned n = thread / 2;

    for (unsigned i = 0; i < STEPS; i++) {
        if (play->step_outside && threads_random(16) == 0)
            play->step_outside(domains[!n], domains[n]->id);
        pthread_rwlock_rdlock(&running[n]);
        if (!paused[n])
            play->step(domains[n], domains[!n], n, thread % 2);
        pthread_rwlock_unlock(&running[n]);
    }
}

static void destroy(unsigned n)
{
    int err;

    pthread_rwlock_wrlock(&running[n]);
    paused[n] = true;
    pthread_rwlock_unlock(&running[n]);
    do
        err = play->destroy(domains[n], n);
    while (err == -ERESTART);
    threads_expect(err == 0);
}

static void run_round(unsigned round)
{
    struct thread threads[THREADS];
    unsigned first = round % 2;

    fake_reset();
    threads_seed(round + 1);
    for (unsigned n = 0; n < 2; n++) {
        domains[n] = fake_domain((domid_t)(n + 1), 2, play->pages);
        play->create(domains[n], n);
        paused[n] = false;
    }
    threads_start(threads, THREADS, vcpu, round * THREADS + 1);
    destroy(first);
    threads_join(threads, THREADS);
    destroy(!first);
    for (unsigned n = 0; n < 2; n++)
        play->check(domains[n]);
    /* Both ends' mappings go before either's references are counted. */
    for (unsigned n = 0; n < 2; n++)
        fake_domain_release(domains[n]);
    for (unsigned n = 0; n < 2; n++) {
        threads_expect(domains[n]->refs == 1);
        play->free(domains[n]);
        fake_domain_free(domains[n]);
    }
    fake_assert_nothing_left();
}

int pair_main(const struct pair_play *p)
{
    play = p;
    for (unsigned round = 0; round < ROUNDS; round++)
        run_round(round);
    printf("%u rounds\n", ROUNDS);
    return 0;
}
