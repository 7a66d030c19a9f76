// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a line of the journal. YAJL, which libxl brings, cuts the JSON into keys and values; tables say which keys
 * there are in the object, in each of its stages and in each of its rounds, and what their values are. The line is
 * hostile: YAJL keeps no more of it than a byte for each level, nothing here is recursive, a key that is not known is
 * passed over with all that it has, and one that is known is there once and is right.
 */
#include "tools/history.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#define MAX_ERRNO 4095
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum type { VERSION, TEXT, NUMBER, NUMBER32, RESULT, FLAG, KIND, STAGES, ROUNDS };

struct field {
    const char *name;
    enum type type;
    size_t offset, size;         /* of the value in the struct that the table is of */
};

#define FIELD(of, member, type) { #member, type, offsetof(struct of, member), sizeof(((struct of *)0)->member) }

static const struct field top_fields[] = {
    { "version", VERSION, 0, 0 },
    FIELD(journal, operation, TEXT),
    FIELD(journal, domain, TEXT),
    FIELD(journal, domid, NUMBER32),
    FIELD(journal, uuid, TEXT),
    FIELD(journal, began_ms, NUMBER),
    FIELD(journal, total_ns, NUMBER),
    FIELD(journal, result, RESULT),
    FIELD(journal, outcome, TEXT),
    FIELD(journal, failed_stage, TEXT),
    FIELD(journal, reason, TEXT),
    FIELD(journal, suspended_ns, NUMBER),
    FIELD(journal, resumed_ns, NUMBER),
    FIELD(journal, downtime_ns, NUMBER),
    FIELD(journal, fixed_ns, NUMBER),
    FIELD(journal, ram_pages, NUMBER),
    FIELD(journal, data_pages, NUMBER),
    FIELD(journal, stream_bytes, NUMBER),
    FIELD(journal, compressed, FLAG),
    FIELD(journal, max_downtime_ms, NUMBER32),
    FIELD(journal, lowest_cap, NUMBER32),
    { "stages", STAGES, 0, 0 },
    { "rounds", ROUNDS, 0, 0 },
};

static const struct field stage_fields[] = {
    FIELD(journal_stage, name, TEXT),
    { "kind", KIND, offsetof(struct journal_stage, leave), sizeof(bool) },
    FIELD(journal_stage, result, RESULT),
    FIELD(journal_stage, start_ns, NUMBER),
    FIELD(journal_stage, end_ns, NUMBER),
};

static const struct field round_fields[] = {
    FIELD(journal_round, round, NUMBER32),
    FIELD(journal_round, start_ns, NUMBER),
    FIELD(journal_round, end_ns, NUMBER),
    FIELD(journal_round, dirty_pages, NUMBER),
    FIELD(journal_round, data_pages, NUMBER),
    FIELD(journal_round, stream_bytes, NUMBER),
    FIELD(journal_round, left_pages, NUMBER),
    FIELD(journal_round, estimate_ns, NUMBER),
    FIELD(journal_round, cap, NUMBER32),
    FIELD(journal_round, last, FLAG),
};

_Static_assert(COUNT(top_fields) <= 32, "the keys that were seen are bits of one word");

/* An object whose keys are read: the line's, or one of its stages or rounds. */
struct level {
    const struct field *fields;
    unsigned count;
    uint32_t seen;
    void *into;
};

struct reader {
    struct journal *j;
    struct level top, inner;
    struct level *level;         /* the object that keys belong to; NULL: the line has not begun, or has ended */
    enum type list;              /* STAGES or ROUNDS while in one of them; otherwise VERSION */
    const struct field *field;   /* of the last key; NULL: that is not known */
    unsigned skipping;           /* levels of the value that is passed over */
    bool ended;
    char *error;
};

/* Returns 0, which ends YAJL's parsing. */
__attribute__((format(printf, 2, 3)))
static int fail(struct reader *r, const char *format, ...)
{
    const char *list = r->list == STAGES ? "stages" : r->list == ROUNDS ? "rounds" : "";
    uint32_t index = r->list == STAGES ? r->j->stage_count : r->j->round_count;
    va_list arguments;
    int n = 0;

    if (*list)
        n = snprintf(r->error, HISTORY_ERROR_SIZE, "%s[%u]: ", list, index);
    va_start(arguments, format);
    vsnprintf(r->error + n, HISTORY_ERROR_SIZE - (size_t)n, format, arguments);
    va_end(arguments);
    return 0;
}

/* --- values */

static bool digits(const char *at, size_t length, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)(at[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return length > 0 && value <= max;
}

/* The value belongs to a key that is known and has this type; otherwise 1 to pass it over, or 0: it is wrong. */
static int wanted(struct reader *r, bool right, const char *what)
{
    if (r->skipping)
        return 1;
    if (!r->level || (r->list != VERSION && r->level == &r->top))
        return fail(r, "it is no object");
    if (!r->field)
        return 1;
    return right ? -1 : fail(r, "%s is %s", r->field->name, what);
}

static void *place(struct reader *r) { return (char *)r->level->into + r->field->offset; }

static int read_result(struct reader *r, const char *at, size_t length)
{
    bool negative = length > 0 && *at == '-';
    uint64_t number;

    if (!digits(at + negative, length - negative, MAX_ERRNO, &number) || (number != 0) != negative)
        return fail(r, "%s is no result: 0, or -1 to -%u", r->field->name, MAX_ERRNO);
    *(int *)place(r) = -(int)number;
    return 1;
}

static int on_number(void *context, const char *at, size_t length)
{
    struct reader *r = context;
    enum type type = r->field ? r->field->type : VERSION;
    int known = wanted(r, type == VERSION || type == NUMBER || type == NUMBER32 || type == RESULT, "no number");
    uint64_t number;

    if (known >= 0)
        return known;
    if (type == RESULT)
        return read_result(r, at, length);
    if (!digits(at, length, type == NUMBER32 ? UINT32_MAX : UINT64_MAX, &number))
        return fail(r, "%s is no whole number from 0 to %ju", r->field->name,
                    (uintmax_t)(type == NUMBER32 ? UINT32_MAX : UINT64_MAX));
    if (type == VERSION && number != JOURNAL_VERSION)
        return fail(r, "version %ju is not known here, only %u", (uintmax_t)number, JOURNAL_VERSION);
    if (type == NUMBER)
        *(uint64_t *)place(r) = number;
    else if (type == NUMBER32)
        *(uint32_t *)place(r) = (uint32_t)number;
    return 1;
}

static int read_kind(struct reader *r, const char *text, size_t length)
{
    bool leave = length == 5 && memcmp(text, "leave", 5) == 0;

    if (!leave && (length != 5 || memcmp(text, "enter", 5)))
        return fail(r, "kind is neither enter nor leave");
    *(bool *)place(r) = leave;
    return 1;
}

/* A character that a terminal or a picture could take for something else is shown as a question mark. */
static int read_text(struct reader *r, const char *text, size_t length)
{
    char *into = place(r);

    if (length >= r->field->size)
        return fail(r, "%s is longer than %zu bytes", r->field->name, r->field->size - 1);
    for (size_t i = 0; i < length; i++)
        into[i] = text[i];
    for (size_t i = 0; i < length; i++)
        if (into[i] < ' ' || into[i] > '~')
            into[i] = '?';
    into[length] = 0;
    return 1;
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    struct reader *r = context;
    enum type type = r->field ? r->field->type : VERSION;
    int known = wanted(r, type == TEXT || type == KIND, "no text");

    if (known >= 0)
        return known;
    return type == KIND ? read_kind(r, (const char *)text, length) : read_text(r, (const char *)text, length);
}

static int on_flag(void *context, int value)
{
    struct reader *r = context;
    int known = wanted(r, r->field && r->field->type == FLAG, "neither true nor false");

    if (known < 0)
        *(bool *)place(r) = value != 0;
    return known < 0 ? 1 : known;
}

static int on_null(void *context) { return wanted(context, false, "null"); }

/* --- objects and lists */

static int on_key(void *context, const unsigned char *text, size_t length)
{
    struct reader *r = context;
    struct level *l = r->level;

    if (r->skipping)
        return 1;
    r->field = NULL;
    for (unsigned i = 0; i < l->count; i++) {
        if (strlen(l->fields[i].name) != length || memcmp(l->fields[i].name, text, length))
            continue;
        if (l->seen & 1u << i)
            return fail(r, "%s is there twice", l->fields[i].name);
        l->seen |= 1u << i;
        r->field = &l->fields[i];
    }
    return 1;
}

static int begin_inner(struct reader *r)
{
    bool stage = r->list == STAGES;
    uint32_t count = stage ? r->j->stage_count : r->j->round_count, room = stage ? JOURNAL_STAGES : JOURNAL_ROUNDS;

    if (count == room)
        return fail(r, "there are more than %u", room);
    r->inner = (struct level){
        .fields = stage ? stage_fields : round_fields,
        .count = stage ? COUNT(stage_fields) : COUNT(round_fields),
        .into = stage ? (void *)&r->j->stages[count] : (void *)&r->j->rounds[count],
    };
    r->level = &r->inner;
    return 1;
}

static int on_map_begin(void *context)
{
    struct reader *r = context;

    if (!r->level && !r->ended && r->list == VERSION) {
        r->level = &r->top;
        return 1;
    }
    if (r->list != VERSION && r->level == &r->top && !r->skipping)
        return begin_inner(r);
    if (!r->skipping && r->field)
        return fail(r, "%s is an object", r->field->name);
    r->skipping++;
    return 1;
}

static int all_seen(struct reader *r)
{
    for (unsigned i = 0; i < r->level->count; i++)
        if (!(r->level->seen & 1u << i))
            return fail(r, "there is no \"%s\"", r->level->fields[i].name);
    return 1;
}

static int end_inner(struct reader *r)
{
    const struct journal_stage *s = &r->j->stages[r->j->stage_count % JOURNAL_STAGES];
    const struct journal_round *d = &r->j->rounds[r->j->round_count % JOURNAL_ROUNDS];
    bool stage = r->list == STAGES;

    if (!all_seen(r))
        return 0;
    if (stage ? s->end_ns < s->start_ns : d->end_ns < d->start_ns)
        return fail(r, "it ends before it starts");
    *(stage ? &r->j->stage_count : &r->j->round_count) += 1;
    r->level = &r->top;
    return 1;
}

static int on_map_end(void *context)
{
    struct reader *r = context;

    if (r->skipping) {
        r->skipping--;
        return 1;
    }
    if (r->level == &r->inner)
        return end_inner(r);
    if (!all_seen(r))
        return 0;
    r->level = NULL;
    r->ended = true;
    return 1;
}

static int on_list_begin(void *context)
{
    struct reader *r = context;

    if (!r->skipping && r->list == VERSION && r->field && (r->field->type == STAGES || r->field->type == ROUNDS)) {
        r->list = r->field->type;
        r->field = NULL;
        return 1;
    }
    if (!r->skipping && (!r->level || (r->list != VERSION && r->level == &r->top)))
        return fail(r, "it is no object");
    if (!r->skipping && r->field)
        return fail(r, "%s is a list", r->field->name);
    r->skipping++;
    return 1;
}

static int on_list_end(void *context)
{
    struct reader *r = context;

    if (r->skipping)
        r->skipping--;
    else
        r->list = VERSION;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null, .yajl_boolean = on_flag, .yajl_number = on_number, .yajl_string = on_string,
    .yajl_start_map = on_map_begin, .yajl_map_key = on_key, .yajl_end_map = on_map_end,
    .yajl_start_array = on_list_begin, .yajl_end_array = on_list_end,
};

/* YAJL's message on it, in one line. */
static void say_syntax(struct reader *r, yajl_handle yajl, const char *line, size_t length)
{
    unsigned char *said = yajl_get_error(yajl, 0, (const unsigned char *)line, length);
    size_t read = yajl_get_bytes_consumed(yajl);

    snprintf(r->error, HISTORY_ERROR_SIZE, "after %zu bytes: %.*s", read < length ? read : length,
             said ? (int)strcspn((char *)said, "\n") : 0, said ? (char *)said : "");
    yajl_free_error(yajl, said);
}

static int check_whole(struct reader *r)
{
    const struct journal *j = r->j;

    if (!*r->error && !r->ended)
        fail(r, "the line is empty");
    if (!*r->error && j->resumed_ns && j->resumed_ns < j->suspended_ns)
        fail(r, "the guest goes on before it has suspended itself");
    return *r->error ? -EINVAL : 0;
}

int history_parse(struct journal *j, const char *line, size_t length, char error[HISTORY_ERROR_SIZE])
{
    struct reader r = { .j = j, .top = { top_fields, COUNT(top_fields), 0, j }, .list = VERSION, .error = error };
    yajl_handle yajl;
    yajl_status status;

    memset(j, 0, sizeof(*j));
    *error = 0;
    if (length > HISTORY_LINE_BYTES) {
        fail(&r, "it is longer than %u bytes", HISTORY_LINE_BYTES);
        return -EINVAL;
    }
    yajl = yajl_alloc(&callbacks, NULL, &r);
    if (!yajl) {
        fail(&r, "out of memory");
        return -ENOMEM;
    }
    status = yajl_parse(yajl, (const unsigned char *)line, length);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(yajl);
    if (status != yajl_status_ok && !*error)
        say_syntax(&r, yajl, line, length);
    yajl_free(yajl);
    return check_whole(&r);
}
