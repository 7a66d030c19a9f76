// SPDX-License-Identifier: Apache-2.0
/* See report.h. */
#include "tools/helper/report.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/helper/transfer.h"

_Static_assert(sizeof(struct report) <= PIPE_BUF, "a report goes through a pipe in one piece");

static int channel = -1;

uint64_t report_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

bool report_open(void)
{
    const char *path = getenv(REPORT_VARIABLE);

    channel = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    return channel >= 0;
}

void report_send(struct report *r)
{
    r->size = sizeof(*r);
    if (!r->at_ns)
        r->at_ns = report_now_ns();
    if (channel >= 0 && write_all(channel, r, sizeof(*r)))
        channel = -1;
}

/* From CLOCK_MONOTONIC to the operation's own. An earlier time counts as its beginning. */
static uint64_t since(uint64_t began_ns, uint64_t at_ns) { return at_ns > began_ns ? at_ns - began_ns : 0; }

static void collect_end(struct journal *j, const struct report_end *end)
{
    j->result = end->result;
    j->lowest_cap = end->lowest_cap;
    j->data_pages = end->data_pages;
    j->stream_bytes = end->stream_bytes;
    memcpy(j->failed_stage, end->failed_stage, sizeof(j->failed_stage));
    memcpy(j->reason, end->reason, sizeof(j->reason));
}

void report_collect(struct journal *j, uint64_t began_ns, const struct report *r)
{
    struct journal_stage stage = r->stage;
    struct journal_round round = r->round;

    switch (r->kind) {
    case REPORT_BEGIN:
        j->ram_pages = r->begin.ram_pages;
        j->max_downtime_ms = r->begin.max_downtime_ms;
        j->compressed = r->begin.compressed;
        break;
    case REPORT_PROGRESS:
        j->data_pages = r->progress.data_pages;
        j->stream_bytes = r->progress.stream_bytes;
        break;
    case REPORT_ROUND:
        round.start_ns = since(began_ns, round.start_ns);
        round.end_ns = since(began_ns, round.end_ns);
        journal_add_round(j, &round);
        break;
    case REPORT_ASKED:
        j->suspended_ns = since(began_ns, r->at_ns);
        break;
    case REPORT_SUSPENDED:
    case REPORT_SYNC:
        break;
    case REPORT_RESUMED:
        j->resumed_ns = since(began_ns, r->at_ns);
        j->downtime_ns = j->resumed_ns - j->suspended_ns;
        break;
    case REPORT_STAGE:
        stage.start_ns = since(began_ns, stage.start_ns);
        stage.end_ns = since(began_ns, stage.end_ns);
        journal_add_stage(j, &stage);
        break;
    case REPORT_END:
        collect_end(j, &r->end);
        break;
    }
}
