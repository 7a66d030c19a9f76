// SPDX-License-Identifier: Apache-2.0
/* See sleeps.h. */
#include "tools/sleeps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenhypfs.h>

#include "tools/timeline.h"
#include "tools/torpor.h"

/* The record of the sleep `before` ones before the last, freed by the caller. 0 or -errno; -ENODATA: there was none. */
static int read_hypfs(unsigned before, char **text)
{
    xenhypfs_handle *hypfs = xenhypfs_open(library_logger(), 0);
    char path[64] = "/torpor/sleep/last";
    int error = 0;

    if (!hypfs)
        return -errno;
    if (before)
        snprintf(path, sizeof(path), "/torpor/sleep/before-%u", before);
    *text = xenhypfs_read(hypfs, path);
    if (!*text)
        error = -errno;
    xenhypfs_close(hypfs);
    return error ? error : **text ? 0 : -ENODATA;
}

int sleeps_show_record(const char *text, size_t length, const struct form *form)
{
    static void (*const printers[])(const struct timeline *, FILE *) = {
        [FORM_TEXT] = timeline_print_text, [FORM_JSON] = timeline_print_json, [FORM_SVG] = timeline_print_svg };
    static struct timeline timeline;
    FILE *out;

    if (timeline_parse(&timeline, text, length))
        return failure("the record of the sleep is malformed: %s", timeline.error);
    out = form_open(form);
    if (!out)
        return EXIT_FAILURE;
    printers[form->kind](&timeline, out);
    return form_close(form, out);
}

static int read_failed(unsigned before, int error)
{
    if (error == -ENOENT || error == -ENOSYS || error == -EOPNOTSUPP)
        return failure("this hypervisor keeps no records of sleeps: it is not Torpor");
    if (error == -ENODATA)
        return failure(before ? "the host has not slept that often since boot" : "the host has not slept since boot");
    return failure("cannot read /torpor/sleep from the hypervisor: %s (is this dom0, and are you root?)",
                   strerror(-error));
}

int sleeps_show(unsigned before, const struct form *form)
{
    char *text = NULL;
    int error = read_hypfs(before, &text);
    int status = error ? read_failed(before, error) : sleeps_show_record(text, strlen(text), form);

    free(text);
    return status;
}

void sleeps_print_outcome(void)
{
    static struct timeline timeline;
    char outcome[TIMELINE_OUTCOME_SIZE], *text = NULL;

    if (read_hypfs(0, &text) == 0) {
        if (timeline_parse(&timeline, text, strlen(text)))
            failure("the record of the sleep is malformed: %s", timeline.error);
        else
            printf("%s\n", timeline_outcome(outcome, &timeline));
    }
    free(text);
}
