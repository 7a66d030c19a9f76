// SPDX-License-Identifier: Apache-2.0
/*
 * When a live operation ends its rounds, and how slow a guest has to be for that. Pure: numbers in, a verdict out.
 *
 * After each round it is known how many pages are left, how fast pages are sent and how fast they become dirty. If the
 * guest stood still now, it would do so for
 *
 *     estimate = fixed part + pages left / rate of sending
 *
 * where the fixed part (the guest suspends itself, its state, the receiver's end) is that of earlier migrations. The
 * rounds end when the estimate is within the limit, or near to a fixed part that is not. A guest of which nearly as
 * much is left after a round as before it is given less CPU time, by halves; a guest that may not be slowed down, or is
 * at the lowest already, is stopped after a bounded number of rounds, as by Xen's own migration, and stands still for
 * longer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PRECOPY_FIXED_NS   UINT64_C(50000000)   /* as long as no migration has told */
#define PRECOPY_FEW        64u   /* pages: another round costs more than they do */
#define PRECOPY_LEAST_CAP  5u    /* percent of one CPU */
#define PRECOPY_MOST_ROUNDS 30u
#define PRECOPY_MOST_TIMES 3u    /* as much as the first round is sent, by a guest that is not slowed down */
#define PRECOPY_LITTLE 16384u    /* pages: a first round counts as no less */

struct precopy_limits {
    uint64_t max_downtime_ns, fixed_ns;
    unsigned full_cap;           /* percent of one CPU that the guest may use; 0: it is not to be slowed down */
};

/* A round that is over. */
struct precopy_round {
    uint64_t pages;              /* that were to be sent: of the first round those with content, later the dirty ones */
    uint64_t data_pages;         /* sent with their content */
    uint64_t ns;                 /* since its pages were clean */
    uint64_t left;               /* pages that are dirty now */
};

enum precopy_verdict {
    PRECOPY_GO_ON,               /* another round */
    PRECOPY_SHORT,               /* stop: the estimate is within the limit, or so few are left that it gets no less */
    PRECOPY_HOPELESS,            /* stop: it does not get better */
};

struct precopy {
    struct precopy_limits limits;
    uint64_t sent, sending_ns;   /* data pages and time, of earlier rounds less and less */
    uint64_t first, total;       /* data pages */
    unsigned rounds, stuck;      /* stuck: rounds in a row after which nearly as much was left */
    /* To be shown: */
    uint64_t send_rate, dirty_rate;   /* pages a second */
    uint64_t transfer_ns, estimate_ns;
    unsigned cap;                /* percent of one CPU that it is to have; 0: as it has */
};

void precopy_begin(struct precopy *p, const struct precopy_limits *limits);
/* To be called after each round; cap may be another then. */
enum precopy_verdict precopy_judge(struct precopy *p, const struct precopy_round *round);
