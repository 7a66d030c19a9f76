// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded in dom0: a program's fsync() of a folder, behind which a file of its has a new name, does not come to its
 * end. UNSYNCED=kill: the program is killed in it; UNSYNCED=fail: the disk has an error.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd)
{
    const char *how = getenv("UNSYNCED");
    char name[16] = "";
    struct stat status;

    /* The guardian, which is forked from it, has a name of its own. */
    if (!how || prctl(PR_GET_NAME, name) || strcmp(name, "torpor") || fstat(fd, &status) || !S_ISDIR(status.st_mode))
        return (int)syscall(SYS_fsync, fd);
    if (strcmp(how, "kill") == 0)
        raise(SIGKILL);
    errno = EIO;
    return -1;
}
