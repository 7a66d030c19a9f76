// SPDX-License-Identifier: Apache-2.0
/* A line that somebody types: its echo on the terminal, and when it is complete. Pure. */
#pragma once
#include "lib/base.h"

struct line {
    char *text;
    size_t size;                    /* at least 1; input that does not fit with a NUL behind it is dropped */
    size_t length;
};

enum { LINE_ECHO_MAX = 4 };

/*
 * One character. True: the line is complete, without its end, and with a NUL. Backspace and delete take a character
 * back, any other control character is ignored. `echo` becomes a string.
 */
bool line_type(struct line *line, char c, char echo[LINE_ECHO_MAX]);
