// SPDX-License-Identifier: Apache-2.0
/*
 * The runner. One loop enters, one leaves, and sleep->entered is the border between them: the stages below it, and no
 * others, are entered. So unwinding after a failure, turning back at a test level and coming back from a sleep are the
 * same loop.
 *
 * Invariant of the timeline: event_count never exceeds SLEEP_MAX_EVENTS, and events that found no room are counted in
 * events_lost.
 */
#include "sleep/sleep.h"

#include "lib/errno.h"
#include "lib/string.h"

/* The names are copies, for a caller's buffer goes away; an empty one stands for any. */
struct fault {
    char list[SLEEP_MAX_NAME], stage[SLEEP_MAX_NAME];
    int error;                    /* 0: the slot is free */
    bool always;
};

struct test_level {
    char list[SLEEP_MAX_NAME];
    char stage[SLEEP_MAX_NAME];   /* empty: the slot is free */
};

static struct fault faults[SLEEP_MAX_FAULTS];
static struct test_level test_levels[SLEEP_MAX_FAULTS];

static int name_copy(char *copy, const char *name)
{
    size_t length;

    if (!name)
        name = "";
    length = strnlen(name, SLEEP_MAX_NAME);
    if (length == SLEEP_MAX_NAME)
        return -EINVAL;
    memcpy(copy, name, length);
    copy[length] = '\0';
    return 0;
}

int sleep_fault_set(const char *list, const char *stage, int error, bool always)
{
    struct fault new = { .error = error, .always = always };

    if (error >= 0 || name_copy(new.list, list) || name_copy(new.stage, stage))
        return -EINVAL;
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++) {
        if (!faults[i].error) {
            faults[i] = new;
            return 0;
        }
    }
    return -ENOSPC;
}

void sleep_fault_clear(void)
{
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++)
        faults[i].error = 0;
}

static bool is_or_any(const char *wanted, const char *name)
{
    return !wanted[0] || !strcmp(wanted, name);
}

/* The error of a fault that is set for this stage, which uses it up unless it is for always; 0: there is none. */
static int fault_take(const char *list, const char *stage)
{
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++) {
        struct fault *f = &faults[i];
        int error = f->error;

        if (!error || !is_or_any(f->list, list) || !is_or_any(f->stage, stage))
            continue;
        if (!f->always)
            f->error = 0;
        return error;
    }
    return 0;
}

static struct test_level *test_level_of(const char *list)
{
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++)
        if (test_levels[i].stage[0] && !strcmp(test_levels[i].list, list))
            return &test_levels[i];
    return NULL;
}

static struct test_level *test_level_free(void)
{
    for (unsigned i = 0; i < SLEEP_MAX_FAULTS; i++)
        if (!test_levels[i].stage[0])
            return &test_levels[i];
    return NULL;
}

int sleep_test_level_set(const char *list, const char *stage)
{
    struct test_level new = { 0 }, *level;

    if (name_copy(new.list, list) || name_copy(new.stage, stage) || !new.list[0])
        return -EINVAL;
    level = test_level_of(new.list);
    if (!level && !new.stage[0])
        return 0;
    if (!level)
        level = test_level_free();
    if (!level)
        return -ENOSPC;
    *level = new;
    return 0;
}

static bool test_level_is(const char *list, const char *stage)
{
    const struct test_level *level = test_level_of(list);

    return level && !strcmp(level->stage, stage);
}

/* NULL: there is no room. */
static struct sleep_event *event_begin(struct sleep *s, enum sleep_event_kind kind, const struct sleep_stage *stage)
{
    struct sleep_event *e;

    if (s->event_count >= SLEEP_MAX_EVENTS) {
        s->events_lost++;
        return NULL;
    }
    e = &s->events[s->event_count++];
    *e = (struct sleep_event){ .name = stage->name, .kind = kind, .start = s->now_ns() };
    return e;
}

static void event_end(struct sleep *s, struct sleep_event *e, int result)
{
    if (!e)
        return;
    e->result = result;
    e->end = s->now_ns();
}

/*
 * A note is about one of many, a stage's line about the order: on a host of hundreds of domains the second kind has to
 * remain.
 */
void sleep_note(struct sleep *s, enum sleep_event_kind kind, const char *name, unsigned id, int result,
                uint64_t start_ns, uint64_t end_ns)
{
    if (s->event_count + 2 * s->list->count >= SLEEP_MAX_EVENTS) {
        s->events_lost++;
        return;
    }
    s->events[s->event_count++] = (struct sleep_event){
        .name = name, .kind = kind, .id = id, .result = result, .start = start_ns, .end = end_ns,
    };
}

static int stage_enter(struct sleep *s, const struct sleep_stage *stage)
{
    struct sleep_event *e = event_begin(s, SLEEP_ENTER, stage);
    int error = fault_take(s->list->name, stage->name);

    if (!error && stage->enter)
        error = stage->enter(s);
    event_end(s, e, error);
    return error;
}

static void stage_leave(struct sleep *s, const struct sleep_stage *stage)
{
    struct sleep_event *e;

    if (!stage->leave)
        return;
    e = event_begin(s, SLEEP_LEAVE, stage);
    stage->leave(s);
    event_end(s, e, 0);
}

static void enter_all(struct sleep *s)
{
    while (s->entered < s->list->count) {
        const struct sleep_stage *stage = s->list->stages[s->entered];

        s->error = stage_enter(s, stage);
        if (s->error) {
            s->failed = stage;
            return;
        }
        s->entered++;
        if (test_level_is(s->list->name, stage->name)) {
            s->turned_back = s->entered < s->list->count;
            return;
        }
    }
}

int sleep_run(struct sleep *s)
{
    s->entered = 0;
    s->error = 0;
    s->failed = NULL;
    s->turned_back = false;
    s->event_count = 0;
    s->events_lost = 0;
    enter_all(s);
    while (s->entered)
        stage_leave(s, s->list->stages[--s->entered]);
    return s->error;
}

const struct sleep_stage *sleep_stage_find(const struct sleep_list *list, const char *name)
{
    for (unsigned i = 0; i < list->count; i++)
        if (!strcmp(list->stages[i]->name, name))
            return list->stages[i];
    return NULL;
}
