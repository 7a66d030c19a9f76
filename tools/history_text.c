// SPDX-License-Identifier: Apache-2.0
/*
 * An operation on a guest as a table: its outcome, then its rounds, then its stages, in the order of time and
 * counted from the operation's beginning.
 */
#include "tools/history.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/timeline.h"

#define PAGE_BYTES 4096.0

const char *history_size(char text[HISTORY_SIZE_SIZE], double bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" };
    unsigned unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1024;
    snprintf(text, HISTORY_SIZE_SIZE, bytes < 10 && unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

uint64_t history_end(const struct journal *j)
{
    uint64_t end = j->total_ns;

    if (j->resumed_ns > end)
        end = j->resumed_ns;
    if (j->suspended_ns > end)
        end = j->suspended_ns;
    for (uint32_t i = 0; i < j->stage_count; i++)
        end = j->stages[i].end_ns > end ? j->stages[i].end_ns : end;
    for (uint32_t i = 0; i < j->round_count; i++)
        end = j->rounds[i].end_ns > end ? j->rounds[i].end_ns : end;
    return end;
}

uint64_t history_resumed(const struct journal *j) { return j->resumed_ns ? j->resumed_ns : history_end(j); }

const char *history_name(const struct journal *j)
{
    static const struct { const char *operation, *name; } names[] = {
        { "save", "Save" }, { "checkpoint", "Checkpoint" }, { "migrate", "Migration" }, { "receive", "Arrival" },
        { "restore", "Restore" } };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(j->operation, names[i].operation) == 0)
            return names[i].name;
    return j->operation;
}

static const char *what_became(const struct journal *j)
{
    static const struct { const char *outcome, *text; } failures[] = {
        { "resumed", "failed, the guest goes on here" },
        { "failed", "failed, nothing is left of it here" },
        { "undefined", "failed in the handover, either end may have it" } };

    for (unsigned i = 0; j->result && i < sizeof(failures) / sizeof(failures[0]); i++)
        if (strcmp(j->outcome, failures[i].outcome) == 0)
            return failures[i].text;
    return j->outcome;
}

char *history_outcome(char text[HISTORY_OUTCOME_SIZE], const struct journal *j)
{
    char total[TIMELINE_DURATION_SIZE], stood[TIMELINE_DURATION_SIZE];

    if (j->result)
        snprintf(text, HISTORY_OUTCOME_SIZE, "%s, after %s%s%s: %s (%d)", what_became(j),
                 timeline_duration(total, j->total_ns), *j->failed_stage ? ", in " : "", j->failed_stage,
                 *j->reason ? j->reason : strerror(-j->result), j->result);
    else if (j->downtime_ns)
        snprintf(text, HISTORY_OUTCOME_SIZE, "%s after %s, stood still for %s", what_became(j),
                 timeline_duration(total, j->total_ns), timeline_duration(stood, j->downtime_ns));
    else
        snprintf(text, HISTORY_OUTCOME_SIZE, "%s after %s", what_became(j), timeline_duration(total, j->total_ns));
    return text;
}

static void print_sizes(const struct journal *j, FILE *out)
{
    char ram[HISTORY_SIZE_SIZE], data[HISTORY_SIZE_SIZE], stream[HISTORY_SIZE_SIZE];

    fprintf(out, "%s of memory, %s moved with their content, a stream of %s%s\n",
            history_size(ram, (double)j->ram_pages * PAGE_BYTES),
            history_size(data, (double)j->data_pages * PAGE_BYTES), history_size(stream, (double)j->stream_bytes),
            j->compressed ? ", compressed" : "");
    if (j->lowest_cap)
        fprintf(out, "slowed down to %" PRIu32 " %% of a CPU\n", j->lowest_cap);
}

static void print_round(const struct journal_round *r, FILE *out)
{
    char number[16] = "last", at[TIMELINE_DURATION_SIZE], took[TIMELINE_DURATION_SIZE], stream[HISTORY_SIZE_SIZE],
         estimate[TIMELINE_DURATION_SIZE] = "", cap[16] = "";

    if (!r->last) {
        snprintf(number, sizeof(number), "%" PRIu32, r->round);
        timeline_duration(estimate, r->estimate_ns);
    }
    if (r->cap)
        snprintf(cap, sizeof(cap), "%" PRIu32 " %%", r->cap);
    fprintf(out, "%6s %14s %14s %10" PRIu64 " %10" PRIu64 " %10s %10" PRIu64 " %14s%s%s\n", number,
            timeline_duration(at, r->start_ns), timeline_duration(took, r->end_ns - r->start_ns), r->dirty_pages,
            r->data_pages, history_size(stream, (double)r->stream_bytes), r->left_pages, estimate, *cap ? "  " : "",
            cap);
}

static void print_rounds(const struct journal *j, FILE *out)
{
    if (j->round_count == 0)
        return;
    fprintf(out, "\n%6s %14s %14s %10s %10s %10s %10s %14s\n", "ROUND", "AT", "TOOK", "PAGES", "SENT", "STREAM",
            "DIRTY", "DOWNTIME THEN");
    for (uint32_t i = 0; i < j->round_count; i++)
        print_round(&j->rounds[i], out);
}

static void print_stages(const struct journal *j, FILE *out)
{
    char at[TIMELINE_DURATION_SIZE], took[TIMELINE_DURATION_SIZE];

    if (j->stage_count)
        fprintf(out, "\n%14s %14s  %s\n", "AT", "TOOK", "STAGE");
    for (uint32_t i = 0; i < j->stage_count; i++) {
        const struct journal_stage *s = &j->stages[i];

        fprintf(out, "%14s %14s  %s %s", timeline_duration(at, s->start_ns),
                timeline_duration(took, s->end_ns - s->start_ns), s->leave ? "leave" : "enter", s->name);
        if (s->result)
            fprintf(out, ": %s (%d)", strerror(-s->result), s->result);
        putc('\n', out);
    }
}

void history_print_text(const struct journal *j, FILE *out)
{
    char outcome[HISTORY_OUTCOME_SIZE], date[64] = "";
    time_t began = (time_t)(j->began_ms / 1000);
    struct tm tm;

    fprintf(out, "%s of %s (domain %" PRIu32 "): %s\n", history_name(j), j->domain, j->domid,
            history_outcome(outcome, j));
    if (j->began_ms && gmtime_r(&began, &tm) && strftime(date, sizeof(date), "began %Y-%m-%d %H:%M:%S UTC\n", &tm))
        fputs(date, out);
    print_sizes(j, out);
    print_rounds(j, out);
    print_stages(j, out);
}
