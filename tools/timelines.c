// SPDX-License-Identifier: Apache-2.0
/* torpor timeline: which sleep of the host, or which operation on a guest, is shown, and in which form. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/form.h"
#include "tools/operations.h"
#include "tools/sleeps.h"
#include "tools/timeline.h"
#include "tools/torpor.h"

#define MOST_BEFORE 99999

struct choice {
    bool operations, list;
    const char *domain;
    struct form form;
    unsigned before;
    bool from_input;
};

/* A line of the journal is an object; the record of a sleep is none. */
static int show_input(const struct form *form)
{
    char *text = malloc(TIMELINE_MAX_BYTES + 1);
    size_t length;
    int status;

    if (!text)
        return failure("out of memory");
    length = fread(text, 1, TIMELINE_MAX_BYTES + 1, stdin);
    if (ferror(stdin))
        status = failure("cannot read the record from standard input: %s", strerror(errno));
    else if (length > TIMELINE_MAX_BYTES)
        status = failure("cannot read the record from standard input: it is too long for one");
    else if (length && text[0] == '{')
        status = operations_show_line(text, length, form);
    else
        status = sleeps_show_record(text, length, form);
    free(text);
    return status;
}

static int show_choice(const struct choice *choice)
{
    if (choice->from_input)
        return show_input(&choice->form);
    if (choice->list)
        return operations_list(choice->domain);
    if (choice->operations)
        return operations_show(choice->domain, choice->before, &choice->form);
    return sleeps_show(choice->before, &choice->form);
}

/* A number up to `most`, or "-" for standard input. */
static int read_which(const char *text, unsigned most, struct choice *choice)
{
    unsigned long number;
    char *end;

    choice->from_input = strcmp(text, "-") == 0;
    if (choice->from_input)
        return 0;
    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number > most)
        return -EINVAL;
    choice->before = (unsigned)number;
    return 0;
}

static int take_option(const struct command *c, int option, struct choice *choice)
{
    if (option == 'j' || option == 's') {
        if (choice->form.kind != FORM_TEXT)
            return usage_error(c, "one of --json and --svg is enough");
        choice->form = option == 'j' ? (struct form){ FORM_JSON, NULL } : (struct form){ FORM_SVG, optarg };
    }
    choice->list |= option == 'l';
    choice->operations |= option == 'o' || option == 'd';
    choice->domain = option == 'd' ? optarg : choice->domain;
    return 0;
}

int command_timeline(const struct command *c, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "json", no_argument, NULL, 'j' },
        { "svg", required_argument, NULL, 's' },
        { "operation", no_argument, NULL, 'o' },
        { "domain", required_argument, NULL, 'd' },
        { "list", no_argument, NULL, 'l' },
        COMMON_OPTIONS
    };
    struct choice choice = { .before = 0 };
    unsigned most;
    int option;

    while ((option = next_option(c, argc, argv, ":od:lh", long_options)) >= 0)
        if (take_option(c, option, &choice))
            return EXIT_USAGE;
    most = choice.operations ? MOST_BEFORE : SLEEPS_KEPT - 1;
    if (argc - optind > 1)
        return usage_error(c, "one sleep or operation at a time");
    if (optind < argc && read_which(argv[optind], most, &choice))
        return usage_error(c, "%s is neither a number from 0 to %u nor -", argv[optind], most);
    if (choice.list && (optind < argc || choice.form.kind != FORM_TEXT))
        return usage_error(c, "--list has no number and no other form");
    return show_choice(&choice);
}
