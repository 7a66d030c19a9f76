// SPDX-License-Identifier: Apache-2.0
/*
 * For tests of domctls through their hypercall: a host that may and a guest that it is about, and the rooms below
 * (domains, scheduler, p2m), which only note the calls.
 */
#pragma once

#include "fakes.h"

#include <xen/domctl.h>

#include "abi/abi.h"

extern struct domain *host, *guest;
extern struct xen_domctl op;

struct domctl_calls {
    struct domain_config config;
    domid_t wanted;
    unsigned creations, destructions, vcpus_made, pauses, unpauses, resumes, wakes;
    bool suspended, restored;
    cpu_mask hard, soft;
    unsigned weight, cap;
    uint64_t mapped_first, mapped_nr;
    unsigned intid, irq;
};

extern struct domctl_calls seen;
extern int next_error;                        /* of the next call of a room that can fail, once */

/* Of a tracked guest every 5th page is dirty. */
extern unsigned dirty_cleans, dirty_pieces;   /* calls, and pieces, that collected */
extern uint32_t dirty_period;

extern const char domctl_records[];           /* these eight bytes are the guest's records */

int domctl_setup(void **state);
int domctl_teardown(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, domctl_setup, domctl_teardown)

/* The next call(), of the guest. */
void begin(unsigned cmd);
/* The next call() makes a domain that may be. */
void begin_create(void);
long call(void);
