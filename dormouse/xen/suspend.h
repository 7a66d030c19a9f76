// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's own sleep: it is saved, checkpointed, or moved by dom0's toolstack, and goes on. One list of stages says
 * how (suspend.c); the runner is the host's (sleep/). For service threads, one at a time.
 */
#pragma once
#include "sleep/sleep.h"

#define SUSPEND_LIST "guest"        /* its name, for faults */

struct suspend {
    bool new_domain;
};

/*
 * 0: slept, and goes on; -errno: a stage could not be entered, those before it are undone, and the guest goes on. Says
 * so in one line.
 */
int suspend_guest(void);

/*
 * For a stage's leave: this is another domain than the one that went to sleep, and nothing that the hypervisor kept for
 * that one is there.
 */
static inline bool suspend_is_new_domain(const struct sleep *s)
{
    const struct suspend *suspend = s->context;

    return suspend->new_domain;
}
