// SPDX-License-Identifier: Apache-2.0
/*
 * Two fake domains, two vCPUs of each at once, which do random things to themselves and each other; each domain in turn
 * is destroyed while the other goes on. Each trial with them is a struct pair_play.
 */
#pragma once

#include "fakes.h"
#include "threads.h"

struct pair_play {
    unsigned pages;                                         /* of each domain */
    void (*create)(struct domain *d, unsigned n);           /* n: 0 or 1 */
    /* One thing, at random, of vCPU `vcpu` of d, which nobody else is. */
    void (*step)(struct domain *d, struct domain *peer, unsigned n, unsigned vcpu);
    /* The same from outside, also while d is paused or being destroyed; or NULL. */
    void (*step_outside)(struct domain *d, domid_t remote);
    int (*destroy)(struct domain *d, unsigned n);           /* -ERESTART: again */
    void (*check)(struct domain *d);                        /* both are destroyed */
    void (*free)(struct domain *d);                         /* the last reference is gone */
};

/* The main program. */
int pair_main(const struct pair_play *play);
/* One of the two. */
struct domain *pair_domain(unsigned n);
