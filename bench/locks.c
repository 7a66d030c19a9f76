// SPDX-License-Identifier: Apache-2.0
/*
 * The cost of spinlocks where there are more CPUs than may run: threads on the build machine take one lock in turn,
 * each for about as long as the hypervisor holds its own. For each kind of lock: how often all of them together had it
 * in a second, the least share of a thread in percent of an equal one, and the longest wait.
 *
 *     locks THREADS SECONDS [CORES]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arch/lock.h"

#define HELD_STEPS 100
#define AWAY_STEPS 300
#define MAX_THREADS 64

/* The lock that we had, and a queue alone. */
static uint32_t plain;
static struct { uint16_t next, owner; } ticket;
static struct spinlock ours;

static void plain_lock(void)
{
    while (__atomic_exchange_n(&plain, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&plain, __ATOMIC_RELAXED))
            cpu_relax();
}

static void plain_unlock(void) { __atomic_store_n(&plain, 0, __ATOMIC_RELEASE); }

static void ticket_lock(void)
{
    uint16_t mine = __atomic_fetch_add(&ticket.next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&ticket.owner, __ATOMIC_ACQUIRE) != mine)
        cpu_relax();
}

static void ticket_unlock(void) { __atomic_store_n(&ticket.owner, (uint16_t)(ticket.owner + 1), __ATOMIC_RELEASE); }
static UNCHECKED_LOCKING void our_lock(void) { spin_lock(&ours); }
static UNCHECKED_LOCKING void our_unlock(void) { spin_unlock(&ours); }

static const struct kind {
    const char *name;
    void (*lock)(void), (*unlock)(void);
} kinds[] = {
    { "test-and-set", plain_lock, plain_unlock },
    { "tickets", ticket_lock, ticket_unlock },
    { "tickets with patience", our_lock, our_unlock },
};

static const struct kind *kind;
static bool stop;
static volatile unsigned protected_by_it;
static struct { uint64_t times, longest; } threads[MAX_THREADS];

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void work(unsigned steps)
{
    for (volatile unsigned i = 0; i < steps; i++)
        ;
}

static void *thread(void *data)
{
    unsigned self = (unsigned)(uintptr_t)data;

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        uint64_t since = now_ns();
        unsigned before;

        kind->lock();
        threads[self].longest = max_u64(threads[self].longest, now_ns() - since);
        before = ++protected_by_it;
        work(HELD_STEPS);
        if (protected_by_it != before)
            abort();   /* two at once */
        kind->unlock();
        threads[self].times++;
        work(AWAY_STEPS);
    }
    return NULL;
}

static void run(unsigned count, unsigned seconds)
{
    pthread_t ids[MAX_THREADS];
    uint64_t sum = 0, least = UINT64_MAX, longest = 0;

    stop = false;
    for (unsigned i = 0; i < count; i++) {
        threads[i].times = threads[i].longest = 0;
        pthread_create(&ids[i], NULL, thread, (void *)(uintptr_t)i);
    }
    nanosleep(&(struct timespec){ .tv_sec = seconds }, NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(ids[i], NULL);
        sum += threads[i].times;
        least = min_u64(least, threads[i].times);
        longest = max_u64(longest, threads[i].longest);
    }
    printf("%-22s %u threads: %9lu a second, least share %3lu%%, longest wait %7lu us\n", kind->name, count,
           (unsigned long)(sum / seconds), (unsigned long)(sum ? least * count * 100 / sum : 0),
           (unsigned long)(longest / 1000));
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 2, seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 2;

    if (count < 1 || count > MAX_THREADS || seconds < 1)
        return 2;
    if (argc > 3) {
        cpu_set_t cores;

        CPU_ZERO(&cores);
        for (int i = 0; i < atoi(argv[3]); i++)
            CPU_SET(i, &cores);
        sched_setaffinity(0, sizeof(cores), &cores);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        kind = &kinds[i];
        run(count, seconds);
    }
    return 0;
}
