// SPDX-License-Identifier: Apache-2.0
/*
 * Threads: preemptive, on all CPUs, each on a stack of its own, in the kernel's address space. They take turns of
 * THREAD_TURN_NS. One spinlock, in thread.c, protects all that is said here; interrupt handlers may wake, and do
 * nothing else.
 *
 * The freezer: while threads are frozen only service threads run. A thread is frozen where it stands, between any two
 * instructions, but not while it holds: between thread_hold() and thread_release() it has a thing that a suspend must
 * not find, a frame number of the machine or half an update of a page table, and the freezer waits for its release.
 */
#pragma once
#include "lib/base.h"
#include "lib/list.h"
#include "sleep/sleep.h"

#define THREAD_TURN_NS UINT64_C(10000000)
#define NEVER          (~UINT64_C(0))

struct space;
struct thread;
struct user;

struct waitqueue {
    struct list threads;
};
#define WAITQUEUE_INIT(name) { LIST_INIT((name).threads) }

/* May wait; held over whatever its user likes. */
struct mutex {
    struct thread *owner;
    struct waitqueue queue;
};
#define MUTEX_INIT(name) { NULL, WAITQUEUE_INIT((name).queue) }

/* The caller becomes the first thread. Memory, interrupts and the clock work. */
void threads_init(void);

/*
 * Runs fn(arg), and ends with it. A service thread is never frozen, and runs on CPU 0 only, from which a suspend has to
 * be called. -ENOMEM.
 */
int thread_start(const char *name, void (*fn)(void *), void *arg);
int thread_start_service(const char *name, void (*fn)(void *), void *arg);

/* The caller's turn ends. */
void thread_yield(void);
/* Until a time of time_now(). */
void thread_sleep_until(uint64_t at);

/*
 * Sleeps until ready(arg), which is asked under the threads' lock and again whenever the queue is woken; false: at
 * `deadline` it was not.
 */
bool wait_until(struct waitqueue *queue, bool (*ready)(void *), void *arg, uint64_t deadline);
/* After what ready() looks at has changed. From threads and interrupt handlers. */
void wake(struct waitqueue *queue);

void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

/*
 * From now on the calling thread runs user programs in that space (core/space.h), with these registers, which stay
 * where they are; NULL: none. The CPU that it runs on has the space loaded.
 */
void thread_set_user(struct space *space, struct user *user);
/* The running thread's registers of user programs; NULL: it has none. With interrupts masked. */
struct user *thread_user(void);

/* These nest. */
void thread_hold(void);
void thread_release(void);

/*
 * Nobody runs but service threads, and nobody holds. -EBUSY: somebody holds and does not release. For a service thread.
 */
extern const struct sleep_stage freeze_stage;

/* The calling CPU, not the first, takes part: this is its idle thread, which goes on with thread_idle(). */
void thread_cpu_init(void);
NORETURN void thread_idle(void);
/* That CPU, which is not online any more, has its idle thread end (core/smp.h, smp_end). */
void thread_cpu_leave(unsigned cpu);
/* Every CPU looks for what it should run, and when: others' threads and alarms may have become theirs. */
void threads_distribute(void);

/* At an interrupt's end, where the interrupted code had interrupts enabled: gives the CPU to the thread that is due. */
void thread_preempt(void);
/* Sets the timer anew, whose setting was lost. */
void threads_timer_set(void);

/* machine/context.h's assembly calls it: a new thread's first function. */
NORETURN void thread_begin(struct thread *self);
