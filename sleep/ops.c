// SPDX-License-Identifier: Apache-2.0
/*
 * Operations tables and notifiers as stages. Nothing here remembers how far a sleep came: that an operation is undone
 * if and only if it was done is the runner's promise about stages, and whether to recover is read from where the failed
 * stage stands in the list.
 */
#include "sleep/ops.h"

#include "lib/errno.h"

static const struct suspend_ops no_suspend_ops;
static const struct hibernation_ops no_hibernation_ops;
static const struct suspend_ops *suspend_ops = &no_suspend_ops;
static const struct hibernation_ops *hibernation_ops = &no_hibernation_ops;

/*
 * Part of the image as all memory is, and false there: so it is true only in a kernel that was jumped back into and was
 * told so (hibernation_image_resumed).
 */
static bool image_resumed;

static struct list notifiers = LIST_INIT(notifiers);   /* of falling priority */

void suspend_ops_set(const struct suspend_ops *ops) { suspend_ops = ops ? ops : &no_suspend_ops; }
void hibernation_ops_set(const struct hibernation_ops *ops) { hibernation_ops = ops ? ops : &no_hibernation_ops; }
void hibernation_image_resumed(void) { image_resumed = true; }

static int call(int (*operation)(struct sleep *), struct sleep *s, int without)
{
    return operation ? operation(s) : without;
}

static void call_void(void (*operation)(struct sleep *), struct sleep *s)
{
    if (operation)
        operation(s);
}

/* Did a stage fail that stands before `a` and `b`? False if none failed. */
static bool failed_before(const struct sleep *s, const struct sleep_stage *a, const struct sleep_stage *b)
{
    for (unsigned i = 0; i < s->list->count; i++) {
        const struct sleep_stage *stage = s->list->stages[i];

        if (stage == a || stage == b)
            return false;
        if (stage == s->failed)
            return true;
    }
    return false;
}

static int suspend_begin(struct sleep *s) { return call(suspend_ops->begin, s, 0); }
static int suspend_prepare(struct sleep *s) { return call(suspend_ops->prepare, s, 0); }
static int suspend_enter(struct sleep *s) { return call(suspend_ops->enter, s, -ENOSYS); }
static void suspend_finish(struct sleep *s) { call_void(suspend_ops->finish, s); }

static void suspend_end(struct sleep *s)
{
    if (failed_before(s, &suspend_prepare_stage, &suspend_enter_stage))
        call_void(suspend_ops->recover, s);
    call_void(suspend_ops->end, s);
}

const struct sleep_stage suspend_begin_stage = { "suspend_begin", suspend_begin, suspend_end };
const struct sleep_stage suspend_prepare_stage = { "suspend_prepare", suspend_prepare, suspend_finish };
const struct sleep_stage suspend_enter_stage = { "suspend_enter", suspend_enter, NULL };

static int hibernation_begin(struct sleep *s) { return call(hibernation_ops->begin, s, 0); }
static int hibernation_pre_snapshot(struct sleep *s) { return call(hibernation_ops->pre_snapshot, s, 0); }
static int hibernation_prepare(struct sleep *s) { return call(hibernation_ops->prepare, s, 0); }
static int hibernation_enter(struct sleep *s) { return call(hibernation_ops->enter, s, -ENOSYS); }
static int hibernation_pre_restore(struct sleep *s) { return call(hibernation_ops->pre_restore, s, 0); }
static void hibernation_finish(struct sleep *s) { call_void(hibernation_ops->finish, s); }
static void hibernation_restore_cleanup(struct sleep *s) { call_void(hibernation_ops->restore_cleanup, s); }

static int hibernation_stay(struct sleep *s)
{
    (void)s;
    image_resumed = false;
    return 0;
}

static void hibernation_leave(struct sleep *s)
{
    if (image_resumed)
        call_void(hibernation_ops->leave, s);
}

static void hibernation_end(struct sleep *s)
{
    bool prepare_failed = s->failed == &hibernation_prepare_stage;   /* which stands before the devices */

    if (!prepare_failed && failed_before(s, &hibernation_snapshot_stage, &hibernation_enter_stage))
        call_void(hibernation_ops->recover, s);
    call_void(hibernation_ops->end, s);
}

const struct sleep_stage hibernation_begin_stage = { "hibernation_begin", hibernation_begin, hibernation_end };
const struct sleep_stage hibernation_snapshot_stage = { "hibernation_snapshot", hibernation_pre_snapshot,
                                                        hibernation_finish };
const struct sleep_stage hibernation_leave_stage = { "hibernation_leave", hibernation_stay, hibernation_leave };
const struct sleep_stage hibernation_prepare_stage = { "hibernation_prepare", hibernation_prepare, hibernation_finish };
const struct sleep_stage hibernation_enter_stage = { "hibernation_enter", hibernation_enter, NULL };
const struct sleep_stage hibernation_restore_stage = {
    "hibernation_restore", hibernation_pre_restore, hibernation_restore_cleanup,
};

static bool notifier_registered(const struct sleep_notifier *n)
{
    list_for_each(other, &notifiers, struct sleep_notifier, node)
        if (other == n)
            return true;
    return false;
}

int sleep_notifier_register(struct sleep_notifier *n)
{
    struct list *at = notifiers.next;

    if (notifier_registered(n))
        return -EEXIST;
    while (at != &notifiers && list_entry(at, struct sleep_notifier, node)->priority >= n->priority)
        at = at->next;
    list_insert_before(at, &n->node);
    return 0;
}

int sleep_notifier_unregister(struct sleep_notifier *n)
{
    if (!notifier_registered(n))
        return -ENOENT;
    list_remove(&n->node);
    return 0;
}

/* From `last` back to the first. */
static void notify_after(struct sleep *s, struct list *last)
{
    for (struct list *at = last; at != &notifiers; at = at->prev)
        call_void(list_entry(at, struct sleep_notifier, node)->after, s);
}

static int notifiers_enter(struct sleep *s)
{
    list_for_each(n, &notifiers, struct sleep_notifier, node) {
        int error = call(n->before, s, 0);

        if (error) {
            notify_after(s, n->node.prev);
            return error;
        }
    }
    return 0;
}

static void notifiers_leave(struct sleep *s) { notify_after(s, notifiers.prev); }

const struct sleep_stage sleep_notifiers_stage = { "notifiers", notifiers_enter, notifiers_leave };
