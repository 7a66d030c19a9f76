// SPDX-License-Identifier: Apache-2.0
/* See helper.h. libxl takes its path from the environment; one that is set already is kept. */
#include "tools/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/torpor.h"

#define VARIABLE  "LIBXL_SAVE_HELPER"
#define NAME      "torpor-save-helper"
#define INSTALLED "/usr/sbin/" NAME

static int use(const char *path)
{
    if (setenv(VARIABLE, path, 1) == 0)
        return 0;
    failure("out of memory");
    return -ENOMEM;
}

int helper_use(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(NAME));

    if (getenv(VARIABLE))
        return 0;
    if (n > 0) {
        path[n] = 0;
        strcpy(strrchr(path, '/') + 1, NAME);
        if (access(path, X_OK) == 0)
            return use(path);
    }
    if (access(INSTALLED, X_OK) == 0)
        return use(INSTALLED);
    failure("there is no " NAME " beside this program, and none in /usr/sbin");
    return -ENOENT;
}
