// SPDX-License-Identifier: Apache-2.0
/*
 * See image.h. The header is that of tools/xl/xl.h: magic, byte order, flags, and the length of the part behind it. xl
 * skips anything behind the configuration; ours is a checksum of everything up to there.
 */
#include "tools/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/helper/sum.h"
#include "tools/helper/transfer.h"
#include "tools/torpor.h"

#define MAGIC_SIZE  32
#define BYTE_ORDER_VALUE 0x01020304u
#define FLAG_JSON   1u
#define FLAG_STREAM 2u      /* libxl's version 2, which is the only one we know */
#define FLAGS_KNOWN (FLAG_JSON | FLAG_STREAM)
#define OPTION_CHECKPOINT (1u << 16)   /* an optional flag, which xl does not look at */
#define MOST_CONFIG (1u << 20)

static const char magic[MAGIC_SIZE] = "Xen saved domain, xl format\n \0 \r";

struct header {
    char magic[MAGIC_SIZE];
    uint32_t byte_order;
    uint32_t mandatory, optional;      /* flags; unknown mandatory ones are for a later tool */
    uint32_t length; /* of optional data: u32 length of the configuration, the configuration, anything */
};

static const char tail_magic[8] = { 'T', 'R', 'P', 'R', 'S', 'U', 'M', '1' };

struct tail {
    char magic[8];
    uint64_t sum;                      /* of header, length and configuration */
};

static struct tail make_tail(const struct header *header, uint32_t length, const char *config)
{
    struct tail tail;
    XXH64_state_t sum;

    XXH64_reset(&sum, 0);
    XXH64_update(&sum, header, sizeof(*header));
    XXH64_update(&sum, &length, sizeof(length));
    XXH64_update(&sum, config, length);
    memcpy(tail.magic, tail_magic, sizeof(tail_magic));
    tail.sum = XXH64_digest(&sum);
    return tail;
}

static int write_head(int fd, const char *source, const char *json, uint32_t optional)
{
    uint32_t length = (uint32_t)strlen(json) + 1;   /* with the NUL */
    struct header header = {
        .byte_order = BYTE_ORDER_VALUE, .mandatory = FLAGS_KNOWN, .optional = optional,
        .length = (uint32_t)sizeof(length) + length + (uint32_t)sizeof(struct tail),
    };
    struct tail tail;
    int error;

    memcpy(header.magic, magic, MAGIC_SIZE);
    tail = make_tail(&header, length, json);
    error = write_all(fd, &header, sizeof(header));
    if (!error)
        error = write_all(fd, &length, sizeof(length));
    if (!error)
        error = write_all(fd, json, length);
    if (!error)
        error = write_all(fd, &tail, sizeof(tail));
    if (error) {
        failure("%s cannot be written: %s", source, strerror(-error));
        return error;
    }
    fprintf(stderr, "Saving to %s new xl format (info 0x%" PRIx32 "/0x%" PRIx32 "/%" PRIu32 ")\n", source,
            header.mandatory, header.optional, header.length);
    return 0;
}

int image_write_head(int fd, const char *source, const char *json) { return write_head(fd, source, json, 0); }

int image_write_checkpoint_head(int fd, const char *source, const char *json)
{
    return write_head(fd, source, json, OPTION_CHECKPOINT);
}

static int check_header(const struct header *header, const char *source)
{
    if (memcmp(header->magic, magic, MAGIC_SIZE)) {
        failure("%s has the wrong magic number: it is damaged, or no saved guest", source);
        return -EINVAL;
    }
    if (header->byte_order != BYTE_ORDER_VALUE) {
        failure("%s has the wrong byte order", source);
        return -EINVAL;
    }
    fprintf(stderr, "Loading new save file %s (new xl fmt info 0x%" PRIx32 "/0x%" PRIx32 "/%" PRIu32 ")\n", source,
            header->mandatory, header->optional, header->length);
    if (header->mandatory & ~FLAGS_KNOWN) {
        failure("%s has mandatory flags 0x%" PRIx32 ", which are not known: a newer tool is needed", source,
                header->mandatory & ~FLAGS_KNOWN);
        return -EINVAL;
    }
    if (!(header->mandatory & FLAG_STREAM)) {
        failure("%s is in libxl's old format, which no guest on Arm was ever saved in", source);
        return -EINVAL;
    }
    if (header->length > MOST_CONFIG) {
        failure("%s says that its configuration has %" PRIu32 " bytes: it is damaged", source, header->length);
        return -EINVAL;
    }
    return 0;
}

/* The part behind the configuration, in `size` bytes: empty in a file of xl's own. */
static bool tail_is_right(const struct header *header, uint32_t length, const char *config, uint32_t size)
{
    struct tail want = make_tail(header, length, config);

    return !size || (size == sizeof(want) && memcmp(config + length, &want, sizeof(want)) == 0);
}

/* Finds the configuration in the optional data. */
static int take_config(struct image_head *head, const struct header *header, const char *data, const char *source)
{
    uint32_t length, size = header->length;

    if (!size)
        return 0;
    if (size < sizeof(length)) {
        failure("%s is damaged: its configuration is cut off", source);
        return -EINVAL;
    }
    memcpy(&length, data, sizeof(length));
    if (length > size - sizeof(length)) {
        failure("%s is damaged: its configuration is cut off", source);
        return -EINVAL;
    }
    if (!tail_is_right(header, length, data + sizeof(length), size - (uint32_t)sizeof(length) - length)) {
        failure("%s is damaged: the checksum of its configuration is wrong", source);
        return -EBADMSG;
    }
    fprintf(stderr, " Savefile contains xl domain config%s\n", head->json ? " in JSON format" : "");
    head->config = strndup(data + sizeof(length), length);
    if (!head->config) {
        failure("out of memory");
        return -ENOMEM;
    }
    return 0;
}

static int read_failed(const char *source, int error)
{
    if (error == -ENODATA)
        failure("%s is cut off: it ends in its header", source);
    else if (error)
        failure("%s cannot be read: %s", source, strerror(-error));
    return error;
}

int image_read_head(int fd, const char *source, struct image_head *head)
{
    struct header header;
    char *data;
    int error = read_failed(source, read_all(fd, &header, sizeof(header)));

    *head = (struct image_head){ 0 };
    if (!error)
        error = check_header(&header, source);
    if (error)
        return error;
    data = malloc(header.length + 1);
    if (!data) {
        failure("out of memory");
        return -ENOMEM;
    }
    head->json = header.mandatory & FLAG_JSON;
    error = read_failed(source, read_all(fd, data, header.length));
    if (!error)
        error = take_config(head, &header, data, source);
    free(data);
    return error;
}

/* All of it, from byte `at` on; the file's own position stays. */
static int read_at(int fd, uint64_t at, void *data, size_t size)
{
    ssize_t n = pread(fd, data, size, (off_t)at);

    return n < 0 ? -errno : (size_t)n < size ? -ENODATA : 0;
}

static bool is_checkpoint(const struct header *header)
{
    return memcmp(header->magic, magic, MAGIC_SIZE) == 0 && header->byte_order == BYTE_ORDER_VALUE &&
           header->mandatory == FLAGS_KNOWN && header->optional == OPTION_CHECKPOINT;
}

bool image_is_checkpoint(int fd)
{
    struct header header;

    return read_at(fd, 0, &header, sizeof(header)) == 0 && is_checkpoint(&header);
}

int image_check_checkpoint_head(int fd, uint64_t at, uint64_t *size)
{
    struct header header;
    uint32_t length;
    char *data;
    int error = read_at(fd, at, &header, sizeof(header));

    if (error)
        return error;
    if (!is_checkpoint(&header) || header.length > MOST_CONFIG || header.length < sizeof(length) + sizeof(struct tail))
        return -EBADMSG;
    data = malloc(header.length);
    if (!data)
        return -ENOMEM;
    error = read_at(fd, at + sizeof(header), data, header.length);
    if (!error) {
        memcpy(&length, data, sizeof(length));
        if (length != header.length - sizeof(length) - sizeof(struct tail) ||
            !tail_is_right(&header, length, data + sizeof(length), sizeof(struct tail)))
            error = -EBADMSG;
    }
    free(data);
    *size = sizeof(header) + header.length;
    return error;
}

void image_head_free(struct image_head *head)
{
    free(head->config);
    head->config = NULL;
}

/* --- the file */

static int open_as_it_is(struct image_file *file)
{
    file->fd = open(file->name, O_WRONLY | O_CLOEXEC);
    return file->fd < 0 ? -errno : 0;
}

/* Where the file system can, a file without any name, which is gone with whoever had it open. fd or -errno. */
static int open_partial(struct image_file *file, const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    file->unnamed = fd >= 0;
    if (fd < 0 && errno == EOPNOTSUPP)
        fd = open(file->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* Its name until it has its own is chosen now, so that a guardian knows it. */
static int open_beside(struct image_file *file)
{
    char *copy = strdup(file->name);
    struct stat status;
    uint64_t random;
    int error = 0;

    if (!copy || getrandom(&random, sizeof(random), 0) != sizeof(random) ||
        asprintf(&file->partial, "%s.%016" PRIx64, file->name, random) < 0) {
        file->partial = NULL;
        free(copy);
        return -ENOMEM;
    }
    file->fd = open_partial(file, dirname(copy));
    if (file->fd < 0)
        error = file->fd;
    else if (fstat(file->fd, &status))
        error = -errno;
    free(copy);
    if (error)
        return error;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

bool image_is_regular(const char *name)
{
    struct stat status;

    return stat(name, &status) || S_ISREG(status.st_mode);
}

int image_create(struct image_file *file, const char *name)
{
    int error;

    *file = (struct image_file){ .fd = -1, .name = strdup(name) };
    if (!file->name)
        error = -ENOMEM;
    else if (image_is_regular(name))
        error = open_beside(file);
    else
        error = open_as_it_is(file);
    if (error) {
        failure("%s cannot be written: %s", name, strerror(-error));
        image_discard(file);
    }
    return error;
}

static int open_folder(const char *name)
{
    char *copy = strdup(name);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -ENOMEM;

    if (copy && fd < 0)
        fd = -errno;
    free(copy);
    return fd;
}

/* Under its partial name, which rename() takes it from: a link replaces nothing. */
static int link_partial(const struct image_file *file)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
    return linkat(AT_FDCWD, path, AT_FDCWD, file->partial, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/*
 * The folder is written too, so that the name outlives a power cut; it is opened first, for once the name is given the
 * image is whole, and nothing may fail any more that is not the disk's fault.
 */
static int give_name(const struct image_file *file)
{
    int folder = open_folder(file->name), error = folder < 0 ? folder : 0;

    if (!error && rename(file->partial, file->name))
        error = -errno;
    else if (!error && fsync(folder))
        error = -errno;
    if (folder >= 0)
        close(folder);
    return error;
}

static bool has_name(const struct image_file *file)
{
    struct stat status;

    return file->inode && stat(file->name, &status) == 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}

bool image_is_kept(const struct image_file *file)
{
    int folder = has_name(file) ? open_folder(file->name) : -ENOENT;
    bool kept = folder >= 0 && fsync(folder) == 0;

    if (folder >= 0)
        close(folder);
    return kept;
}

void image_withdraw(const struct image_file *file)
{
    if (has_name(file))
        unlink(file->name);
}

int image_commit(struct image_file *file)
{
    int error = 0;

    if (fsync(file->fd) && errno != EINVAL && errno != EROFS)   /* which says that it is a pipe */
        error = -errno;
    if (!error && file->unnamed)
        error = link_partial(file);
    if (close(file->fd) && !error)
        error = -errno;
    file->fd = -1;
    if (!error && file->partial)
        error = give_name(file);
    if (error) {
        failure("%s cannot be written: %s", file->name, strerror(-error));
    } else {
        free(file->partial);
        file->partial = NULL;
    }
    return error;
}

void image_discard(struct image_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    if (file->partial)
        unlink(file->partial);
    free(file->partial);
    free(file->name);
    file->partial = file->name = NULL;
}
