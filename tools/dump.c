// SPDX-License-Identifier: Apache-2.0
/*
 * torpor dump: what torpor snapshot or hibernate has left on a partition, to a file: an ELF core, checked and unpacked,
 * which can be carried to where the debuggers are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/keeper/chunk.h"
#include "tools/torpor.h"

/* An image that is being copied. */
struct copy {
    int from, to;
    struct image_header *header;   /* on a page of its own */
    void *tables;
    struct image image;
    size_t load;                   /* the first that is not yet copied to its end, and where it begins in the core */
    uint64_t load_at;
};

static int put(const struct copy *c, const void *data, size_t size, uint64_t at)
{
    errno = ENOSPC;
    return pwrite(c->to, data, size, (off_t)at) == (ssize_t)size ? 0 : -errno;
}

/* What stands in the image from `at` on, each part to its load: in the core there are zeros between them. */
static int put_loads(struct copy *c, const uint8_t *data, size_t size, uint64_t at)
{
    int error = 0;

    for (uint64_t end = at + size; !error && at < end;) {
        const Elf64_Phdr *p = &c->image.loads[c->load];
        uint64_t last = p->p_offset + p->p_filesz, most = (last < end ? last : end) - at;

        error = put(c, data, most, c->load_at + (at - p->p_offset));
        data += most;
        at += most;
        if (at == last) {
            c->load_at += p->p_memsz;
            c->load++;
        }
    }
    return error;
}

static int copy_all(struct copy *c)
{
    struct chunk_reader *reader = chunk_reader_new(c->from, &c->image);
    int error = reader ? 0 : -ENOMEM;
    struct image_core core;

    c->load_at = image_core_data(&c->image);
    for (size_t n = 0; !error && n < c->image.chunk_count; n++) {
        const uint8_t *data;

        error = chunk_read(reader, n, &data);
        if (!error)
            error = put_loads(c, data, image_chunk_size(&c->image, n), IMAGE_DATA + (uint64_t)n * IMAGE_CHUNK);
    }
    image_core(&c->image, c->tables, &core);
    if (!error)
        error = put(c, c->tables, core.tables_size, sizeof(core.elf));
    if (!error)
        error = put(c, &core.elf, sizeof(core.elf), 0);
    if (!error && ftruncate(c->to, (off_t)core.size))
        error = -errno;
    if (!error && fsync(c->to))
        error = -errno;
    chunk_reader_free(reader);
    return error;
}

static int copy_to(struct copy *c, const char *path)
{
    int error;

    c->to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->to < 0)
        return -failure("%s cannot be made: %s", path, strerror(errno));
    error = copy_all(c);
    if (error) {
        failure("%s cannot be written: %s", path,
                error == -EBADMSG ? "the image is damaged" : strerror(-error));
        unlink(path);
    }
    close(c->to);
    return error;
}

/* NULL, or what is wrong with the image. */
static const char *tables_read(struct copy *c, uint64_t size)
{
    const char *wrong = image_check_header(c->header, size);

    if (wrong)
        return wrong;
    c->tables = aligned_alloc(IMAGE_PAGE, c->header->tables_size);
    if (!c->tables || file_read_at(c->from, image_tables_at(c->header), c->tables, c->header->tables_size))
        return "its tables cannot be read";
    return image_check(&c->image, c->header, c->tables);
}

static int dump(const char *partition, const char *path)
{
    struct copy c = { .from = open(partition, O_RDONLY | O_DIRECT | O_CLOEXEC),
                      .header = aligned_alloc(IMAGE_PAGE, IMAGE_PAGE) };
    const char *wrong;
    uint64_t size;
    int error;

    if (c.from < 0 || !c.header || ioctl(c.from, BLKGETSIZE64, &size) || file_read_at(c.from, 0, c.header, IMAGE_PAGE))
        error = -failure("%s cannot be read, or is no partition or disk: %s", partition, strerror(errno));
    else if ((wrong = tables_read(&c, size)))
        error = -failure("%s has no image: %s", partition, wrong);
    else
        error = copy_to(&c, path);
    if (c.from >= 0)
        close(c.from);
    free(c.tables);
    free(c.header);
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
