// SPDX-License-Identifier: Apache-2.0
/* Why a domain as a whole does not run: it was not begun yet, or it was paused. */
#pragma once

#include "lib/base.h"

struct domain;

/* pause.c's */
struct domain_pause {
    uint32_t count;              /* all of it; atomic */
    uint32_t by_controller;      /* the toolstack's part; atomic */
    bool started;                /* was unpaused once: built by then, the builder's rights are over */
};

/* Paused once by the controller, as XEN_DOMCTL_createdomain says. */
void domain_pause_init(struct domain *d);

void domain_pause(struct domain *d);            /* nested, and waits until no vCPU runs; not for one's own domain */
/* ... without waiting: for one's own domain, which leaves its CPUs on the way out of the trap */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_controller(struct domain *d);    /* -EOVERFLOW after too many */
int domain_unpause_by_controller(struct domain *d);  /* -EINVAL if it was not */

/*
 * It is built and may run: the first call begins its clock (but dom0's, which is the machine's). One caller at a time.
 */
void domain_start(struct domain *d);

bool domain_is_paused(const struct domain *d);
bool domain_is_paused_by_controller(const struct domain *d);
