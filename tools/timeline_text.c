// SPDX-License-Identifier: Apache-2.0
/*
 * A record of a sleep as a table for people and as JSON.
 *
 * The table is in two parts, down and up, each in the order of time and counted from its own beginning: a sleep's cost
 * is microseconds on either side of seconds or hours that say nothing. A stage that is entered on one side of the sleep
 * and returns on the other (the last one, where the sleep happens) has a line in each part with its work there.
 */
#include "tools/timeline.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define US UINT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

const char *timeline_duration(char text[TIMELINE_DURATION_SIZE], uint64_t ns)
{
    uint64_t minutes = ns / (60 * S), unit = ns < MS ? US : ns < S ? MS : S;

    if (ns < US)
        snprintf(text, TIMELINE_DURATION_SIZE, "%" PRIu64 " ns", ns);
    else if (minutes == 0)
        snprintf(text, TIMELINE_DURATION_SIZE, "%" PRIu64 ".%03u %s", ns / unit, (unsigned)(ns % unit / (unit / 1000)),
                 unit == US ? "us" : unit == MS ? "ms" : "s");
    else if (minutes < 60)
        snprintf(text, TIMELINE_DURATION_SIZE, "%" PRIu64 " min %02u s", minutes, (unsigned)(ns / S % 60));
    else
        snprintf(text, TIMELINE_DURATION_SIZE, "%" PRIu64 " h %02u min", minutes / 60, (unsigned)(minutes % 60));
    return text;
}

const char *timeline_outcome(char text[TIMELINE_OUTCOME_SIZE], const struct timeline *t)
{
    char duration[TIMELINE_DURATION_SIZE], slept[64];
    bool named = strcmp(t->wake_device, "-") != 0, jumped = timeline_is_jump(t);

    snprintf(slept, sizeof(slept), jumped ? "away for %s" : "asleep for %s", timeline_duration(duration, t->asleep));
    if (t->result)
        snprintf(text, TIMELINE_OUTCOME_SIZE, "%s%s%s: %s (%d)",
                 t->asleep ? slept : jumped ? "did not jump" : "did not sleep",
                 *t->failed_stage ? ", could not enter " : ", failed", t->failed_stage, strerror(-t->result),
                 t->result);
    else if (*t->turned_back)
        snprintf(text, TIMELINE_OUTCOME_SIZE, "turned back after %s, as the test level says", t->turned_back);
    else if (!t->asleep)
        snprintf(text, TIMELINE_OUTCOME_SIZE, jumped ? "did not jump" : "did not sleep");
    else if (jumped)
        snprintf(text, TIMELINE_OUTCOME_SIZE, "%s, in another kernel", slept);
    else if (!t->woke)
        snprintf(text, TIMELINE_OUTCOME_SIZE, "%s, woken by what is not known", slept);
    else
        snprintf(text, TIMELINE_OUTCOME_SIZE, "%s, woken by %s%sinterrupt %u%s domain %u%s", slept,
                 named ? t->wake_device : "", named ? " (" : "", t->wake_interrupt, named ? "," : " of", t->wake_domain,
                 named ? ")" : "");
    return text;
}

/* One part of the table: the share of events between two times of the clock that does not count the sleep. */
struct part {
    const char *title;
    uint64_t from, to;
};

/* The share of the event in the part; start and end are by the same clock as the part's. */
static void print_event(const struct part *part, const struct timeline_event *e, uint64_t start, uint64_t end,
                        FILE *out)
{
    bool rest = start < part->from;
    uint64_t begins = rest ? part->from : start, ends = end < part->to ? end : part->to;
    char at[TIMELINE_DURATION_SIZE], took[TIMELINE_DURATION_SIZE];

    fprintf(out, "%14s %14s  ", timeline_duration(at, begins - part->from), timeline_duration(took, ends - begins));
    switch (e->kind) {
    case TIMELINE_ENTER:
        fprintf(out, "enter %s", e->name);
        break;
    case TIMELINE_LEAVE:
        fprintf(out, "leave %s", e->name);
        break;
    case TIMELINE_CPU:
        fprintf(out, "  CPU %u %s", e->id, e->name);
        break;
    case TIMELINE_DOMAIN:
        fprintf(out, "  domain %u %s", e->id, e->name);
        break;
    case TIMELINE_ASLEEP:
        break;
    }
    if (rest)
        fputs(" (the rest)", out);
    if (e->result)
        fprintf(out, ": %s (%d)", strerror(-e->result), e->result);
    putc('\n', out);
}

/* Before another: earlier; or as early and longer, so that a stage stands above its notes. */
static bool event_before(const struct timeline_event *a, const struct timeline_event *b)
{
    return a->start != b->start ? a->start < b->start : a->end > b->end;
}

/* The events in the order of time; they come nearly so, and are few. */
static unsigned sort_events(const struct timeline *t, const struct timeline_event *sorted[TIMELINE_MAX_EVENTS])
{
    for (unsigned i = 0; i < t->event_count; i++) {
        unsigned place = i;

        for (; place > 0 && event_before(&t->events[i], sorted[place - 1]); place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = &t->events[i];
    }
    return t->event_count;
}

static void print_part(const struct timeline *t, const struct part *part, FILE *out)
{
    const struct timeline_event *sorted[TIMELINE_MAX_EVENTS];
    unsigned count = sort_events(t, sorted), printed = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct timeline_event *e = sorted[i];
        uint64_t start = timeline_awake(t, e->start), end = timeline_awake(t, e->end);

        if (e->kind == TIMELINE_ASLEEP || start >= part->to || (start < part->from && end <= part->from))
            continue;
        if (printed++ == 0)
            fprintf(out, "\n%14s %14s  %s\n", "AT", "TOOK", part->title);
        print_event(part, e, start, end, out);
    }
}

/* What other kernels did meanwhile, from the moment of falling asleep. */
static void print_away(const struct timeline *t, FILE *out)
{
    char at[TIMELINE_DURATION_SIZE], took[TIMELINE_DURATION_SIZE];
    unsigned printed = 0;

    for (unsigned i = 0; i < t->event_count; i++) {
        const struct timeline_event *e = &t->events[i];

        if (!timeline_is_deed(t, e))
            continue;
        if (printed++ == 0)
            fprintf(out, "\n%14s %14s  %s\n", "AT", "TOOK", "AWAY");
        fprintf(out, "%14s %14s  %s\n", timeline_duration(at, e->start - t->down),
                timeline_duration(took, e->end - e->start), e->name);
    }
}

void timeline_print_text(const struct timeline *t, FILE *out)
{
    char outcome[TIMELINE_OUTCOME_SIZE], down[TIMELINE_DURATION_SIZE], up[TIMELINE_DURATION_SIZE];
    uint64_t turn = timeline_turn(t);
    struct part down_part = { "DOWN", 0, turn }, up_part = { "UP", turn, UINT64_MAX };
    time_t began = (time_t)t->wallclock;
    char date[64] = "";
    struct tm tm;

    if (t->wallclock && gmtime_r(&began, &tm))
        strftime(date, sizeof(date), "began %Y-%m-%d %H:%M:%S UTC\n", &tm);
    fprintf(out, "sleep %" PRIu64 " since boot (%s): %s\n", t->number, t->list, timeline_outcome(outcome, t));
    fputs(date, out);
    if (t->asleep)
        fprintf(out, "down in %s, up in %s\n", timeline_duration(down, t->down), timeline_duration(up, t->up));
    if (t->lost)
        fprintf(out, "%" PRIu64 " more events did not fit into the record\n", t->lost);
    print_part(t, &down_part, out);
    print_away(t, out);
    print_part(t, &up_part, out);
}

/* The strings are printable ASCII, so that only the quote and the backslash need one (RFC 8259, 7). */
static void json_string(const char *s, FILE *out)
{
    putc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            putc('\\', out);
        putc(*s, out);
    }
    putc('"', out);
}

static void json_member(const char *name, const char *s, FILE *out)
{
    fprintf(out, "  \"%s\": ", name);
    if (*s)
        json_string(s, out);
    else
        fputs("null", out);
    fputs(",\n", out);
}

static void json_number(const char *name, uint64_t number, FILE *out)
{
    fprintf(out, "  \"%s\": %" PRIu64 ",\n", name, number);
}

static void json_wake(const struct timeline *t, FILE *out)
{
    if (!t->woke) {
        fputs("  \"wake\": null,\n", out);
        return;
    }
    fprintf(out, "  \"wake\": {\"interrupt\": %u, \"domain\": %u, \"device\": ", t->wake_interrupt, t->wake_domain);
    if (strcmp(t->wake_device, "-") == 0)
        fputs("null", out);
    else
        json_string(t->wake_device, out);
    fputs("},\n", out);
}

static void json_events(const struct timeline *t, FILE *out)
{
    static const char *const kinds[] = { "enter", "leave", "cpu", "domain", "asleep" };

    fputs("  \"events\": [", out);
    for (unsigned i = 0; i < t->event_count; i++) {
        const struct timeline_event *e = &t->events[i];

        fprintf(out, "%s\n    {\"kind\": \"%s\", \"name\": ", i ? "," : "", kinds[e->kind]);
        json_string(e->name, out);
        fprintf(out, ", \"id\": %u, \"result\": %d, \"start_ns\": %" PRIu64 ", \"end_ns\": %" PRIu64 "}", e->id,
                e->result, e->start, e->end);
    }
    fprintf(out, "%s]\n", t->event_count ? "\n  " : "");
}

void timeline_print_json(const struct timeline *t, FILE *out)
{
    fputs("{\n", out);
    json_number("number", t->number, out);
    json_member("list", t->list, out);
    fprintf(out, "  \"result\": %d,\n", t->result);
    json_member("failed_stage", t->failed_stage, out);
    json_member("turned_back", t->turned_back, out);
    json_wake(t, out);
    json_number("wallclock", t->wallclock, out);
    json_number("down_ns", t->down, out);
    json_number("asleep_ns", t->asleep, out);
    json_number("up_ns", t->up, out);
    json_number("lost", t->lost, out);
    json_events(t, out);
    fputs("}\n", out);
}
