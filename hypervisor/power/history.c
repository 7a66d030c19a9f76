// SPDX-License-Identifier: Apache-2.0
/*
 * /torpor/sleep in hypfs: the timelines of the last sleeps as text (torpor(1) reads them), and two files that are
 * written to test sleeps: `fail` (a stage's name, and "always" behind it if it is to fail more than once; empty: none
 * fails) and `test-level` (the stage after which to turn back; empty: none). A stage of the jump has "jump/" before its
 * name.
 */
#include "power/history.h"

#include "base/hypfs.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "power/host.h"
#include "power/jump.h"
#include "vm/domain.h"
#include "dev/irq.h"

#define NAME_SIZE 32

struct text {
    char *buf;
    size_t size, used;   /* used may grow beyond size: then nothing more is stored */
};

static void PRINTF(2, 3) add(struct text *t, const char *fmt, ...)
{
    char line[128];
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    n = strlen(line);
    if (t->used < t->size)
        memcpy(t->buf + t->used, line, min_u64(n, t->size - t->used));
    t->used += n;
}

static const char *const kinds[] = {
    [SLEEP_ENTER] = "enter", [SLEEP_LEAVE] = "leave", [SLEEP_CPU] = "cpu",
    [SLEEP_DOMAIN] = "domain", [SLEEP_ASLEEP] = "asleep",
};

static void add_events(struct text *t, const struct host_sleep *h)
{
    const struct sleep *s = &h->sleep;

    for (unsigned i = 0; i < s->event_count; i++) {
        const struct sleep_event *e = &s->events[i];

        add(t, "event %s %s %u %d %lu %lu\n", kinds[e->kind], e->name, e->id, e->result, e->start - h->began_ns,
            e->end - h->began_ns);
    }
}

static const char *last_entered(const struct sleep *s)
{
    const char *name = "-";

    for (unsigned i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SLEEP_ENTER)
            name = s->events[i].name;
    return name;
}

static void add_sleep(struct text *t, const struct host_sleep *h)
{
    const struct sleep *s = &h->sleep;
    uint64_t end = s->event_count ? s->events[s->event_count - 1].end : h->began_ns;

    add(t, "torpor-sleep 1\nnumber %u\nlist %s\nresult %d\n", h->number, s->list->name, s->error);
    if (s->failed)
        add(t, "failed-stage %s\n", s->failed->name);
    if (s->turned_back)
        add(t, "turned-back %s\n", last_entered(s));
    if (h->woken)
        add(t, "wake %u %u %s\n", h->wake_irq, h->wake_domain, irq_device(h->wake_irq));
    add(t, "wallclock %lu\n", wallclock_at(h->began_ns));
    if (h->down_ns)
        add(t, "down %lu\nasleep %lu\nup %lu\n", h->down_ns - h->began_ns, h->up_ns - h->down_ns, end - h->up_ns);
    add(t, "lost %u\n", s->events_lost);
    add_events(t, h);
}

static size_t past_read(const struct hypfs_entry *e, void *buf, size_t size)
{
    const struct host_sleep *h = host_sleep_past((unsigned)(uintptr_t)e->context);
    struct text t = { .buf = buf, .size = size };

    if (h)
        add_sleep(&t, h);
    if (t.used < size)
        t.buf[t.used] = 0;
    return t.used + 1;
}

/* The words of a written string; `second` may be empty. False: not one or two words that fit. */
static bool words(const char *text, char first[NAME_SIZE], char second[NAME_SIZE])
{
    const char *space = strchr(text, ' '), *rest = space ? space + 1 : "";
    size_t n = space ? (size_t)(space - text) : strlen(text);

    if (n >= NAME_SIZE || strlen(rest) >= NAME_SIZE)
        return false;
    memcpy(first, text, n);
    first[n] = 0;
    memcpy(second, rest, strlen(rest) + 1);
    return true;
}

/* The list that a stage's name from outside is about; *name is left behind that. */
static const struct sleep_list *list_of(const char **name)
{
    size_t n = strlen(jump_list.name);

    if (strncmp(*name, jump_list.name, n) || (*name)[n] != '/')
        return &host_sleep_list;
    *name += n + 1;
    return &jump_list;
}

static int fail_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    char text[NAME_SIZE], how[NAME_SIZE];
    const struct sleep_list *list;
    const char *stage = text;

    (void)e;
    (void)size;
    if (!words(data, text, how) || (how[0] && strcmp(how, "always")))
        return -EINVAL;
    list = list_of(&stage);
    if (stage[0] && !sleep_stage_find(list, stage))
        return -ENOENT;
    sleep_fault_clear();
    return stage[0] ? sleep_fault_set(list->name, stage, -EIO, how[0]) : 0;
}

static int test_level_write(const struct hypfs_entry *e, const void *data, size_t size)
{
    const char *stage = data;
    const struct sleep_list *list = list_of(&stage);

    (void)e;
    (void)size;
    if (stage[0] && !sleep_stage_find(list, stage))
        return -ENOENT;
    return sleep_test_level_set(list->name, stage[0] ? stage : NULL);
}

#define PAST(name_, age) { .name = (name_), .type = HYPFS_STRING, .read = past_read, .context = (void *)(age) }

static const struct hypfs_entry sleep_dir[] = {
    PAST("last", 0), PAST("before-1", 1), PAST("before-2", 2), PAST("before-3", 3),
    PAST("before-4", 4), PAST("before-5", 5), PAST("before-6", 6), PAST("before-7", 7),
    { .name = "fail", .type = HYPFS_STRING, .data = "", .size = 1, .write = fail_write, .max_write = 2 * NAME_SIZE },
    { .name = "test-level", .type = HYPFS_STRING, .data = "", .size = 1, .write = test_level_write,
      .max_write = NAME_SIZE },
};

static const struct hypfs_entry torpor_dir[] = {
    HYPFS_DIRECTORY("sleep", sleep_dir),
    HYPFS_DIRECTORY("jump", jump_dir),
};

static const struct hypfs_entry top = HYPFS_DIRECTORY("torpor", torpor_dir);

void host_sleep_history_init(void)
{
    BUG_ON(hypfs_add(&top));
}
