// SPDX-License-Identifier: Apache-2.0
/* Host suspend-to-RAM: begun when dom0 has suspended itself, as a list of stages. */
#pragma once

#include "lib/base.h"
#include "sleep/sleep.h"

/* The stages of a host sleep, in order. */
extern const struct sleep_list host_sleep_list;

/* Stages that the jump (power/jump.c) shares; its struct sleep has a struct host_sleep as context, too. */
extern const struct sleep_stage dom0_stage, core_stage;

/* Boot: dom0's SYSTEM_SUSPEND is the host's from now on, and /torpor/sleep is in hypfs. */
void host_sleep_init(void);

/* A host sleep's outcome, beside its timeline. */
struct host_sleep {
    struct sleep sleep;
    unsigned number;             /* since boot, from 1 */
    uint64_t began_ns;           /* system time */
    uint64_t down_ns;            /* when the last stage was reached, system time; 0: it was not */
    uint64_t up_ns;              /* when the CPU came back */
    bool restored;               /* of a jump: the host's memory was put back in another life of the machine */
    bool woken;
    unsigned wake_irq;
    domid_t wake_domain;
};

/* The sleep `age` before the last, or NULL. */
const struct host_sleep *host_sleep_past(unsigned age);
#define HOST_SLEEPS_KEPT 8
