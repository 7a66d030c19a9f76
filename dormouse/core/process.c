// SPDX-License-Identifier: Apache-2.0
/* See process.h. A process is its thread's alone between process_begin() and the end that process_wait() sees. */
#include "dormouse/core/process.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/space.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/xen/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/cpu.h"
#include "machine/user.h"

#define STACK_TOP (SPACE_BASE + SPACE_SIZE)
enum { STACK_GAP = 16 };            /* the stack begins aligned, in its page */

struct process {
    struct space *space;
    struct user user;
    bool ended;
    int64_t status;
};
_Static_assert(sizeof(struct process) <= PAGE_SIZE, "it is given a page");

static struct waitqueue ends = WAITQUEUE_INIT(ends);
static uint64_t reports, cpus_seen;

/* A page of the space, as a copy of the page at `from`, or zeroed. */
static int page_add(struct space *space, uint64_t va, const void *from, unsigned rights)
{
    void *page = pages_alloc(1);
    int error = page ? 0 : -ENOMEM;

    if (page && from)
        memcpy(page, from, PAGE_SIZE);
    if (page)
        error = space_map(space, va, page, rights);
    if (error && page)
        pages_free(page, 1);
    return error;
}

struct process *process_new(void (*entry)(uint64_t), uint64_t argument)
{
    struct process *p = pages_alloc(1);
    int error = 0;

    if (!p)
        return NULL;
    p->space = space_new();
    if (!p->space) {
        pages_free(p, 1);
        return NULL;
    }
    for (char *at = image_user; !error && at < image_user_end; at += PAGE_SIZE)
        error = page_add(p->space, SPACE_BASE + (uint64_t)(at - image_user), at, SPACE_EXECUTE);
    if (!error)
        error = page_add(p->space, STACK_TOP - PAGE_SIZE, NULL, SPACE_WRITE);
    if (error) {
        space_free(p->space);
        pages_free(p, 1);
        return NULL;
    }
    user_init(&p->user, SPACE_BASE + ((uintptr_t)entry - (uintptr_t)image_user), STACK_TOP - STACK_GAP, argument);
    return p;
}

static int64_t page_take(struct process *p, uint64_t va)
{
    void *page = space_unmap(p->space, va);

    if (!page)
        return -ENOENT;
    pages_free(page, 1);
    return 0;
}

static int64_t report(void)
{
    unsigned cpu = cpu_id();

    __atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
    __atomic_fetch_or(&cpus_seen, BIT(cpu), __ATOMIC_RELAXED);
    return cpu;
}

static int thread_pointer_set(struct process *p, uint64_t value)
{
    bool enabled = irq_save();
    int error = user_set_thread_pointer(&p->user, value);

    irq_restore(enabled);
    return error;
}

static int64_t call_serve(struct process *p, uint64_t number, uint64_t argument)
{
    switch (number) {
    case CALL_EXIT:
        p->ended = true;
        p->status = (int64_t)argument;
        return 0;
    case CALL_REPORT:
        return report();
    case CALL_SLEEP:
        thread_sleep_until(time_now() + argument);
        return 0;
    case CALL_MAP:
        return page_add(p->space, argument, NULL, SPACE_WRITE);
    case CALL_UNMAP:
        return page_take(p, argument);
    case CALL_THREAD_POINTER:
        return thread_pointer_set(p, argument);
    default:
        return -ENOSYS;
    }
}

static void serve(struct process *p, enum user_event event)
{
    struct frame *f = &p->user.frame;

    if (event == USER_CALL) {
        call_result(f, (uint64_t)call_serve(p, call_number(f), call_argument(f, 0)));
    } else {
        p->ended = true;
        p->status = -EFAULT;
    }
}

static void run(void *arg)
{
    struct process *p = arg;

    p->status = space_pin(p->space);
    if (!p->status) {
        thread_set_user(p->space, &p->user);
        while (!p->ended) {
            irq_disable();
            enum user_event event = user_run(&p->user);
            irq_enable();
            serve(p, event);
        }
        thread_set_user(NULL, NULL);
    }
    space_free(p->space);
    __atomic_store_n(&p->space, NULL, __ATOMIC_RELEASE);
    wake(&ends);                    /* p is the waiter's */
}

int process_begin(struct process *p)
{
    int error = thread_start("process", run, p);

    if (error) {
        space_free(p->space);
        pages_free(p, 1);
    }
    return error;
}

static bool is_over(void *arg)
{
    const struct process *p = arg;

    return !__atomic_load_n(&p->space, __ATOMIC_ACQUIRE);
}

int64_t process_wait(struct process *p)
{
    int64_t status;

    wait_until(&ends, is_over, p, NEVER);
    status = p->status;
    pages_free(p, 1);
    return status;
}

uint64_t process_reports(void)
{
    return __atomic_load_n(&reports, __ATOMIC_RELAXED);
}

uint64_t process_cpus(void)
{
    return __atomic_load_n(&cpus_seen, __ATOMIC_RELAXED);
}
