// SPDX-License-Identifier: Apache-2.0
/* An operation that goes on, in words and in JSON; its content comes from the helper's reports. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/helper/report.h"

/* The state at a moment. */
struct progress_state {
    const char *doing;                 /* "Saving web" */
    const char *waiting;               /* for what; NULL: pages move */
    struct report_progress last;
    uint64_t last_ns;                  /* when that was; 0: never */
    double rate;                       /* bytes of pages a second, lately */
};

/* A new word from the helper. */
void progress_update(struct progress_state *s, uint64_t at_ns, const struct report_progress *now);

/* One line without its end, of less than `width` columns and of no more than size: fields are whole, or left out. */
void progress_line(const struct progress_state *s, char *line, size_t size, unsigned width);

/* A summary, one line without its end. */
void progress_summary(const struct journal *j, char *line, size_t size);

/* An object of --json, one line with its end; torpor(1) has them all. at_ns: since the operation began. */
void progress_json_begin(FILE *out, const struct journal *j);
void progress_json(FILE *out, uint64_t at_ns, const struct progress_state *s);
void progress_json_round(FILE *out, const struct journal_round *round);
void progress_json_event(FILE *out, const char *event, uint64_t at_ns);
void progress_json_end(FILE *out, const struct journal *j);
