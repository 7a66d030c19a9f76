// SPDX-License-Identifier: Apache-2.0
/*
 * The words between tests/guests/record and tests/dom0/record.c, in the page of the console's ring behind the ring.
 * dom0 raises `generation` in a domain that it has restored; the guest looks at everything, and answers.
 */
#pragma once
#include "lib/base.h"

enum { RECORD_WORDS_AT = 3584, RECORD_VCPUS = 8 };

struct record_words {
    volatile uint32_t filled;        /* everything has its known value: it may be saved from now on */
    volatile uint32_t generation;    /* dom0's */
    volatile uint32_t checked;       /* the guest's: everything was as before in this generation */
    volatile uint32_t wrong;         /* ... or was not */
    volatile uint32_t suspend;       /* dom0's: the guest is to suspend itself, as a kernel that is to be saved does */
    volatile uint32_t answered;      /* the guest's: it has done so this often, and goes on */
    volatile int32_t answer;         /* the call's answer: 1 where it had been, 0 in a new domain */
    volatile uint32_t sleep, slept;  /* the same by PSCI SYSTEM_SUSPEND, which dom0 wakes it from */
};
