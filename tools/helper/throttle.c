// SPDX-License-Identifier: Apache-2.0
/*
 * See throttle.h. The guardian knows by a pipe which caps were set, the last of which may not have come to be; that
 * the pipe's other end is closed is its word to begin. It takes no signals.
 */
#include "tools/helper/throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenctrl.h>

#include "tools/helper/detach.h"
#include "tools/helper/transfer.h"

static pid_t guardian;      /* 0: there is none */
static int to_guardian;

int throttle_full(struct xc_interface_core *xc, uint32_t domid, uint32_t vcpus, unsigned *cap)
{
    struct xen_domctl_sched_credit2 now;

    if (xc_sched_credit2_domain_get(xc, domid, &now))
        return -errno;
    *cap = vcpus * 100;
    if (now.cap && now.cap < *cap)
        *cap = now.cap;
    return 0;
}

/* The domain is the one that it was: numbers are given again. */
static bool is_same(struct xc_interface_core *xc, const xc_dominfo_t *was)
{
    xc_dominfo_t now;

    return xc_domain_getinfo(xc, was->domid, 1, &now) == 1 && now.domid == was->domid &&
           memcmp(now.handle, was->handle, sizeof(now.handle)) == 0;
}

static int give_back(const xc_dominfo_t *domain, const struct xen_domctl_sched_credit2 *had, const uint16_t set[2])
{
    struct xc_interface_core *xc = xc_interface_open(NULL, NULL, 0);
    struct xen_domctl_sched_credit2 now;
    int error = 0;

    if (!xc)
        return -EIO;
    if (is_same(xc, domain) && xc_sched_credit2_domain_get(xc, domain->domid, &now) == 0 &&
        (now.cap == set[0] || now.cap == set[1])) {
        now.cap = had->cap;
        if (xc_sched_credit2_domain_set(xc, domain->domid, &now))
            error = -errno;
    }
    xc_interface_close(xc);
    return error;
}

__attribute__((noreturn))
static void guard(int from, const xc_dominfo_t *domain, const struct xen_domctl_sched_credit2 *had)
{
    uint16_t set[2] = { had->cap, had->cap }, cap;

    detach(&from, 1);
    while (read_all(from, &cap, sizeof(cap)) == 0) {
        set[0] = set[1];
        set[1] = cap;
    }
    _exit(give_back(domain, had, set) ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int begin(struct xc_interface_core *xc, uint32_t domid)
{
    struct xen_domctl_sched_credit2 had;
    xc_dominfo_t domain;
    sigset_t all, before;
    int ends[2];

    if (xc_domain_getinfo(xc, domid, 1, &domain) != 1 || domain.domid != domid)
        return -ESRCH;
    if (xc_sched_credit2_domain_get(xc, domid, &had) || pipe2(ends, O_CLOEXEC))
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);   /* the guardian's for good, from its first instruction on */
    guardian = fork();
    if (guardian == 0) {
        close(ends[1]);
        guard(ends[0], &domain, &had);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[0]);
    to_guardian = ends[1];
    if (guardian > 0)
        return 0;
    guardian = 0;
    close(to_guardian);
    return -EAGAIN;
}

int throttle_set(struct xc_interface_core *xc, uint32_t domid, unsigned cap)
{
    struct xen_domctl_sched_credit2 now;
    uint16_t value = (uint16_t)cap;
    int error = guardian ? 0 : begin(xc, domid);

    if (!error)
        error = write_all(to_guardian, &value, sizeof(value));
    if (!error && xc_sched_credit2_domain_get(xc, domid, &now))
        error = -errno;
    if (error)
        return error;
    now.cap = value;
    return xc_sched_credit2_domain_set(xc, domid, &now) ? -errno : 0;
}

int throttle_end(void)
{
    int status = 0;

    if (!guardian)
        return 0;
    close(to_guardian);
    while (waitpid(guardian, &status, 0) < 0 && errno == EINTR)
        ;
    guardian = 0;
    return status ? -EIO : 0;
}
