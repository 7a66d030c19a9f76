// SPDX-License-Identifier: Apache-2.0
/*
 * Several CPUs at once on the real code, as threads, for the thread sanitizer: domains come, do things to themselves and each other,
 * and go, in any order; when all are gone, so is everything that they had. A part of the hypervisor joins with a struct
 * threads_part (threads_memory.c is one) that tsan_memory.c lists.
 */
#pragma once

#include "lib/base.h"
#include "vm/domain.h"

#define THREADS_DOMAINS 3    /* numbers 1 .. */
#define THREADS_FRAMES  4096 /* the machine's */

struct threads_part {
    const char *name;
    /* All in d's life in this order; any may be NULL. */
    int (*create)(struct domain *d);    /* an errno: nothing of it is there */
    /* One thing, at random, as a vCPU of `self` would do it, which does not run any more when it is destroyed. `other` is held only. */
    void (*act)(struct domain *self, struct domain *other);
    int (*destroy)(struct domain *d);   /* -ERESTART: again */
    void (*free)(struct domain *d);     /* the last reference is gone */
};
extern const struct threads_part threads_memory;

/* What each thread has of its own. */
uint32_t threads_random(uint32_t below);
bool threads_preempt(void);             /* now and then */

/* A broken expectation ends the program. */
NORETURN void threads_fail(const char *what);
#define threads_expect(condition) ((condition) ? (void)0 : threads_fail(#condition))
