// SPDX-License-Identifier: Apache-2.0
/*
 * Reading the record of a sleep. Each line is a keyword and its values, separated by one space; one table has the
 * keywords, how many values each has, and their reader. The text is hostile: a line is first cut into words that are
 * known to be printable, and every value is checked as it is read, so nothing after this file has to doubt its input.
 */
#include "tools/timeline.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define VERSION    1
#define MAX_WORDS  8
#define MAX_ERRNO  4095

struct word {
    const char *at;
    size_t length;
};

struct line {
    unsigned number;             /* from 1 */
    unsigned count;
    struct word words[MAX_WORDS];
};

struct field {
    const char *name;
    unsigned values;
    bool required, repeats;
    int (*read)(struct timeline *t, const struct line *l);
};

static const char *const kinds[] = {
    [TIMELINE_ENTER] = "enter", [TIMELINE_LEAVE] = "leave", [TIMELINE_CPU] = "cpu", [TIMELINE_DOMAIN] = "domain",
    [TIMELINE_ASLEEP] = "asleep",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

__attribute__((format(printf, 3, 4)))
static int fail(struct timeline *t, const struct line *l, const char *format, ...)
{
    int n = snprintf(t->error, sizeof(t->error), "line %u: ", l->number);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(t->error + n, sizeof(t->error) - n, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

struct quoted {
    char text[36];
};

/* A word as it stands in a message: one that is too long is cut. */
static struct quoted quote(struct word w)
{
    struct quoted q;

    snprintf(q.text, sizeof(q.text), "%.*s%s", w.length > 32 ? 32 : (int)w.length, w.at, w.length > 32 ? "..." : "");
    return q;
}

static bool word_is(struct word w, const char *name)
{
    return strlen(name) == w.length && memcmp(w.at, name, w.length) == 0;
}

static bool word_number(struct word w, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < w.length; i++) {
        unsigned digit = (unsigned)(w.at[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return w.length > 0 && value <= max;
}

static int read_number(struct timeline *t, const struct line *l, unsigned word, uint64_t max, uint64_t *number)
{
    struct word w = l->words[word];

    return word_number(w, max, number) ? 0
                                       : fail(t, l, "\"%s\" is no number from 0 to %ju", quote(w).text, (uintmax_t)max);
}

static int read_id(struct timeline *t, const struct line *l, unsigned word, uint32_t *id)
{
    uint64_t number = 0;
    int error = read_number(t, l, word, UINT32_MAX, &number);

    *id = (uint32_t)number;
    return error;
}

static int read_result(struct timeline *t, const struct line *l, unsigned word, int *result)
{
    struct word w = l->words[word], digits = w;
    uint64_t number = 0;

    if (*w.at == '-')
        digits = (struct word){ w.at + 1, w.length - 1 };
    if (!word_number(digits, MAX_ERRNO, &number) || (number != 0) != (*w.at == '-'))
        return fail(t, l, "\"%s\" is no result: 0, or -1 to -%u", quote(w).text, MAX_ERRNO);
    *result = -(int)number;
    return 0;
}

static int read_name(struct timeline *t, const struct line *l, unsigned word, char name[TIMELINE_NAME_SIZE])
{
    struct word w = l->words[word];

    if (w.length >= TIMELINE_NAME_SIZE)
        return fail(t, l, "a name is longer than %u bytes", TIMELINE_NAME_SIZE - 1);
    memcpy(name, w.at, w.length);
    name[w.length] = 0;
    return 0;
}

static int field_version(struct timeline *t, const struct line *l)
{
    uint64_t version;
    int error = read_number(t, l, 1, UINT32_MAX, &version);

    if (!error && version != VERSION)
        error = fail(t, l, "version %ju of the record is not known here, only %u", (uintmax_t)version, VERSION);
    return error;
}

static int field_number(struct timeline *t, const struct line *l)
{
    return read_number(t, l, 1, UINT64_MAX, &t->number);
}
static int field_list(struct timeline *t, const struct line *l) { return read_name(t, l, 1, t->list); }
static int field_result(struct timeline *t, const struct line *l) { return read_result(t, l, 1, &t->result); }
static int field_failed_stage(struct timeline *t, const struct line *l) { return read_name(t, l, 1, t->failed_stage); }
static int field_turned_back(struct timeline *t, const struct line *l) { return read_name(t, l, 1, t->turned_back); }
static int field_wallclock(struct timeline *t, const struct line *l)
{
    return read_number(t, l, 1, INT64_MAX, &t->wallclock);
}
static int field_down(struct timeline *t, const struct line *l) { return read_number(t, l, 1, UINT64_MAX, &t->down); }
bool timeline_is_jump(const struct timeline *t) { return strcmp(t->list, "jump") == 0; }

static int field_asleep(struct timeline *t, const struct line *l)
{
    return read_number(t, l, 1, UINT64_MAX, &t->asleep);
}
static int field_up(struct timeline *t, const struct line *l) { return read_number(t, l, 1, UINT64_MAX, &t->up); }
static int field_lost(struct timeline *t, const struct line *l) { return read_number(t, l, 1, UINT64_MAX, &t->lost); }

static int field_wake(struct timeline *t, const struct line *l)
{
    int error = read_id(t, l, 1, &t->wake_interrupt);

    if (!error)
        error = read_id(t, l, 2, &t->wake_domain);
    if (!error)
        error = read_name(t, l, 3, t->wake_device);
    t->woke = !error;
    return error;
}

static int read_kind(struct timeline *t, const struct line *l, unsigned word, enum timeline_kind *kind)
{
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        if (word_is(l->words[word], kinds[i])) {
            *kind = (enum timeline_kind)i;
            return 0;
        }
    }
    return fail(t, l, "\"%s\" is no kind of event", quote(l->words[word]).text);
}

static int field_event(struct timeline *t, const struct line *l)
{
    struct timeline_event *e = &t->events[t->event_count];
    int error;

    if (t->event_count == TIMELINE_MAX_EVENTS)
        return fail(t, l, "there are more than %u events", TIMELINE_MAX_EVENTS);
    error = read_kind(t, l, 1, &e->kind);
    if (!error)
        error = read_name(t, l, 2, e->name);
    if (!error)
        error = read_id(t, l, 3, &e->id);
    if (!error)
        error = read_result(t, l, 4, &e->result);
    if (!error)
        error = read_number(t, l, 5, UINT64_MAX, &e->start);
    if (!error)
        error = read_number(t, l, 6, UINT64_MAX, &e->end);
    if (!error && e->end < e->start)
        error = fail(t, l, "the event ends before it starts");
    if (!error)
        t->event_count++;
    return error;
}

static const struct field fields[] = {
    { "torpor-sleep", 1, true, false, field_version },   /* the first: it is the record's first line, too */
    { "number", 1, true, false, field_number },
    { "list", 1, true, false, field_list },
    { "result", 1, true, false, field_result },
    { "failed-stage", 1, false, false, field_failed_stage },
    { "turned-back", 1, false, false, field_turned_back },
    { "wake", 3, false, false, field_wake },
    { "wallclock", 1, true, false, field_wallclock },
    { "down", 1, false, false, field_down },
    { "asleep", 1, false, false, field_asleep },
    { "up", 1, false, false, field_up },
    { "lost", 1, true, false, field_lost },
    { "event", 6, false, true, field_event },
};

_Static_assert(COUNT(fields) <= 32, "the fields that were seen are bits of one word");

/* Cuts the line into words that are not empty and are printable ASCII; in messages they may be quoted as they are. */
static int line_split(struct timeline *t, struct line *l, const char *at, size_t length)
{
    struct word word = { at, 0 };

    l->count = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && at[i] != ' ') {
            if (at[i] < '!' || at[i] > '~')
                return fail(t, l, "byte %zu is not printable ASCII", i + 1);
            word.length++;
            continue;
        }
        if (word.length == 0)
            return fail(t, l, length ? "words are separated by one space" : "it is empty");
        if (l->count == MAX_WORDS)
            return fail(t, l, "there are more than %u words", MAX_WORDS);
        l->words[l->count++] = word;
        word = (struct word){ at + i + 1, 0 };
    }
    return 0;
}

static int line_read(struct timeline *t, const struct line *l, uint32_t *seen)
{
    for (unsigned i = 0; i < COUNT(fields); i++) {
        const struct field *f = &fields[i];

        if (!word_is(l->words[0], f->name))
            continue;
        if (l->count != f->values + 1)
            return fail(t, l, "%s has %u value%s, not %u", f->name, f->values, f->values == 1 ? "" : "s", l->count - 1);
        if (*seen & (1u << i) && !f->repeats)
            return fail(t, l, "%s is there twice", f->name);
        *seen |= 1u << i;
        return f->read(t, l);
    }
    return fail(t, l, "\"%s\" is not known", quote(l->words[0]).text);
}

static bool has(uint32_t seen, const char *name)
{
    for (unsigned i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return seen & (1u << i);
    return false;
}

/* The checks that no single line allows. */
static int check_whole(struct timeline *t, uint32_t seen)
{
    uint64_t sum;

    for (unsigned i = 0; i < COUNT(fields); i++) {
        if (fields[i].required && !(seen & (1u << i))) {
            snprintf(t->error, sizeof(t->error), "the record has no line \"%s\"", fields[i].name);
            return -EINVAL;
        }
    }
    if (has(seen, "down") != has(seen, "asleep") || has(seen, "down") != has(seen, "up")) {
        snprintf(t->error, sizeof(t->error), "down, asleep and up belong together: the record has not all of them");
        return -EINVAL;
    }
    if (__builtin_add_overflow(t->down, t->asleep, &sum) || __builtin_add_overflow(sum, t->up, &sum)) {
        snprintf(t->error, sizeof(t->error), "down, asleep and up are together too long");
        return -EINVAL;
    }
    return 0;
}

int timeline_parse(struct timeline *t, const char *text, size_t length)
{
    struct line line = { .number = 0 };
    uint32_t seen = 0;

    memset(t, 0, sizeof(*t));
    for (const char *at = text, *end = text + length; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        int error;

        line.number++;
        error = line_split(t, &line, at, n);
        if (!error && line.number == 1 && !word_is(line.words[0], fields[0].name))
            error = fail(t, &line, "this is no record of a sleep: it does not begin with \"%s\"", fields[0].name);
        if (!error)
            error = line_read(t, &line, &seen);
        if (error)
            return error;
        at = newline ? newline + 1 : end;
    }
    return check_whole(t, seen);
}

uint64_t timeline_awake(const struct timeline *t, uint64_t at)
{
    if (at <= t->down)
        return at;
    return at - t->down <= t->asleep ? t->down : at - t->asleep;
}

uint64_t timeline_turn(const struct timeline *t)
{
    uint64_t turn = UINT64_MAX;

    if (t->asleep)
        return t->down;
    for (unsigned i = 0; i < t->event_count; i++) {
        if (t->events[i].kind == TIMELINE_LEAVE && t->events[i].start < turn)
            turn = t->events[i].start;
    }
    return turn;
}

bool timeline_is_deed(const struct timeline *t, const struct timeline_event *e)
{
    return e->kind == TIMELINE_ASLEEP && e->start >= t->down && e->end - t->down <= t->asleep &&
           e->end - e->start < t->asleep;
}

bool timeline_is_stage(const struct timeline_event *e)
{
    return e->kind == TIMELINE_ENTER || e->kind == TIMELINE_LEAVE;
}
