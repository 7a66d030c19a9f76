// SPDX-License-Identifier: Apache-2.0
/*
 * A sleep is a list of stages: entered in order, left in reverse. For each kind of sleep (a host's, a guest's, a
 * kernel's before a jump) one array says which stages there are and in which order; each subsystem exports its stage
 * beside its own state.
 *
 * The runner gives every list the same: when a stage cannot be entered, those before it are left; a timeline of the
 * stages entered and left, with time and result; faults at any stage; a test level that turns back after any stage. It
 * is pure C: no hardware, no locks, no memory of its own. One sleep at a time uses a struct sleep; the caller that
 * starts one sees to that.
 */
#pragma once

#include "lib/base.h"

struct sleep;

struct sleep_stage {
    const char *name;
    /* 0, or -errno with nothing of this stage left entered; NULL: there is nothing to do */
    int (*enter)(struct sleep *s);
    /* the exact reverse of enter; NULL: there is nothing to reverse, and no line tells of it */
    void (*leave)(struct sleep *s);
};

/*
 * The table of contents of one kind of sleep. The last stage's enter is where the sleep happens: it returns when that
 * is over.
 */
struct sleep_list {
    const char *name;                 /* "host", "guest", "jump" */
    const struct sleep_stage *const *stages;
    unsigned count;
};

enum sleep_event_kind {
    SLEEP_ENTER, SLEEP_LEAVE,         /* of a stage */
    SLEEP_CPU, SLEEP_DOMAIN,          /* a stage's work on one of them; `id` says which, see sleep_note() */
    SLEEP_ASLEEP,                     /* the sleep itself, within the last stage's enter */
};

/*
 * A line of the timeline. A stage's begins when the stage's function is called, so that stages' lines stand in the
 * order of their beginnings, each before the notes that the stage made; one whose end is 0 is still under way.
 */
struct sleep_event {
    const char *name;                 /* the stage's, or the note's */
    enum sleep_event_kind kind;
    unsigned id;                      /* CPU or domain */
    int result;                       /* SLEEP_ENTER, notes: 0 or -errno */
    uint64_t start, end;              /* nanoseconds of the sleep's clock */
};

#define SLEEP_MAX_EVENTS 256

struct sleep {
    /* Set by the caller of the run. */
    const struct sleep_list *list;
    uint64_t (*now_ns)(void);
    void *context;                    /* the list's */

    /*
     * The runner's; to be read when it is over. A leave may read error, failed and turned_back: they say why it is
     * called.
     */
    unsigned entered;                 /* stages that are entered now, without the one that is being entered or left */
    int error;                        /* why it ended: 0, a stage's error, or a fault's */
    const struct sleep_stage *failed; /* NULL: none */
    bool turned_back;                 /* by the test level, before the last stage: there was no sleep */
    unsigned event_count;
    unsigned events_lost;             /* for which there was no room; notes leave the room that the stages need */
    struct sleep_event events[SLEEP_MAX_EVENTS];
};

/*
 * Enters all stages in order; then, or from where one failed or the test level turned back, leaves in reverse those
 * that were entered. Returns 0 (slept, or turned back as asked), or the -errno of the stage that could not be entered.
 * The runner's fields of an earlier run are cleared first.
 */
int sleep_run(struct sleep *s);

/*
 * For stages: a line of the timeline about one CPU, one domain, or the sleep itself. The name outlives the struct
 * sleep.
 */
void sleep_note(struct sleep *s, enum sleep_event_kind kind, const char *name, unsigned id, int result,
                uint64_t start_ns, uint64_t end_ns);

/*
 * Injects a fault, for tests: the next entering of `stage` fails with `error` instead of being called (always: every
 * one until sleep_fault_clear). NULL list or stage, or an empty one: any. The names are copied, and are not looked up:
 * a fault at a stage that does not exist waits for ever. -EINVAL: error is not negative, or a name has no NUL within
 * SLEEP_MAX_NAME bytes. -ENOSPC: SLEEP_MAX_FAULTS are set.
 *
 * Faults and test levels are one table for all sleeps. The caller sets them while none runs.
 */
#define SLEEP_MAX_NAME   32
#define SLEEP_MAX_FAULTS 8
int sleep_fault_set(const char *list, const char *stage, int error, bool always);
void sleep_fault_clear(void);

/*
 * As Linux's pm_test: sleeps of `list` turn back after `stage` was entered. NULL stage, or an empty one: they go all
 * the way again, as they do where the list has no such stage. A list has one level, the last that was set. -EINVAL: no
 * list, or a name is too long, as above. -ENOSPC: SLEEP_MAX_FAULTS lists have one.
 */
int sleep_test_level_set(const char *list, const char *stage);

/* The stage of that name, or NULL; for names from outside. */
const struct sleep_stage *sleep_stage_find(const struct sleep_list *list, const char *name);
