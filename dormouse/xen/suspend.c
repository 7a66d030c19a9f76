// SPDX-License-Identifier: Apache-2.0
/*
 * The list of a guest's suspend, down in this order and back in reverse. It runs on vCPU 0, which the tools expect to
 * make the call.
 */
#include "dormouse/xen/suspend.h"
#include "dormouse/core/memory.h"
#include "dormouse/core/smp.h"
#include "dormouse/core/space.h"
#include "dormouse/core/thread.h"
#include "dormouse/core/time.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/console_input.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/frontend.h"
#include "dormouse/xen/grant.h"
#include "dormouse/xen/hypercall.h"
#include "dormouse/xen/xenbus.h"
#include "lib/print.h"
#include "machine/cpu.h"
#include "machine/suspend.h"
#include "machine/time.h"

static int interrupts_enter(struct sleep *s)
{
    (void)s;
    irq_disable();
    return 0;
}

static void interrupts_leave(struct sleep *s)
{
    (void)s;
    irq_enable();
}

static const struct sleep_stage interrupts_stage = {
    .name = "interrupts", .enter = interrupts_enter, .leave = interrupts_leave,
};

/*
 * sched.h: 1 says that it was cancelled, or that this is the domain that a checkpoint was taken of; 0, that this is a
 * new one.
 */
static int hypercall_enter(struct sleep *s)
{
    struct suspend *suspend = s->context;
    struct sched_shutdown reason = { .reason = SHUTDOWN_suspend };
    long result = hypercall3(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&reason, suspend_record());

    if (result < 0)
        return (int)result;
    suspend->new_domain = result == 0;
    return 0;
}

static const struct sleep_stage hypercall_stage = { .name = "hypercall", .enter = hypercall_enter };

static const struct sleep_stage *const stages[] = {
    &freeze_stage,
    &memory_stage,
    &devices_stage,
    &xenbus_stage,
    &console_stage,
    &console_input_stage,
    &smp_stage,
    &interrupts_stage,
    &spaces_stage,
    &time_stage,
    &evtchn_stage,
    &grant_stage,
    &canonicalise_stage,
    &hypercall_stage,
};

static const struct sleep_list guest_list = { .name = SUSPEND_LIST, .stages = stages, .count = ARRAY_SIZE(stages) };

/* Which of the stages from `first` up to `end` took longest, in us. */
static void longest_write(char *text, size_t size, const struct sleep_event *first, const struct sleep_event *end)
{
    const struct sleep_event *longest = first;

    for (const struct sleep_event *e = first; e < end; e++)
        if (e->end - e->start > longest->end - longest->start)
            longest = e;
    snprintf(text, size, "(%s: %lu)", longest->name, (longest->end - longest->start) / 1000);
}

/* Until the call that is the sleep, and from its return. */
static void result_say(const struct sleep *s, bool new_domain)
{
    const struct sleep_event *call = s->events, *first = s->events, *end = &s->events[s->event_count];
    char down[48], up[48];

    while (call->name != hypercall_stage.name)
        call++;
    longest_write(down, sizeof(down), first, call);
    longest_write(up, sizeof(up), call + 1, end);
    print("dormouse: resumed %s: %lu us down %s, %lu us up %s\n", new_domain ? "in a new domain" : "in place",
          (call->start - first->start) / 1000, down, (end[-1].end - call->end) / 1000, up);
}

int suspend_guest(void)
{
    static struct sleep sleep;      /* large for a stack */
    struct suspend suspend = { .new_domain = false };
    int error;

    sleep.list = &guest_list;
    sleep.now_ns = machine_ticks_ns;
    sleep.context = &suspend;
    error = sleep_run(&sleep);
    if (error)
        print("dormouse: not suspended: %s: error %d\n", sleep.failed->name, -error);
    else
        result_say(&sleep, suspend.new_domain);
    return error;
}
