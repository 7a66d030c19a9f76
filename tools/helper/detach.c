// SPDX-License-Identifier: Apache-2.0
/* See detach.h. */
#include "tools/helper/detach.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

void detach(int *kept)
{
    int null = open("/dev/null", O_RDWR), last = STDERR_FILENO;

    setsid();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (kept)
        last = *kept = dup2(*kept, STDERR_FILENO + 1);
    close_range((unsigned)last + 1, ~0u, 0);
}
