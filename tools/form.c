// SPDX-License-Identifier: Apache-2.0
/* See form.h. */
#include "tools/form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/torpor.h"

FILE *form_open(const struct form *form)
{
    FILE *out = form->path ? fopen(form->path, "we") : stdout;

    if (!out)
        failure("cannot write %s: %s", form->path, strerror(errno));
    return out;
}

int form_close(const struct form *form, FILE *out)
{
    int failed = ferror(out);

    if (form->path ? fclose(out) : fflush(out))
        failed = 1;
    return failed ? failure("cannot write %s: %s", form->path ? form->path : "the timeline", strerror(errno))
                  : EXIT_SUCCESS;
}
