// SPDX-License-Identifier: Apache-2.0
#include "dormouse/core/line.h"

#include "lib/string.h"

enum { BACKSPACE = 8, DELETE = 127 };

static void echo_set(char echo[LINE_ECHO_MAX], const char *text)
{
    memcpy(echo, text, strlen(text) + 1);
}

bool line_type(struct line *line, char c, char echo[LINE_ECHO_MAX])
{
    echo_set(echo, "");
    if (c == '\r' || c == '\n') {       /* a terminal's return key sends the one, a file or a pipe has the other */
        line->text[line->length] = '\0';
        echo_set(echo, "\r\n");
        return true;
    }
    if (c == BACKSPACE || c == DELETE) {
        if (line->length) {
            line->length--;
            echo_set(echo, "\b \b");
        }
    } else if ((unsigned char)c >= ' ' && line->length + 1 < line->size) {
        line->text[line->length++] = c;
        echo[0] = c;
        echo[1] = '\0';
    }
    return false;
}
