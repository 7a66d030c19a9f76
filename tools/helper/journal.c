// SPDX-License-Identifier: Apache-2.0
/*
 * See journal.h. Invariant: a process that writes to the file, or renames it, holds the folder's lock, so that lines
 * stay whole and none goes to a file that has been renamed.
 */
#include "tools/helper/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/helper/transfer.h"

#define LOOK_BACK     (64 * 1024)    /* bytes at the file's end that journal_fixed_ns() looks at */
#define REMEMBERED    4

void journal_add_stage(struct journal *j, const struct journal_stage *stage)
{
    if (j->stage_count < JOURNAL_STAGES)
        j->stages[j->stage_count++] = *stage;
}

void journal_add_round(struct journal *j, const struct journal_round *round)
{
    j->rounds[j->round_count < JOURNAL_ROUNDS ? j->round_count++ : JOURNAL_ROUNDS - 1] = *round;
}

void json_put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const void *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < ' ' || *c > '~')
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void put_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":", key);
    json_put_string(out, text);
    fputc(',', out);
}

static void put_number(FILE *out, const char *key, uint64_t number)
{
    fprintf(out, "\"%s\":%" PRIu64 ",", key, number);
}

static void put_stage(FILE *out, const struct journal_stage *s)
{
    fputc('{', out);
    put_text(out, "name", s->name);
    put_text(out, "kind", s->leave ? "leave" : "enter");
    fprintf(out, "\"result\":%d,", s->result);
    put_number(out, "start_ns", s->start_ns);
    fprintf(out, "\"end_ns\":%" PRIu64 "}", s->end_ns);
}

void json_put_round(FILE *out, const struct journal_round *r)
{
    put_number(out, "round", r->round);
    put_number(out, "start_ns", r->start_ns);
    put_number(out, "end_ns", r->end_ns);
    put_number(out, "dirty_pages", r->dirty_pages);
    put_number(out, "data_pages", r->data_pages);
    put_number(out, "stream_bytes", r->stream_bytes);
    put_number(out, "left_pages", r->left_pages);
    put_number(out, "estimate_ns", r->estimate_ns);
    put_number(out, "cap", r->cap);
    fprintf(out, "\"last\":%s", r->last ? "true" : "false");
}

static void put_head(FILE *out, const struct journal *j)
{
    put_number(out, "version", JOURNAL_VERSION);
    put_text(out, "operation", j->operation);
    put_text(out, "domain", j->domain);
    put_number(out, "domid", j->domid);
    put_text(out, "uuid", j->uuid);
    put_number(out, "began_ms", j->began_ms);
    put_number(out, "total_ns", j->total_ns);
    fprintf(out, "\"result\":%d,", j->result);
    put_text(out, "outcome", j->outcome);
    put_text(out, "failed_stage", j->failed_stage);
    put_text(out, "reason", j->reason);
}

static void put_totals(FILE *out, const struct journal *j)
{
    put_number(out, "suspended_ns", j->suspended_ns);
    put_number(out, "resumed_ns", j->resumed_ns);
    put_number(out, "downtime_ns", j->downtime_ns);
    put_number(out, "fixed_ns", j->fixed_ns);
    put_number(out, "ram_pages", j->ram_pages);
    put_number(out, "data_pages", j->data_pages);
    put_number(out, "stream_bytes", j->stream_bytes);
    fprintf(out, "\"compressed\":%s,", j->compressed ? "true" : "false");
    put_number(out, "max_downtime_ms", j->max_downtime_ms);
    put_number(out, "lowest_cap", j->lowest_cap);
}

void journal_print(const struct journal *j, FILE *out)
{
    fputc('{', out);
    put_head(out, j);
    put_totals(out, j);
    fputs("\"stages\":[", out);
    for (uint32_t i = 0; i < j->stage_count; i++) {
        fputs(i ? "," : "", out);
        put_stage(out, &j->stages[i]);
    }
    fputs("],\"rounds\":[", out);
    for (uint32_t i = 0; i < j->round_count; i++) {
        fputs(i ? ",{" : "{", out);
        json_put_round(out, &j->rounds[i]);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

/* The line, freed by the caller, or NULL: out of memory. In front of it the end of one that was left half written. */
static char *make_line(const struct journal *j, size_t *size)
{
    char *line = NULL;
    FILE *out = open_memstream(&line, size);

    if (!out)
        return NULL;
    fputc('\n', out);
    journal_print(j, out);
    if (fclose(out) == 0)
        return line;
    free(line);
    return NULL;
}

/* The folder, locked until it is closed, or -errno. */
static int lock_folder(const char *path)
{
    char copy[PATH_MAX];
    const char *folder;
    int fd;

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return -ENAMETOOLONG;
    folder = dirname(copy);
    if (mkdir(folder, 0755) && errno != EEXIST)
        return -errno;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX)) {
        int error = errno;

        if (error == EINTR)
            continue;
        close(fd);
        return -error;
    }
    return fd < 0 ? -errno : fd;
}

static int make_space(const char *path, size_t size)
{
    char earlier[PATH_MAX];
    struct stat status;

    if (stat(path, &status) || (uint64_t)status.st_size + size <= JOURNAL_MOST_BYTES)
        return 0;
    if (snprintf(earlier, sizeof(earlier), "%s.1", path) >= (int)sizeof(earlier))
        return -ENAMETOOLONG;
    return rename(path, earlier) ? -errno : 0;
}

static bool ends_in_a_line(int fd, off_t size)
{
    char last;

    return size == 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

/* line: behind a line's end, which is for a file that lacks it. */
static int append(const char *path, const char *line, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    struct stat status;
    int error;

    if (fd < 0)
        return -errno;
    error = fstat(fd, &status) ? -errno : 0;
    if (!error) {
        size_t skip = ends_in_a_line(fd, status.st_size);

        error = write_all(fd, line + skip, size - skip);
        if (error && ftruncate(fd, status.st_size))
            error = -errno;
    }
    close(fd);
    return error;
}

int journal_append(const char *path, const struct journal *j)
{
    size_t size;
    char *line = make_line(j, &size);
    int lock = line ? lock_folder(path) : -ENOMEM, error = lock < 0 ? lock : 0;

    if (!error)
        error = make_space(path, size);
    if (!error)
        error = append(path, line, size);
    if (lock >= 0)
        close(lock);
    free(line);
    return error;
}

/* --- figures of earlier operations */

/*
 * The number behind the key's first place in a line that journal_print() has written; no text before it can have a key
 * in it, for quotes are escaped. 0: it is not there.
 */
static long long line_number(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static uint64_t line_fixed_ns(const char *line)
{
    static const char migration[] = "{\"version\":1,\"operation\":\"migrate\",";

    if (strncmp(line, migration, sizeof(migration) - 1) || line_number(line, "\"result\":"))
        return 0;
    return (uint64_t)line_number(line, "\"fixed_ns\":");
}

/* The file's end, NUL-terminated; freed by the caller. NULL: there is none. */
static char *read_end(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END), from = size > LOOK_BACK ? size - LOOK_BACK : 0;
    char *text = size < 0 ? NULL : calloc(1, (size_t)(size - from) + 1);

    if (text && pread(fd, text, (size_t)(size - from), from) < 0)
        text[0] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

uint64_t journal_fixed_ns(const char *path)
{
    uint64_t last[REMEMBERED] = { 0 }, most = 0;
    char *text = read_end(path), *rest = text, *line;
    unsigned found = 0;

    while (rest && (line = strsep(&rest, "\n"))) {
        uint64_t ns = line_fixed_ns(line);

        if (ns)
            last[found++ % REMEMBERED] = ns;
    }
    for (unsigned i = 0; i < REMEMBERED; i++)
        most = last[i] > most ? last[i] : most;
    free(text);
    return most;
}
