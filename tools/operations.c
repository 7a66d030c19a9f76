// SPDX-License-Identifier: Apache-2.0
/* See operations.h. */
#include "tools/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/helper/transfer.h"
#include "tools/history.h"
#include "tools/timeline.h"
#include "tools/torpor.h"

#define MOST_BYTES (2 * JOURNAL_MOST_BYTES)   /* of a file that is read; a longer one is no journal of ours */

static const char *const paths[] = { JOURNAL_PATH, JOURNAL_PATH ".1" };   /* the later one first */

/* Called for each operation, the last first, until it returns false. */
typedef bool visitor(const struct journal *j, void *context);

/* False: the visitor has seen enough. */
static bool visit_lines(const char *text, size_t length, visitor *visit, void *context)
{
    static struct journal j;
    char error[HISTORY_ERROR_SIZE];

    while (length) {
        const char *before = memrchr(text, '\n', length - 1);
        const char *line = before ? before + 1 : text;

        if (history_parse(&j, line, (size_t)(text + length - line), error))
            detail("a line of the journal is passed over: %s", error);
        else if (!visit(&j, context))
            return false;
        length = (size_t)(line - text);
    }
    return true;
}

/* Returns an exit status, and has said what failed. */
static int visit_all(visitor *visit, void *context)
{
    bool more = true;

    for (unsigned i = 0; more && i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t length;
        char *text;
        int error = read_file(paths[i], MOST_BYTES, &text, &length);

        if (error == -ENOENT)
            continue;
        if (error)
            return failure("cannot read %s: %s", paths[i], error == -EFBIG ? "it is too long" : strerror(-error));
        more = visit_lines(text, length, visit, context);
        free(text);
    }
    return EXIT_SUCCESS;
}

static int show(const struct journal *j, const struct form *form)
{
    static void (*const printers[])(const struct journal *, FILE *) = {
        [FORM_TEXT] = history_print_text, [FORM_JSON] = journal_print, [FORM_SVG] = history_print_svg };
    FILE *out = form_open(form);

    if (!out)
        return EXIT_FAILURE;
    printers[form->kind](j, out);
    return form_close(form, out);
}

struct wanted {
    const char *domain;   /* NULL: any */
    unsigned before;
    const struct form *form;
    bool found;
    int status;
};

static bool show_wanted(const struct journal *j, void *context)
{
    struct wanted *w = context;

    if ((w->domain && strcmp(j->domain, w->domain)) || w->before-- > 0)
        return true;
    w->found = true;
    w->status = show(j, w->form);
    return false;
}

int operations_show(const char *domain, unsigned before, const struct form *form)
{
    struct wanted w = { .domain = domain, .before = before, .form = form };

    if (visit_all(show_wanted, &w))
        return EXIT_FAILURE;
    if (w.found)
        return w.status;
    return failure("%s%s%s has no%s record of being saved, restored or moved", JOURNAL_PATH, domain ? ": " : "",
                   domain ? domain : "", before ? " so old a" : "");
}

int operations_show_line(const char *line, size_t length, const struct form *form)
{
    static struct journal j;
    char error[HISTORY_ERROR_SIZE];

    if (history_parse(&j, line, length, error))
        return failure("the journal's line is malformed: %s", error);
    return show(&j, form);
}

static bool list_one(const struct journal *j, void *context)
{
    struct wanted *w = context;
    char outcome[HISTORY_OUTCOME_SIZE], date[32] = "";
    time_t began = (time_t)(j->began_ms / 1000);
    struct tm tm;

    if (w->domain && strcmp(j->domain, w->domain))
        return true;
    if (gmtime_r(&began, &tm))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    printf("%4u  %s  %-10s %-15s %s\n", w->before++, date, j->operation, j->domain, history_outcome(outcome, j));
    return true;
}

int operations_list(const char *domain)
{
    struct wanted w = { .domain = domain };
    const struct form form = { .kind = FORM_TEXT };

    return visit_all(list_one, &w) ? EXIT_FAILURE : form_close(&form, stdout);
}
