// SPDX-License-Identifier: Apache-2.0
/*
 * Domains come, do things to themselves and each other, and go, in any order; when all are gone, so is everything that
 * they had. A part of the hypervisor joins with a struct threads_part (threads_memory.c is one) that tsan_memory.c
 * lists.
 */
#pragma once

#include "threads.h"
#include "vm/domain.h"

#define THREADS_DOMAINS 3    /* numbers 1 .. */
#define THREADS_FRAMES  4096 /* the machine's */

struct threads_part {
    const char *name;
    /* All in d's life in this order; any may be NULL. */
    int (*create)(struct domain *d);    /* an errno: nothing of it is there */
    /*
     * One thing, at random, as a vCPU of `self` would do it, which does not run any more when it is destroyed. `other`
     * is held only.
     */
    void (*act)(struct domain *self, struct domain *other);
    int (*destroy)(struct domain *d);   /* -ERESTART: again */
    void (*free)(struct domain *d);     /* the last reference is gone */
};
extern const struct threads_part threads_memory, threads_dirty;

/* A domctl, of which there is one at a time; destroying a domain is one, too. False: somebody is at it. */
bool threads_domctl_begin(void);
void threads_domctl_end(void);
