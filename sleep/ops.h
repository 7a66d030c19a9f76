// SPDX-License-Identifier: Apache-2.0
/*
 * The platform's operations, and the notifiers of sleeps, as stages. A list of stages stays the only ordering: an
 * operation runs where its stage stands in the array, and is undone by the operation that the stage pairs it with.
 *
 *     suspend                  hibernation: the image       ... powering off            ... loading the image again
 *     sleep_notifiers_stage    sleep_notifiers_stage        hibernation_begin_stage     devices
 *     suspend_begin_stage      hibernation_begin_stage      hibernation_prepare_stage   hibernation_restore_stage
 *     devices                  devices                      devices                     CPUs
 *     suspend_prepare_stage    hibernation_snapshot_stage   CPUs                        the jump into the image
 *     CPUs                     CPUs                         hibernation_enter_stage
 *     suspend_enter_stage      hibernation_leave_stage
 *                              making the image
 *
 * A platform without one of the operations leaves it NULL, and nothing is done in its place; only a sleep with nothing
 * to enter is an error, -ENOSYS. As everywhere, an operation that fails has nothing to undo: the one it is paired with
 * is not called.
 *
 * The tables and the notifiers are one set for all sleeps. The caller changes them while none runs.
 */
#pragma once

#include "lib/list.h"
#include "sleep/sleep.h"

/*
 * In the order of a sleep. Operations that return int return 0 or -errno. There is neither a state to choose nor a
 * question which are valid: this project knows one, suspend to RAM.
 */
struct suspend_ops {
    int (*begin)(struct sleep *s);      /* before devices are suspended */
    int (*prepare)(struct sleep *s);    /* after that, before the other CPUs stop */
    int (*enter)(struct sleep *s);      /* on the last CPU; returns when something has woken it */
    void (*finish)(struct sleep *s);    /* when the CPUs are back: undoes prepare, whether enter failed or not */
    void (*end)(struct sleep *s);       /* when devices are back: undoes begin, whether there was a sleep or not */
    void (*recover)(struct sleep *s);   /* before end, if a stage between begin and prepare failed */
};

struct hibernation_ops {
    int (*begin)(struct sleep *s);             /* before devices are frozen */
    int (*pre_snapshot)(struct sleep *s);      /* after that, before the other CPUs stop and the image is made */
    /* when the image is stored, before devices are prepared for powering off */
    int (*prepare)(struct sleep *s);
    int (*enter)(struct sleep *s);             /* on the last CPU: powers off; returns only if that failed */
    /* first in the image that was jumped back into: CPUs and devices are still down */
    void (*leave)(struct sleep *s);
    void (*finish)(struct sleep *s);           /* when the CPUs are back: undoes pre_snapshot, or prepare */
    /* in the kernel that loads an image, before the other CPUs stop and the jump */
    int (*pre_restore)(struct sleep *s);
    void (*restore_cleanup)(struct sleep *s);  /* undoes pre_restore: the jump was not made */
    void (*end)(struct sleep *s);              /* when devices are back: undoes begin */
    /*
     * Before end, if a stage that is none of these operations failed between begin and pre_snapshot, or between begin
     * and enter, whichever the list has. So, on the way to powering off, CPUs that cannot be stopped count as devices
     * do.
     */
    void (*recover)(struct sleep *s);
};

/* NULL: none any more. The table stays the caller's, and is not copied. */
void suspend_ops_set(const struct suspend_ops *ops);
void hibernation_ops_set(const struct hibernation_ops *ops);

extern const struct sleep_stage suspend_begin_stage;         /* begin, and recover, end */
extern const struct sleep_stage suspend_prepare_stage;       /* prepare, and finish */
extern const struct sleep_stage suspend_enter_stage;         /* enter */

extern const struct sleep_stage hibernation_begin_stage;     /* begin, and recover, end */
extern const struct sleep_stage hibernation_snapshot_stage;  /* pre_snapshot, and finish */
/* nothing, and leave if hibernation_image_resumed() was called */
extern const struct sleep_stage hibernation_leave_stage;
extern const struct sleep_stage hibernation_prepare_stage;   /* prepare, and finish */
extern const struct sleep_stage hibernation_enter_stage;     /* enter */
extern const struct sleep_stage hibernation_restore_stage;   /* pre_restore, and restore_cleanup */

/* For the stage that makes the image, when it goes on because that image has been loaded and jumped back into. */
void hibernation_image_resumed(void);

/*
 * A notifier is told of every sleep before anything else sleeps, and after everything is awake: `before` in order of
 * falling priority (of two with the same, the one that was added first), `after` in reverse. If a `before` refuses
 * (-errno), the sleep does not take place, and those told already are told `after`. Either may be NULL. s->list says
 * which kind of sleep it is.
 */
struct sleep_notifier {
    int (*before)(struct sleep *s);
    void (*after)(struct sleep *s);
    int priority;
    struct list node;   /* ours */
};

extern const struct sleep_stage sleep_notifiers_stage;

/* It stays the caller's, until it is unregistered. -EEXIST: it is registered. */
int sleep_notifier_register(struct sleep_notifier *n);
/* -ENOENT: it is not registered. */
int sleep_notifier_unregister(struct sleep_notifier *n);
