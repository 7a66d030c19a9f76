// SPDX-License-Identifier: Apache-2.0
/*
 * The helper's reports on its work while it goes on, beside libxl's protocol: structs in a pipe, which TORPOR_REPORT
 * names as a path (/proc/PID/fd/N). Where nobody listens (libvirt) the helper keeps the journal itself.
 *
 * The pipe's ends are programs of one version, or they do not speak: size says so. Times are those of CLOCK_MONOTONIC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/helper/journal.h"

#define REPORT_VARIABLE "TORPOR_REPORT"

enum report_kind {
    REPORT_BEGIN, REPORT_PROGRESS,
    REPORT_ROUND,                  /* is over */
    REPORT_ASKED,                  /* the guest, to suspend itself */
    REPORT_SUSPENDED,
    REPORT_RESUMED,                /* by the helper itself */
    REPORT_SYNC,                   /* the sender waits for an answer (sync.h) */
    REPORT_STAGE, REPORT_END,
};

struct report_begin {
    uint64_t ram_pages;
    uint32_t max_downtime_ms;      /* 0: not live */
    bool compressed;
};

struct report_progress {
    uint32_t round, cap;
    uint64_t done, total;          /* pages of this round */
    uint64_t data_pages, stream_bytes;   /* since the beginning */
    uint64_t dirty_rate;           /* pages a second, in the round before */
    uint64_t estimate_ns;          /* of the downtime, after it; 0: not known */
};

struct report_end {
    int result;
    uint32_t lowest_cap;
    uint64_t data_pages, stream_bytes;
    uint64_t transfer_ns;          /* of the downtime, the estimate for the pages that were known to be left */
    char failed_stage[JOURNAL_NAME_SIZE], reason[256];
};

struct report {
    uint32_t size;                 /* of this struct */
    enum report_kind kind;
    uint64_t at_ns;
    union {
        struct report_begin begin;
        struct report_progress progress;
        struct journal_round round;
        struct journal_stage stage;
        struct report_end end;
    };
};

/* Now, as in reports. */
uint64_t report_now_ns(void);

/* Once. True: somebody listens. */
bool report_open(void);
/* at_ns is set here, unless it is. A report that nobody reads is lost. */
void report_send(struct report *r);

/* Adds a report to the journal of an operation that began at began_ns. */
void report_collect(struct journal *j, uint64_t began_ns, const struct report *r);
