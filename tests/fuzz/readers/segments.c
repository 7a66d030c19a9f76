// SPDX-License-Identifier: Apache-2.0
/* sources: tools/segments.c tools/image.c tools/helper/stream.c tools/helper/pack.c */
/* sources: tools/helper/transfer.c */
/*
 * Random bytes as a file of checkpoints (libFuzzer): it is read, and its whole part composed. The mutator puts the
 * checksums right after each change, as far as the lengths lead; every other time.
 */
#include "tools/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/helper/sum.h"
#include "tools/image.h"
#include "tools/torpor.h"

enum { XL_HEADER = 48, HEAD_TAIL = 16, LIBXL = 24, LIBXL_END = 8 };
enum { STREAM_HEADER = 40, RECORD_HEAD = 8, RECORD_TAIL = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

int failure(const char *format, ...)
{
    (void)format;
    return EXIT_FAILURE;
}

static int new_file(void)
{
    char name[] = "/tmp/fuzz_segments.XXXXXX";
    int fd = mkstemp(name);

    if (fd < 0)
        abort();
    unlink(name);
    return fd;
}

/* Every byte that is given has to be there, for the sanitizers to see. */
static int take_any(void *context, void *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *(uint8_t *)context ^= ((const uint8_t *)buffer)[i];
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct segments s;
    struct commit last;
    uint8_t all = 0;

    if (fd < 0)
        fd = new_file();
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    (void)commit_read_last(fd, &last);
    if (segments_read(&s, fd) || s.whole > size || !!s.count != !!s.whole)
        abort();
    if (s.whole < size && (!s.error[0] || !memchr(s.error, 0, sizeof(s.error))))
        abort();   /* nothing is left out without a line that says why */
    if (s.count && segments_compose(&s, true, take_any, &all))
        abort();   /* a part that was whole a moment ago can be read */
    segments_free(&s);
    return 0;
}

/* --- the first input: a checkpoint, and the changes since */

static int put(void *context, void *buffer, size_t size)
{
    return write(*(int *)context, buffer, size) == (ssize_t)size ? 0 : -EIO;
}

static void write_segment(int fd, bool changes, struct commit *commit)
{
    static const uint8_t begin[LIBXL] = "LibxlFmt\0\0\0\2\0\0\0\0\1\0\0\0\0\0\0", libxl_end[LIBXL_END];
    struct commit before = *commit;
    struct commit_token token = { .boot = "boot" };
    struct domain_record domain = { .vcpus = 1, .flags = changes ? DOMAIN_CHANGES : 0 };
    struct chunk_record chunk = { .gfn = 0x40000, .known = { 3 }, .ram = { 3 }, .data = { changes ? 1 : 2 } };
    struct param_record param = { 1, 0x39001 };
    uint64_t state[] = { 8, 1 }, at = (uint64_t)lseek(fd, 0, SEEK_END);
    struct track_record track = { 1, 2 };
    struct end_record end = { 1, 1 };
    uint8_t page[STREAM_PAGE_SIZE] = { 1 };
    struct stream s;

    stream_begin(&s, put, &fd);
    if (image_write_checkpoint_head(fd, "fuzz", "{}") || put(&fd, (void *)begin, LIBXL) || writer_header(&s, false) ||
        writer_record(&s, RECORD_DOMAIN, &(struct piece){ &domain, sizeof(domain) }, 1) ||
        writer_chunk(&s, &chunk, page) ||
        writer_record(&s, RECORD_PARAMS, &(struct piece){ &param, sizeof(param) }, 1) ||
        writer_record(&s, RECORD_STATE, &(struct piece){ state, sizeof(state) }, 1) ||
        writer_record(&s, RECORD_TRACK, &(struct piece){ &track, sizeof(track) }, 1) ||
        writer_record(&s, RECORD_END, &(struct piece){ &end, sizeof(end) }, 1) ||
        put(&fd, (void *)libxl_end, LIBXL_END) || commit_write(fd, at, changes ? &before : NULL, &token, commit))
        abort();
    stream_end(&s);
}

static size_t make_seed(uint8_t *data, size_t most)
{
    int fd = new_file(), said = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    struct commit commit = { 0 };
    ssize_t n;

    dup2(null, STDERR_FILENO);   /* writing a head says so */
    write_segment(fd, false, &commit);
    write_segment(fd, true, &commit);
    dup2(said, STDERR_FILENO);
    close(said);
    close(null);
    n = pread(fd, data, most, 0);
    close(fd);
    return n < 0 ? 0 : (size_t)n;
}

/* --- checksums, as far as the sizes lead */

/* Each returns where the next part begins; 0: nowhere. */
static size_t seal_head(uint8_t *data, size_t size, size_t at)
{
    uint32_t length;
    uint64_t sum;

    if (size - at < XL_HEADER)
        return 0;
    memcpy(&length, data + at + XL_HEADER - sizeof(length), sizeof(length));
    if (length > size - at - XL_HEADER || length < HEAD_TAIL)
        return 0;
    sum = XXH64(data + at, XL_HEADER + length - HEAD_TAIL, 0);
    memcpy(data + at + XL_HEADER + length - sizeof(sum), &sum, sizeof(sum));
    return at + XL_HEADER + length + LIBXL + STREAM_HEADER;
}

static size_t seal_records(uint8_t *data, size_t size, size_t at)
{
    for (uint64_t number = 0; at <= size && size - at >= RECORD_HEAD; number++) {
        uint32_t type, body;
        uint64_t sum;

        memcpy(&type, data + at, sizeof(type));
        memcpy(&body, data + at + 4, sizeof(body));
        if (body < RECORD_TAIL || body > size - at - RECORD_HEAD)
            return 0;
        memcpy(data + at + RECORD_HEAD + body - RECORD_TAIL, &number, sizeof(number));
        sum = XXH64(data + at, RECORD_HEAD + body - sizeof(sum), 0);
        memcpy(data + at + RECORD_HEAD + body - sizeof(sum), &sum, sizeof(sum));
        at += RECORD_HEAD + body;
        if (type == RECORD_END)
            return at + LIBXL_END;
    }
    return 0;
}

static size_t seal_commit(uint8_t *data, size_t size, size_t at)
{
    struct commit commit;

    if (at > size || size - at < sizeof(commit))
        return 0;
    commit.sum = XXH64(data + at, offsetof(struct commit, sum), 0);
    memcpy(data + at + offsetof(struct commit, sum), &commit.sum, sizeof(commit.sum));
    return at + sizeof(commit);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    if (size < XL_HEADER)
        return make_seed(data, most);
    size = LLVMFuzzerMutate(data, size, most);
    for (size_t at = 0; seed % 2 && at < size;) {
        at = seal_head(data, size, at);
        at = at ? seal_records(data, size, at) : 0;
        at = at ? seal_commit(data, size, at) : 0;
        if (!at)
            break;
    }
    return size;
}
