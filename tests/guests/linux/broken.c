// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded in dom0: torpor(1) is broken off at one place. BROKEN=named: it is killed in its fsync() of the folder in
 * which a file of its has its name now; BROKEN=unsynced: that fsync() fails, for the disk has an error; BROKEN=resumed:
 * it is killed as soon as its guest goes on.
 */
#define _GNU_SOURCE   /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The guardian, which is forked from it, has a name of its own. */
static bool breaks(const char *where)
{
    const char *how = getenv("BROKEN");
    char name[16] = "";

    return how && strcmp(how, where) == 0 && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "torpor") == 0;
}

int fsync(int fd)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (breaks("named"))
            raise(SIGKILL);
        if (breaks("unsynced")) {
            errno = EIO;
            return -1;
        }
    }
    return (int)syscall(SYS_fsync, fd);
}

/* As <libxl.h> has it; that is not among what a preloaded object is built from. */
int libxl_domain_resume(void *libxl, uint32_t domid, int cooperative, const void *how)
{
    int (*real)(void *, uint32_t, int, const void *);
    int rc;

    *(void **)&real = dlsym(RTLD_NEXT, "libxl_domain_resume");
    rc = real(libxl, domid, cooperative, how);
    if (breaks("resumed"))
        raise(SIGKILL);
    return rc;
}
