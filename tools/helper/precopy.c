// SPDX-License-Identifier: Apache-2.0
/* See precopy.h. */
#include "tools/helper/precopy.h"

#define SECOND UINT64_C(1000000000)
#define STUCK_TO_SLOW   2u   /* one such round may be a burst */
#define STUCK_TO_STOP   4u

void precopy_begin(struct precopy *p, const struct precopy_limits *limits)
{
    *p = (struct precopy){ .limits = *limits };
}

/* a * b / c, as exactly as it matters; UINT64_MAX if it does not fit, or c is 0. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
    double result = c ? (double)a * (double)b / (double)c : 1e20;

    return result >= 1.8e19 ? UINT64_MAX : (uint64_t)result;
}

/* An old round counts for half of the one behind it: links change, and a guest's pages compress differently. */
static void measure(struct precopy *p, const struct precopy_round *round)
{
    p->sent = p->sent / 2 + round->data_pages;
    p->sending_ns = p->sending_ns / 2 + round->ns;
    p->total += round->data_pages;
    if (!p->rounds)
        p->first = round->data_pages > PRECOPY_LITTLE ? round->data_pages : PRECOPY_LITTLE;
    p->rounds++;
    p->send_rate = scale(p->sent, SECOND, p->sending_ns);
    p->dirty_rate = scale(round->left, SECOND, round->ns);
    p->transfer_ns = round->left ? scale(round->left, p->sending_ns, p->sent) : 0;
    if (__builtin_add_overflow(p->limits.fixed_ns, p->transfer_ns, &p->estimate_ns))
        p->estimate_ns = UINT64_MAX;
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/*
 * Within the limit; or a quarter of the limit or of the fixed part, where that alone is nearly as long or longer: more
 * rounds, and a slower guest, would gain little then.
 */
static bool is_short(const struct precopy *p, uint64_t left)
{
    uint64_t most = p->limits.max_downtime_ns, fixed = p->limits.fixed_ns, rest = most > fixed ? most - fixed : 0;

    return left <= PRECOPY_FEW || p->transfer_ns <= larger(rest, larger(most, fixed) / 4);
}

/* Half of its share, down to the least; false: it is there. */
static bool slow_down(struct precopy *p)
{
    unsigned now = p->cap ? p->cap : p->limits.full_cap, next = now / 2;

    if (next < PRECOPY_LEAST_CAP)
        next = PRECOPY_LEAST_CAP;
    if (next >= now)
        return false;
    p->cap = next;
    return true;
}

enum precopy_verdict precopy_judge(struct precopy *p, const struct precopy_round *round)
{
    measure(p, round);
    if (is_short(p, round->left))
        return PRECOPY_SHORT;
    if (p->rounds >= PRECOPY_MOST_ROUNDS)
        return PRECOPY_HOPELESS;
    p->stuck = round->left > round->pages / 4 * 3 ? p->stuck + 1 : 0;
    if (!p->limits.full_cap && p->total > PRECOPY_MOST_TIMES * p->first)
        return PRECOPY_HOPELESS;
    if (p->limits.full_cap && p->stuck >= (p->cap ? 1 : STUCK_TO_SLOW) && slow_down(p)) {
        p->stuck = 0;
        return PRECOPY_GO_ON;
    }
    return p->stuck >= STUCK_TO_STOP ? PRECOPY_HOPELESS : PRECOPY_GO_ON;
}
