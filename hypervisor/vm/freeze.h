// SPDX-License-Identifier: Apache-2.0
/*
 * A host sleep: every domain but dom0 stands still, and its virtual counter with it. One that has suspended itself
 * stays so.
 */
#pragma once

#include "lib/base.h"

struct domain;
struct sleep_stage;

/* freeze.c's */
struct domain_freeze {
    bool frozen;
    bool was_suspended;          /* ... when it had suspended itself already */
};

extern const struct sleep_stage domains_stage;
/* While that is entered: the interrupt of a domain that had suspended itself came meanwhile. */
bool domains_woken(void);
