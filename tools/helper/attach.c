// SPDX-License-Identifier: Apache-2.0
/* See attach.h. A domain is for libxl to destroy only when nothing is attached to it any more. */
#include "tools/helper/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/helper/helper.h"

static pid_t child;   /* 0: there is none */

/* Standard output is libxl's, and the stream has to end when this process does. */
__attribute__((noreturn))
static void become(const char *program, uint32_t domid, const char *config)
{
    char id[16];
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    signal(SIGPIPE, SIG_DFL);
    snprintf(id, sizeof(id), "%u", domid);
    execl(program, ATTACH_NAME, id, config, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static int enter_attach(struct sleep *s)
{
    struct helper *h = s->context;
    const char *program = getenv(ATTACH_PROGRAM), *config = getenv(ATTACH_CONFIG);

    if (!program || !config)
        return 0;
    child = fork();
    if (child == 0)
        become(program, h->memory.domid, config);
    if (child > 0)
        return 0;
    child = 0;
    return helper_fail(h, -errno, "its devices cannot be attached: %s", strerror(errno));
}

/* Its status, as waitpid() has it; 0 without one. */
static int wait_for_it(void)
{
    int status = 0;

    while (child && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    child = 0;
    return status;
}

static void leave_attach(struct sleep *s)
{
    (void)s;
    wait_for_it();
}

int attach_wait(struct helper *h) { return wait_for_it() ? helper_fail(h, -EIO, "its devices were not attached") : 0; }

static int enter_attached(struct sleep *s) { return attach_wait(s->context); }

const struct sleep_stage attach_stage = { "attach", enter_attach, leave_attach };
const struct sleep_stage attached_stage = { "attached", enter_attached, NULL };
