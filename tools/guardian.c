// SPDX-License-Identifier: Apache-2.0
/* See guardian.h. The pipe's end without END is the guardian's word to begin. */
#include "tools/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/guests.h"
#include "tools/helper/detach.h"
#include "tools/helper/transfer.h"
#include "tools/torpor.h"

#define GUARDED "TORPOR_GUARDED"   /* in the environment, for the helper */
#define NAME    "torpor-guardian"  /* so that a kill of every torpor by its name leaves it */
#define END     '\0'

static int to_guardian = -1;       /* -1: there is none */

/* The libraries' handles are the parent's: none of them is used or closed here. */
__attribute__((noreturn))
static void guard(int from, rescue_function *rescue, const void *context, int fd)
{
    int kept[] = { from, fd };
    char reached = 0, heard;

    to_guardian = -1;
    unsetenv(GUARDED);
    prctl(PR_SET_NAME, NAME);
    detach(kept, fd < 0 ? 1 : 2);
    while (read_all(kept[0], &heard, 1) == 0) {
        if (heard == END)
            _exit(EXIT_SUCCESS);
        reached = heard;
    }
    if (guests_open())
        _exit(EXIT_FAILURE);
    rescue(context, reached, fd < 0 ? -1 : kept[1]);
    guests_close();
    _exit(EXIT_SUCCESS);
}

/* Nobody's child, for libxl takes the ends of this process's for those of its own. 0 or -errno. */
static int begin(const int ends[2], rescue_function *rescue, const void *context, int fd)
{
    int status = EXIT_FAILURE;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        setsid();   /* before the parent goes on, whose group's signals are not for the guardian */
        child = fork();
        if (child)
            _exit(child < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        close(ends[1]);
        guard(ends[0], rescue, context, fd);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status ? -EAGAIN : 0;
}

/* In a child that somebody forks: the guardian waits for this process alone. */
static void leave(void)
{
    if (to_guardian >= 0)
        close(to_guardian);
    to_guardian = -1;
}

/* 0 or -errno */
static int leave_in_children(void)
{
    static bool done;
    int error = done ? 0 : -pthread_atfork(NULL, NULL, leave);

    done = !error;
    return error;
}

int guardian_begin(rescue_function *rescue, const void *context, int fd)
{
    int ends[2], error = leave_in_children();

    if (!error)
        error = setenv(GUARDED, "1", 1) || pipe2(ends, O_CLOEXEC) ? -errno : 0;
    if (!error) {
        error = begin(ends, rescue, context, fd);
        close(ends[0]);
        if (error)
            close(ends[1]);
    }
    if (error) {
        unsetenv(GUARDED);
        failure("there can be nobody to bring it to an end should this be killed: %s", strerror(-error));
        return error;
    }
    to_guardian = ends[1];
    return 0;
}

/* Nothing depends on a guardian that somebody has killed. */
static void say(char word)
{
    if (to_guardian >= 0 && write_all(to_guardian, &word, 1))
        detail("the guardian has gone");
}

void guardian_tell(char reached) { say(reached); }

bool guardian_is_there(void) { return to_guardian >= 0; }

void guardian_end(void)
{
    if (to_guardian < 0)
        return;
    say(END);
    close(to_guardian);
    to_guardian = -1;
    unsetenv(GUARDED);
}
