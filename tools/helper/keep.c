// SPDX-License-Identifier: Apache-2.0
/* See keep.h. */
#include "tools/helper/keep.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "tools/helper/detach.h"

/* libxl forks, and its child becomes the helper: the parent is whoever uses libxl. */
static bool torpor_asked(void)
{
    char path[64], target[4096];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)getppid());
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return false;
    target[n] = 0;
    return strcmp(strrchr(target, '/') + 1, "torpor") == 0;
}

void keep_going(uint32_t domid)
{
    char id[16];

    if (torpor_asked() || fork() != 0)
        return;
    detach(NULL);
    snprintf(id, sizeof(id), "%u", domid);
    execlp("torpor", "torpor", "wake", id, (char *)NULL);
    _exit(EXIT_FAILURE);
}
