// SPDX-License-Identifier: Apache-2.0
/* See recall.h. One at a time in a process. */
#include "tools/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/helper/transfer.h"
#include "tools/segments.h"
#include "tools/torpor.h"

static struct segments file;
static int from = -1, to = -1;      /* the pipe's ends */
static pthread_t thread;
static int result;                  /* the thread's */

static int move_out(void *context, void *buffer, size_t size) { return write_all(*(int *)context, buffer, size); }

static void *compose(void *unused)
{
    result = segments_compose(&file, false, move_out, &to);
    close(to);
    return unused;
}

static int start_thread(const char *name)
{
    int pipe_ends[2], error;

    if (pipe2(pipe_ends, O_CLOEXEC)) {
        error = errno;
        failure("no pipe can be made: %s", strerror(error));
        return -error;
    }
    from = pipe_ends[0];
    to = pipe_ends[1];
    error = pthread_create(&thread, NULL, compose, NULL);
    if (!error)
        return 0;
    failure("%s: no thread can be made: %s", name, strerror(error));
    close(from);
    close(to);
    from = to = -1;
    return -error;
}

int recall_begin(const char *name, int fd, int *source)
{
    int error = segments_read(&file, fd);

    if (!error && !file.count)
        error = -ENODATA;
    if (error) {
        failure("%s has no whole checkpoint: %s", name, file.error[0] ? file.error : "it is empty");
        segments_free(&file);
        return error;
    }
    if (file.whole < file.size)
        fprintf(stderr, "Restoring checkpoint %llu: what is behind it is not whole: %s\n",
                (unsigned long long)file.count, file.error);
    if (file.count > 1) {
        error = start_thread(name);
        *source = from;
    } else {
        *source = fd;
    }
    if (error || file.count == 1)
        segments_free(&file);
    return error;
}

const char *recall_end(void)
{
    if (from < 0)
        return "";
    close(from);
    pthread_join(thread, NULL);
    from = to = -1;
    segments_free(&file);
    return result && result != -EPIPE ? file.error : "";
}
