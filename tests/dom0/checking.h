// SPDX-License-Identifier: Apache-2.0
/*
 * The common parts of the dom0s that save and restore the guest that knows what it is (tests/guests/record): its plan,
 * and how it is spoken with. From one vCPU.
 */
#pragma once
#include "dormouse/test/toolstack.h"
#include "tests/guests/record/words.h"

enum { CHECKING_RAM_PAGES = 2048, CHECKING_MOST_BYTES = 256 << 10 };

/* Interrupts, and random numbers from the boot argument `seed`. */
void checking_begin(void);
uint64_t draw(void);
void sleep_us(uint64_t us);

/* Whether r is 0; if not it is said, and the run has failed. */
bool works(const char *what, long r);
bool all_worked(void);

/* The plan of the guest in this dom0's ramdisk; another image may be put into it. `fifo` as in its boot arguments. */
struct domain_plan *checking_plan(bool fifo);
volatile struct record_words *words_of(const struct domain *d);
/* Prints the guest's output. */
void hear(struct domain *d);
/* Until the guest has written `value` there; false after a minute, or when the guest found something wrong. */
bool wait_until(struct domain *d, const char *what, const volatile uint32_t *word, uint32_t value);
/* Made, and everything in it has its known value. */
bool guest_begin(struct domain *d, const struct domain_plan *plan, unsigned window);
/* It looks at everything. */
bool guest_checks(struct domain *d);
/* Its records, into CHECKING_MOST_BYTES. */
bool guest_save(const struct domain *d, void *buffer, uint32_t *size);
