// SPDX-License-Identifier: Apache-2.0
/* See detach.h. */
#include "tools/helper/detach.h"

#include <fcntl.h>
#include <unistd.h>

void detach(int *kept, unsigned count)
{
    int null = open("/dev/null", O_RDWR), first = STDERR_FILENO + 1;

    setsid();
    /* above where they are to be, so that none is in another's place */
    for (unsigned i = 0; i < count; i++)
        kept[i] = fcntl(kept[i], F_DUPFD, first + (int)count);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    for (unsigned i = 0; i < count; i++)
        kept[i] = dup2(kept[i], first + (int)i);
    close_range((unsigned)first + count, ~0u, 0);
}
