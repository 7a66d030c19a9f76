// SPDX-License-Identifier: Apache-2.0
#include "dormouse/core/arguments.h"

#include <stdlib.h>

#include "lib/string.h"
#include "machine/start.h"

const char *argument_text(const char *name)
{
    const char *line = start_arguments();
    size_t n = strlen(name);

    for (const char *p = line; (p = strstr(p, name)); p += n)
        if ((p == line || p[-1] == ' ') && p[n] == '=')
            return p + n + 1;
    return NULL;
}

uint64_t argument_number(const char *name, uint64_t otherwise)
{
    const char *text = argument_text(name);

    return text ? strtoul(text, NULL, 0) : otherwise;
}
