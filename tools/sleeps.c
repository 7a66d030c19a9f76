// SPDX-License-Identifier: Apache-2.0
/* torpor timeline: gets the record of a sleep, from the hypervisor or from standard input, and has it printed. */
#include "tools/sleeps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenhypfs.h>

#include "tools/timeline.h"
#include "tools/torpor.h"

struct record {
    char *text;
    size_t length;
};

/* The record of the sleep `before` ones before the last. Returns 0 or -errno; -ENODATA: there was no such sleep. */
static int read_hypfs(unsigned before, struct record *record)
{
    xenhypfs_handle *hypfs = xenhypfs_open(library_logger(), 0);
    char path[64] = "/torpor/sleep/last";
    int error = 0;

    if (!hypfs)
        return -errno;
    if (before)
        snprintf(path, sizeof(path), "/torpor/sleep/before-%u", before);
    record->text = xenhypfs_read(hypfs, path);
    if (!record->text)
        error = -errno;
    else
        record->length = strlen(record->text);
    xenhypfs_close(hypfs);
    return error ? error : record->length ? 0 : -ENODATA;
}

static int read_input(struct record *record)
{
    record->text = malloc(TIMELINE_MAX_BYTES + 1);
    if (!record->text)
        return -ENOMEM;
    record->length = fread(record->text, 1, TIMELINE_MAX_BYTES + 1, stdin);
    if (ferror(stdin))
        return -EIO;
    return record->length > TIMELINE_MAX_BYTES ? -EFBIG : 0;
}

typedef void printer(const struct timeline *t, FILE *out);

/* NULL path: standard output. */
static int print_to(const char *path, printer *print, const struct timeline *t)
{
    FILE *out = path ? fopen(path, "we") : stdout;
    int failed;

    if (!out)
        return failure("cannot write %s: %s", path, strerror(errno));
    print(t, out);
    failed = ferror(out);
    if (path ? fclose(out) : fflush(out))
        failed = 1;
    return failed ? failure("cannot write %s: %s", path ? path : "the timeline", strerror(errno)) : EXIT_SUCCESS;
}

static int parse_and_print(const struct record *record, const char *path, printer *print)
{
    static struct timeline timeline;

    if (timeline_parse(&timeline, record->text, record->length))
        return failure("the record of the sleep is malformed: %s", timeline.error);
    return print_to(path, print, &timeline);
}

static int read_failed(bool from_input, unsigned before, int error)
{
    if (from_input)
        return failure("cannot read the record from standard input: %s",
                       error == -EFBIG ? "it is too long for one" : strerror(-error));
    if (error == -ENOENT || error == -ENOSYS || error == -EOPNOTSUPP)
        return failure("this hypervisor keeps no records of sleeps: it is not Torpor");
    if (error == -ENODATA)
        return failure(before ? "the host has not slept that often since boot" : "the host has not slept since boot");
    return failure("cannot read /torpor/sleep from the hypervisor: %s (is this dom0, and are you root?)",
                   strerror(-error));
}

/* 0 to 7, or "-" for standard input. */
static int read_which(const char *text, unsigned *before, bool *from_input)
{
    *from_input = strcmp(text, "-") == 0;
    if (*from_input)
        return 0;
    if (text[0] < '0' || text[0] >= '0' + SLEEPS_KEPT || text[1])
        return -EINVAL;
    *before = (unsigned)(text[0] - '0');
    return 0;
}

int command_timeline(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "json", no_argument, NULL, 'j' },
        { "svg", required_argument, NULL, 's' },
        COMMON_OPTIONS
    };
    printer *print = timeline_print_text;
    const char *path = NULL;
    struct record record = { 0 };
    bool from_input = false;
    unsigned before = 0;
    int option, error, status;

    while ((option = next_option(c, argc, argv, ":h", long_options)) >= 0) {
        if (print != timeline_print_text)
            return usage_error(c, "one of --json and --svg is enough");
        print = option == 'j' ? timeline_print_json : timeline_print_svg;
        path = option == 's' ? optarg : NULL;
    }
    if (argc - optind > 1)
        return usage_error(c, "one sleep at a time");
    if (optind < argc && read_which(argv[optind], &before, &from_input))
        return usage_error(c, "%s is neither a number from 0 to %u nor -", argv[optind], SLEEPS_KEPT - 1);
    error = from_input ? read_input(&record) : read_hypfs(before, &record);
    status = error ? read_failed(from_input, before, error) : parse_and_print(&record, path, print);
    free(record.text);
    return status;
}

void sleeps_print_outcome(void)
{
    static struct timeline timeline;
    struct record record = { 0 };
    char outcome[TIMELINE_OUTCOME_SIZE];

    if (read_hypfs(0, &record) == 0) {
        if (timeline_parse(&timeline, record.text, record.length))
            failure("the record of the sleep is malformed: %s", timeline.error);
        else
            printf("%s\n", timeline_outcome(outcome, &timeline));
    }
    free(record.text);
}
