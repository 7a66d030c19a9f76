// SPDX-License-Identifier: Apache-2.0
/* See transfer.h. */
#include "tools/helper/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int read_all(int fd, void *data, size_t size)
{
    char *at = data;

    while (size) {
        ssize_t n = read(fd, at, size);

        if (n == 0)
            return -ENODATA;
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int read_open(int fd, size_t most, char **text, size_t *size)
{
    struct stat status;
    int error;

    if (fstat(fd, &status))
        return -errno;
    if ((uint64_t)status.st_size > most)
        return -EFBIG;
    *size = (size_t)status.st_size;
    *text = calloc(1, *size + 1);
    if (!*text)
        return -ENOMEM;
    error = read_all(fd, *text, *size);
    if (error)
        free(*text);
    return error;
}

int read_file(const char *path, size_t most, char **text, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), error;

    if (fd < 0)
        return -errno;
    error = read_open(fd, most, text, size);
    close(fd);
    return error;
}
