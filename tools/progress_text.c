// SPDX-License-Identifier: Apache-2.0
/* See progress_text.h. */
#include "tools/progress_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define PAGE_BYTES   4096
#define PAGES_PER_MB 256
#define BAR_WIDTH    20
#define NS_PER_MS    1000000
#define SECOND_NS    1e9

void progress_update(struct progress_state *s, uint64_t at_ns, const struct report_progress *now)
{
    double pages = (double)(now->data_pages - s->last.data_pages), ns = (double)(at_ns - s->last_ns), rate;

    if (s->last_ns && at_ns > s->last_ns) {
        rate = pages * PAGE_BYTES / ns * SECOND_NS;
        s->rate = s->rate > 0 ? (s->rate + rate) / 2 : rate;
    }
    s->last = *now;
    s->last_ns = at_ns;
    s->waiting = NULL;
}

static void make_bar(char bar[BAR_WIDTH + 1], unsigned percent)
{
    unsigned full = percent * BAR_WIDTH / 100;

    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', full);
    if (full < BAR_WIDTH)
        bar[full] = '>';
    bar[BAR_WIDTH] = 0;
}

/* Adds a field, if there is room for all of it. */
__attribute__((format(printf, 3, 4)))
static void add(char *line, size_t room, const char *format, ...)
{
    char field[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(field, sizeof(field), format, arguments);
    va_end(arguments);
    if (strlen(line) + strlen(field) < room)
        strcat(line, field);
}

void progress_line(const struct progress_state *s, char *line, size_t size, unsigned width)
{
    size_t room = width < size ? width : size;
    uint64_t done = s->last.done < s->last.total ? s->last.done : s->last.total;
    unsigned percent = s->last.total ? (unsigned)(done * 100 / s->last.total) : 0;
    char bar[BAR_WIDTH + 1];

    line[0] = 0;
    add(line, room, "%s", s->doing);
    if (s->waiting) {
        add(line, room, ": %s", s->waiting);
        return;
    }
    make_bar(bar, percent);
    add(line, room, " [%s] %3u%%", bar, percent);
    if (s->last.round)
        add(line, room, ", round %u", s->last.round);
    add(line, room, ", %" PRIu64 " of %" PRIu64 " MiB", done / PAGES_PER_MB, s->last.total / PAGES_PER_MB);
    add(line, room, ", %.1f MiB/s", s->rate / (PAGE_BYTES * PAGES_PER_MB));
    if (s->last.round)
        add(line, room, ", %" PRIu64 " dirty pages/s", s->last.dirty_rate);
    if (s->last.estimate_ns)
        add(line, room, ", downtime about %" PRIu64 " ms", s->last.estimate_ns / NS_PER_MS);
    if (s->last.cap)
        add(line, room, ", slowed to %u%% of a CPU", s->last.cap);
}

static double ratio(const struct journal *j)
{
    return j->stream_bytes ? (double)j->data_pages * PAGE_BYTES / (double)j->stream_bytes : 1;
}

void progress_summary(const struct journal *j, char *line, size_t size)
{
    double seconds = (double)j->total_ns / SECOND_NS, mib = (double)j->stream_bytes / (PAGE_BYTES * PAGES_PER_MB);

    line[0] = 0;
    add(line, size, "%s: %s in %.1f s, %.1f MiB", j->domain, j->outcome, seconds, mib);
    if (j->compressed)
        add(line, size, " (%.1f times smaller than its pages)", ratio(j));
    if (j->downtime_ns)
        add(line, size, ", stood still for %.3f s", (double)j->downtime_ns / SECOND_NS);
    if (j->max_downtime_ms && j->downtime_ns > (uint64_t)j->max_downtime_ms * NS_PER_MS)
        add(line, size, " instead of %.3f s", j->max_downtime_ms / 1e3);
    if (j->round_count)
        add(line, size, ", %u rounds", j->rounds[j->round_count - 1].round + 1);
    if (j->lowest_cap)
        add(line, size, ", slowed to %u%% of a CPU meanwhile", j->lowest_cap);
}

/* --- JSON */

static void begin(FILE *out, const char *event)
{
    fputs("{\"event\":", out);
    json_put_string(out, event);
}

static void text(FILE *out, const char *key, const char *value)
{
    fprintf(out, ",\"%s\":", key);
    json_put_string(out, value);
}

static void number(FILE *out, const char *key, uint64_t value) { fprintf(out, ",\"%s\":%" PRIu64, key, value); }
static void end(FILE *out) { fputs("}\n", out); }

void progress_json_begin(FILE *out, const struct journal *j)
{
    begin(out, "begin");
    text(out, "operation", j->operation);
    text(out, "domain", j->domain);
    number(out, "domid", j->domid);
    text(out, "uuid", j->uuid);
    number(out, "began_ms", j->began_ms);
    end(out);
}

void progress_json(FILE *out, uint64_t at_ns, const struct progress_state *s)
{
    begin(out, "progress");
    number(out, "at_ns", at_ns);
    number(out, "round", s->last.round);
    number(out, "done_pages", s->last.done);
    number(out, "total_pages", s->last.total);
    number(out, "data_pages", s->last.data_pages);
    number(out, "stream_bytes", s->last.stream_bytes);
    number(out, "bytes_per_s", (uint64_t)s->rate);
    number(out, "dirty_pages_per_s", s->last.dirty_rate);
    number(out, "estimate_ns", s->last.estimate_ns);
    number(out, "cap", s->last.cap);
    end(out);
}

void progress_json_round(FILE *out, const struct journal_round *r)
{
    begin(out, "round");
    fputc(',', out);
    json_put_round(out, r);
    end(out);
}

void progress_json_event(FILE *out, const char *event, uint64_t at_ns)
{
    begin(out, event);
    number(out, "at_ns", at_ns);
    end(out);
}

void progress_json_end(FILE *out, const struct journal *j)
{
    begin(out, "end");
    number(out, "domid", j->domid);
    fprintf(out, ",\"result\":%d", j->result);
    text(out, "outcome", j->outcome);
    text(out, "reason", j->reason);
    fprintf(out, ",\"total_ms\":%.3f,\"downtime_ms\":%.3f", (double)j->total_ns / NS_PER_MS,
            (double)j->downtime_ns / NS_PER_MS);
    number(out, "rounds", j->round_count ? j->rounds[j->round_count - 1].round + 1 : 0);
    number(out, "data_pages", j->data_pages);
    number(out, "stream_bytes", j->stream_bytes);
    fprintf(out, ",\"ratio\":%.2f", ratio(j));
    number(out, "lowest_cap", j->lowest_cap);
    end(out);
}
