// SPDX-License-Identifier: Apache-2.0
/* In which form something is shown, and where: text and JSON on standard output, a picture in a file. */
#pragma once

#include <stdio.h>

enum form_kind { FORM_TEXT, FORM_JSON, FORM_SVG };

struct form {
    enum form_kind kind;
    const char *path;   /* of the picture; otherwise NULL */
};

/* Where to write. NULL: it has been said why. */
FILE *form_open(const struct form *form);
/* Has all of it written. Returns an exit status, and has said what failed. */
int form_close(const struct form *form, FILE *out);
