// SPDX-License-Identifier: Apache-2.0
/*
 * Invariants, with `lock` held: a thread is in `runnable` iff its state says so, in at most one queue, and in
 * `sleepers` iff it waits with a deadline. Each CPU runs the thread that current[] names; its idle thread, which is in
 * no list, when there is no other. The lock is held over a switch: the next thread releases it. Interrupts are masked
 * while it is held.
 */
#include "dormouse/core/thread.h"
#include "dormouse/core/lock.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/space.h"
#include "dormouse/core/time.h"
#include "lib/errno.h"
#include "machine/context.h"
#include "machine/cpu.h"
#include "machine/time.h"
#include "machine/user.h"

enum { STACK_PAGES = 4 };
#define FREEZE_LIMIT_NS UINT64_C(5000000000)

enum thread_state { RUNNABLE, RUNNING, WAITING, DEAD };

struct thread {
    const char *name;
    enum thread_state state;
    struct list link;               /* in runnable, or in the queue that it waits for */
    struct list sleeper;            /* in sleepers, sorted by wake_at */
    struct list all;
    uint64_t wake_at;
    bool timed_out;
    bool service;
    unsigned holds;
    void *context;                  /* while it does not run */
    struct space *space;            /* and its user program's registers; both, or none */
    struct user *user;
    void (*fn)(void *);
    void *arg;
};

static struct spinlock lock = SPINLOCK_INIT;
static struct list runnable GUARDED_BY(lock) = LIST_INIT(runnable);
static struct list sleepers GUARDED_BY(lock) = LIST_INIT(sleepers);
static struct list all_threads GUARDED_BY(lock) = LIST_INIT(all_threads);
static struct thread first, idle[MAX_CPUS];
static struct thread *current[MAX_CPUS];
static struct thread *ended[MAX_CPUS];      /* the stack that the CPU has just left for ever */
static bool due[MAX_CPUS];                  /* somebody else is to run here */
static bool freezing GUARDED_BY(lock);
static struct waitqueue freezer = WAITQUEUE_INIT(freezer);

static bool may_run(const struct thread *t, unsigned cpu) REQUIRES(lock)
{
    if (!smp_is_online(cpu))
        return false;
    return t->service ? cpu == 0 : !freezing || t->holds;
}

/* The next one's turn; NULL: nobody waits for one. */
static struct thread *runnable_find(void) REQUIRES(lock)
{
    list_for_each (t, &runnable, struct thread, link)
        if (may_run(t, cpu_id()))
            return t;
    return NULL;
}

/* When the first sleeper is due, or, where others wait for the CPU, the turn is over. */
static void timer_set(void) REQUIRES(lock)
{
    uint64_t at = NEVER;

    if (!list_empty(&sleepers))
        at = list_first(&sleepers, struct thread, sleeper)->wake_at;
    if (runnable_find())
        at = min_u64(at, time_now() + THREAD_TURN_NS);
    time_alarm_set(at);
}

/* A CPU that has nothing to do and may run it; this one if there is none. */
static unsigned cpu_for(const struct thread *t) REQUIRES(lock)
{
    unsigned here = cpu_id();

    if (may_run(t, here) && current[here] == &idle[here])
        return here;
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (smp_is_online(cpu) && may_run(t, cpu) && current[cpu] == &idle[cpu] && !due[cpu])
            return cpu;
    return t->service ? 0 : here;
}

static void make_due(unsigned cpu) REQUIRES(lock)
{
    due[cpu] = true;
    if (cpu != cpu_id())
        smp_kick(cpu);
}

static void make_runnable(struct thread *t) REQUIRES(lock)
{
    list_remove(&t->link);
    list_remove(&t->sleeper);
    t->state = RUNNABLE;
    list_push_back(&runnable, &t->link);
    make_due(cpu_for(t));
}

static void wake_locked(struct waitqueue *queue) REQUIRES(lock)
{
    list_for_each_safe (t, &queue->threads, struct thread, link)
        make_runnable(t);
}

/*
 * The caller goes on until its turn ends. It may have been alone until now, without an alarm for that; an interrupt
 * handler's needs none, for the CPU is given to the thread that is due at its end.
 */
static void wake_from_thread(struct waitqueue *queue) REQUIRES(lock)
{
    bool was_due = due[cpu_id()];

    wake_locked(queue);
    if (due[cpu_id()] && !was_due)
        timer_set();
}

static void free_ended(void) REQUIRES(lock)
{
    struct thread *t = ended[cpu_id()];

    ended[cpu_id()] = NULL;
    if (t)
        pages_free(t, STACK_PAGES);
}

/* Keeps a user program's registers, goes on with `next`, and when it is back puts them into the CPU where it is now. */
static UNCHECKED_LOCKING void switch_to(struct thread *self, struct thread *next) REQUIRES(lock)
{
    if (self->user)
        user_switch_out(self->user);
    context_switch(&self->context, next->context);
    if (self->user) {
        space_load(self->space);
        user_switch_in(self->user);
    }
}

/* The thread that is due runs; the caller does again when it is. */
static UNCHECKED_LOCKING void reschedule(void) REQUIRES(lock)
{
    unsigned cpu = cpu_id();
    struct thread *self = current[cpu], *next = runnable_find();

    due[cpu] = false;
    if (freezing && !self->service)
        wake_locked(&freezer);
    if (!next && self->state == RUNNING && may_run(self, cpu))
        next = self;
    if (!next)
        next = &idle[cpu];
    if (next != self) {
        if (self->state == RUNNING && self != &idle[cpu]) {
            self->state = RUNNABLE;
            list_push_back(&runnable, &self->link);
        }
        list_remove(&next->link);
        next->state = RUNNING;
        current[cpu] = next;
        if (self->state == DEAD)
            ended[cpu] = self;
        timer_set();
        switch_to(self, next);
        free_ended();
        return;
    }
    timer_set();
}

void thread_preempt(void)
{
    unsigned cpu = cpu_id();

    if (!due[cpu] || !current[cpu])
        return;
    bool enabled = spin_lock_irq(&lock);
    reschedule();
    spin_unlock_irq(&lock, enabled);
}

UNCHECKED_LOCKING void thread_begin(struct thread *self)
{
    free_ended();
    spin_unlock_irq(&lock, true);
    self->fn(self->arg);
    spin_lock_irq(&lock);
    self->state = DEAD;
    list_remove(&self->all);
    reschedule();
    panic("thread %s goes on after its end", self->name);
}

void thread_idle(void)
{
    for (;;) {
        irq_disable();
        if (!smp_is_online(cpu_id()))
            smp_end();
        if (due[cpu_id()])
            thread_preempt();
        else
            irq_wait();
    }
}

static void idle_begin(void *arg)
{
    (void)arg;
    thread_idle();
}

static void thread_init(struct thread *t, const char *name, void *stack_top, void (*fn)(void *), void *arg)
{
    *t = (struct thread){ .name = name, .fn = fn, .arg = arg, .context = context_new(stack_top, t) };
    list_init(&t->link);
    list_init(&t->sleeper);
    list_init(&t->all);
}

/* Its structure is at the low end of its stack. */
static int start(const char *name, void (*fn)(void *), void *arg, bool service)
{
    struct thread *t = pages_alloc(STACK_PAGES);

    if (!t)
        return -ENOMEM;
    thread_init(t, name, (char *)t + STACK_PAGES * PAGE_SIZE, fn, arg);
    t->service = service;
    bool enabled = spin_lock_irq(&lock);
    list_push_back(&all_threads, &t->all);
    make_runnable(t);
    timer_set();
    spin_unlock_irq(&lock, enabled);
    return 0;
}

int thread_start(const char *name, void (*fn)(void *), void *arg)
{
    return start(name, fn, arg, false);
}

int thread_start_service(const char *name, void (*fn)(void *), void *arg)
{
    return start(name, fn, arg, true);
}

void thread_yield(void)
{
    bool enabled = spin_lock_irq(&lock);

    reschedule();
    spin_unlock_irq(&lock, enabled);
}

static void sleeper_insert(struct thread *t) REQUIRES(lock)
{
    struct list *at = sleepers.next;

    while (at != &sleepers && list_entry(at, struct thread, sleeper)->wake_at <= t->wake_at)
        at = at->next;
    list_insert_before(at, &t->sleeper);
}

/* Waits in the queue, or in none, until woken or the deadline; false: it was the deadline. */
static bool block(struct waitqueue *queue, uint64_t deadline) REQUIRES(lock)
{
    struct thread *self = current[cpu_id()];

    self->state = WAITING;
    self->timed_out = false;
    self->wake_at = deadline;
    if (queue)
        list_push_back(&queue->threads, &self->link);
    if (deadline != NEVER)
        sleeper_insert(self);
    reschedule();
    return !self->timed_out;
}

void thread_sleep_until(uint64_t at)
{
    bool enabled = spin_lock_irq(&lock);

    if (time_now() < at)
        block(NULL, at);
    spin_unlock_irq(&lock, enabled);
}

bool wait_until(struct waitqueue *queue, bool (*ready)(void *), void *arg, uint64_t deadline)
{
    bool enabled = spin_lock_irq(&lock);
    bool is_ready = ready(arg);

    while (!is_ready && block(queue, deadline))
        is_ready = ready(arg);
    spin_unlock_irq(&lock, enabled);
    return is_ready;
}

void wake(struct waitqueue *queue)
{
    bool enabled = spin_lock_irq(&lock);

    if (enabled)
        wake_from_thread(queue);
    else
        wake_locked(queue);
    spin_unlock_irq(&lock, enabled);
}

void mutex_lock(struct mutex *m)
{
    bool enabled = spin_lock_irq(&lock);

    while (m->owner)
        block(&m->queue, NEVER);
    m->owner = current[cpu_id()];
    spin_unlock_irq(&lock, enabled);
}

void mutex_unlock(struct mutex *m)
{
    bool enabled = spin_lock_irq(&lock);

    BUG_ON(m->owner != current[cpu_id()]);
    m->owner = NULL;
    wake_from_thread(&m->queue);
    spin_unlock_irq(&lock, enabled);
}

/* The alarm, in interrupt context. */
static void alarm(void)
{
    bool enabled = spin_lock_irq(&lock);
    uint64_t now = time_now();

    while (!list_empty(&sleepers)) {
        struct thread *t = list_first(&sleepers, struct thread, sleeper);

        if (t->wake_at > now)
            break;
        t->timed_out = true;
        make_runnable(t);
    }
    due[cpu_id()] = true;
    timer_set();
    spin_unlock_irq(&lock, enabled);
}

void threads_timer_set(void)
{
    bool enabled = spin_lock_irq(&lock);

    timer_set();
    spin_unlock_irq(&lock, enabled);
}

void threads_init(void)
{
    unsigned cpu = cpu_id();

    first = (struct thread){ .name = "first", .state = RUNNING };
    list_init(&first.link);
    list_init(&first.sleeper);
    char *stack = pages_alloc(STACK_PAGES);     /* the first thread has the one that the CPU began on */
    BUG_ON(!stack);
    thread_init(&idle[cpu], "idle", stack + STACK_PAGES * PAGE_SIZE, idle_begin, NULL);
    bool enabled = spin_lock_irq(&lock);
    list_push_back(&all_threads, &first.all);
    current[cpu] = &first;
    spin_unlock_irq(&lock, enabled);
    time_alarm_init_cpu(alarm);
}

void thread_cpu_init(void)
{
    unsigned cpu = cpu_id();
    bool enabled = spin_lock_irq(&lock);

    idle[cpu] = (struct thread){ .name = "idle", .state = RUNNING };
    list_init(&idle[cpu].link);
    current[cpu] = &idle[cpu];
    spin_unlock_irq(&lock, enabled);
    time_alarm_init_cpu(alarm);
}

void thread_set_user(struct space *space, struct user *user)
{
    bool enabled = spin_lock_irq(&lock);
    struct thread *self = current[cpu_id()];

    self->space = space;
    self->user = user;
    if (user) {
        space_load(space);
        user_switch_in(user);
    }
    spin_unlock_irq(&lock, enabled);
}

struct user *thread_user(void)
{
    return current[cpu_id()]->user;
}

void thread_hold(void)
{
    bool enabled = spin_lock_irq(&lock);

    current[cpu_id()]->holds++;
    spin_unlock_irq(&lock, enabled);
}

void thread_release(void)
{
    bool enabled = spin_lock_irq(&lock);
    struct thread *self = current[cpu_id()];

    BUG_ON(!self->holds);
    self->holds--;
    if (freezing) {
        wake_locked(&freezer);
        reschedule();
    }
    spin_unlock_irq(&lock, enabled);
}

/* Asked under the lock, as wait_until() says. */
static UNCHECKED_LOCKING bool all_frozen(void *arg)
{
    (void)arg;
    list_for_each (t, &all_threads, struct thread, all)
        if (t->holds || (t->state == RUNNING && !t->service))
            return false;
    return true;
}

static void make_all_due(void) REQUIRES(lock)
{
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        if (smp_is_online(cpu))
            make_due(cpu);
}

static void freezing_set(bool on)
{
    bool enabled = spin_lock_irq(&lock);

    freezing = on;
    make_all_due();
    spin_unlock_irq(&lock, enabled);
}

void thread_cpu_leave(unsigned cpu)
{
    bool enabled = spin_lock_irq(&lock);

    make_due(cpu);
    spin_unlock_irq(&lock, enabled);
}

void threads_distribute(void)
{
    bool enabled = spin_lock_irq(&lock);

    make_all_due();
    timer_set();
    spin_unlock_irq(&lock, enabled);
}

static int freeze_enter(struct sleep *s)
{
    (void)s;
    freezing_set(true);
    if (wait_until(&freezer, all_frozen, NULL, time_now() + FREEZE_LIMIT_NS))
        return 0;
    freezing_set(false);
    return -EBUSY;
}

static void freeze_leave(struct sleep *s)
{
    (void)s;
    freezing_set(false);
    threads_timer_set();
}

const struct sleep_stage freeze_stage = { .name = "freeze", .enter = freeze_enter, .leave = freeze_leave };
