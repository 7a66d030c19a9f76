// SPDX-License-Identifier: Apache-2.0
/*
 * A program for the vCPUs of a domain that has no kernel (counter.S): it counts, sends, and obeys its mailbox.
 */
#pragma once

#include "lib/base.h"

/* A vCPU's part of a page that the domain and dom0 share; x0 of the vCPU at its start. */
struct mailbox {
    uint32_t port;             /* 0: it sends on this one */
    uint32_t reason;           /* 4: SHUTDOWN_poweroff, when it is told to end */
    volatile uint64_t turns;   /* 8: how often it came by */
    volatile uint64_t told;    /* 16: TOLD_* */
    uint64_t ports;            /* 24: of struct sched_poll: where the number of the port is, */
    uint32_t nr_ports, pad;    /* 32: */
    uint64_t timeout;          /* 40 */
    uint64_t unused[2];
};
enum { TOLD_TO_WAIT, TOLD_TO_RUN, TOLD_TO_END };

/* Runs at any address, with the MMU off. */
extern const char counter_program[], counter_program_end[];
