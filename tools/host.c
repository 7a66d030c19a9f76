// SPDX-License-Identifier: Apache-2.0
/* See host.h. The files are those of Linux's Documentation/admin-guide/pm/sleep-states.rst. */
#include "tools/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/torpor.h"

#define STATE     "/sys/power/state"
#define MEM_SLEEP "/sys/power/mem_sleep"

/* Reads a file of one line. Returns 0 or -errno. */
static int read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    int error = 0;

    if (!file)
        return -errno;
    if (!fgets(line, (int)size, file))
        error = -EIO;
    line[error ? 0 : strcspn(line, "\n")] = 0;
    fclose(file);
    return error;
}

int host_check(void)
{
    char line[128];
    int error = read_line(STATE, line, sizeof(line));

    if (error || !strstr(line, "mem")) {
        failure("this kernel cannot suspend to RAM: %s %s", STATE, error ? strerror(-error) : "does not offer mem");
        return error ? error : -ENOTSUP;
    }
    /* In s2idle "mem" does not reach the hypervisor: dom0 alone would idle. */
    if (read_line(MEM_SLEEP, line, sizeof(line)) == 0 && !strstr(line, "[deep]")) {
        if (strstr(line, "deep"))
            failure("dom0 is set to idle instead of suspending the host: echo deep > %s", MEM_SLEEP);
        else
            failure("the hypervisor does not offer dom0 to suspend the host: %s has no deep", MEM_SLEEP);
        return -ENOTSUP;
    }
    return 0;
}

int host_suspend(void)
{
    int file = open(STATE, O_WRONLY | O_CLOEXEC), error = 0;

    if (file < 0 || write(file, "mem", 3) != 3)
        error = -errno;
    if (file >= 0)
        close(file);
    if (error)
        failure("the host did not suspend: %s (torpor timeline and dmesg say more)", strerror(-error));
    return error;
}
