// SPDX-License-Identifier: Apache-2.0
/*
 * See operation.h. The signals are blocked in every thread, and taken by one that does nothing else, which tells
 * libxl: that is allowed from any thread, and not from a signal's handler.
 */
#include "tools/operation.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "tools/torpor.h"

#define TRY_AGAIN_NS 20000000L

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static libxl_ctx *under_way;   /* NULL: nothing is */
static bool interrupted;

static sigset_t our_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

/* True: tell libxl again, for the operation had not begun yet. */
static bool abort_operation(void)
{
    bool again;

    pthread_mutex_lock(&lock);
    interrupted = true;
    again = under_way && libxl_ao_abort(under_way, NULL) == ERROR_NOTFOUND;
    pthread_mutex_unlock(&lock);
    return again;
}

static void *take_signals(void *unused)
{
    sigset_t set = our_signals();
    int signal;

    (void)unused;
    for (;;) {
        if (sigwait(&set, &signal))
            continue;
        while (abort_operation())
            nanosleep(&(struct timespec){ .tv_nsec = TRY_AGAIN_NS }, NULL);
    }
    return NULL;
}

int operations_start(void)
{
    sigset_t set = our_signals();
    pthread_t thread;
    int error;

    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    error = pthread_create(&thread, NULL, take_signals, NULL);
    if (error)
        failure("no thread can be made: %s", strerror(error));
    return -error;
}

void operations_forget(void)
{
    sigset_t set = our_signals();

    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void set_under_way(libxl_ctx *ctx)
{
    pthread_mutex_lock(&lock);
    under_way = ctx;
    pthread_mutex_unlock(&lock);
}

void operation_begin(libxl_ctx *ctx) { set_under_way(ctx); }
void operation_end(void) { set_under_way(NULL); }

bool operation_interrupted(void)
{
    bool was;

    pthread_mutex_lock(&lock);
    was = interrupted;
    pthread_mutex_unlock(&lock);
    return was;
}
