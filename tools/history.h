// SPDX-License-Identifier: Apache-2.0
/*
 * An operation on a guest of this host, as the journal has it (docs/operations.md): a line of it read,
 * and printed as a table and as a picture. As JSON it is journal_print()'s. Nothing here needs Xen, so a line from
 * elsewhere is read on any machine.
 *
 * A line comes from outside. After history_parse() has returned 0: every string is printable ASCII, every stage and
 * round ends at or after its start, and the guest went on, if it did, at or after its suspending.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/helper/journal.h"

#define HISTORY_LINE_BYTES (64 * 1024)   /* the longest line that is read */
#define HISTORY_ERROR_SIZE 160

/* Reads one line, with or without its end. 0; or -EINVAL or -ENOMEM, and says in `error` what is wrong and where. */
int history_parse(struct journal *j, const char *line, size_t length, char error[HISTORY_ERROR_SIZE]);

/* The operation as a heading has it: "Migration". */
const char *history_name(const struct journal *j);

/* Its outcome, without a line's end: "handed over after 4.210 s, stood still for 61.203 ms". */
#define HISTORY_OUTCOME_SIZE 512
char *history_outcome(char text[HISTORY_OUTCOME_SIZE], const struct journal *j);

/* When the guest went on, or the operation's end: the time from `suspended_ns` on for which it stood still. */
uint64_t history_resumed(const struct journal *j);
/* The last moment that the line tells of. */
uint64_t history_end(const struct journal *j);

/* So many pages, as a person reads it: "33.1 MiB". Returns text. */
#define HISTORY_SIZE_SIZE 32
const char *history_size(char text[HISTORY_SIZE_SIZE], double bytes);

/* Whether writing went well is for the caller to ask ferror(). */
void history_print_text(const struct journal *j, FILE *out);
void history_print_svg(const struct journal *j, FILE *out);
