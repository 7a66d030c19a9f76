// SPDX-License-Identifier: Apache-2.0
/*
 * torpor dump: what torpor snapshot or hibernate has left on a partition, to a file. It is the same ELF core there; a
 * file can be carried to where the debuggers are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/keeper/image.h"
#include "tools/torpor.h"

static int copy(int from, int to, uint64_t size)
{
    uint8_t *chunk = aligned_alloc(IMAGE_PAGE, IMAGE_CHUNK);
    int error = chunk ? 0 : -ENOMEM;

    for (uint64_t done = 0; !error && done < size;) {
        size_t n = size - done < IMAGE_CHUNK ? size - done : IMAGE_CHUNK;

        errno = EIO;
        if (pread(from, chunk, n, (off_t)done) != (ssize_t)n || write(to, chunk, n) != (ssize_t)n)
            error = -errno;
        done += n;
    }
    if (!error && fsync(to))
        error = -errno;
    free(chunk);
    return error;
}

static int dump(const char *partition, const char *path)
{
    struct image_header *h = aligned_alloc(IMAGE_PAGE, IMAGE_PAGE);
    int from = open(partition, O_RDONLY | O_DIRECT | O_CLOEXEC), to, error;
    const char *wrong;
    uint64_t size;

    if (from < 0 || !h || ioctl(from, BLKGETSIZE64, &size) || pread(from, h, IMAGE_PAGE, 0) != IMAGE_PAGE)
        return -failure("%s cannot be read, or is no partition or disk: %s", partition, strerror(errno));
    wrong = image_check_header(h, size);
    if (wrong)
        return -failure("%s has no image: %s", partition, wrong);
    to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return -failure("%s cannot be made: %s", path, strerror(errno));
    error = copy(from, to, h->tables + h->tables_size);
    if (error) {
        failure("%s cannot be written: %s", path, strerror(-error));
        unlink(path);
    }
    close(to);
    close(from);
    free(h);
    return error;
}

int command_dump(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "to", required_argument, NULL, 't' },
        COMMON_OPTIONS
    };
    const char *partition = "/dev/disk/by-partlabel/torpor";

    while (next_option(c, argc, argv, ":ht:", long_options) >= 0)
        partition = optarg;
    if (optind + 1 != argc)
        return usage_error(c, "one file is to be named");
    return dump(partition, argv[optind]) ? EXIT_FAILURE : EXIT_SUCCESS;
}
