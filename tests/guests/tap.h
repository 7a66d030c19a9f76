// SPDX-License-Identifier: Apache-2.0
/*
 * The output of a test guest: one line per expectation, `ok NAME` or `not ok NAME: got X expected Y`, and at the end
 * `done: N ok, M not ok`. A name states the behaviour. Call from one vCPU at a time.
 *
 * Where stock Xen departs from the public header or the architecture, the expectation stays theirs and the
 * test names the departure with expect_or_xen(): it is forgiven on stock Xen only, and said so.
 */
#pragma once
#include "dormouse/xen/console.h"
#include "lib/base.h"

/* Prints what the guest is and on what it runs; finds out whether this is stock Xen. */
void tap_begin(const char *guest);
/* Prints the sum and ends the domain. */
NORETURN void tap_end(void);
bool tap_on_stock_xen(void);

void expect_equal(const char *name, uint64_t got, uint64_t expected);
/* As expect_equal, and on stock Xen `xen` is accepted too. */
void expect_or_xen(const char *name, uint64_t got, uint64_t expected, uint64_t xen, const char *why);
void expect_true(const char *name, bool got);
/* Not run, and why; counts as neither. */
void skip(const char *name, const char *why);

/* Spins up to `ms` milliseconds of the virtual counter until the condition holds; tells whether it did. */
#define wait_until(cond, ms) ({ \
    uint64_t end_ = timer_now() + (uint64_t)(ms) * timer_frequency() / 1000; \
    bool met_; \
    while (!(met_ = (cond)) && timer_now() < end_) \
        ; \
    met_; })
