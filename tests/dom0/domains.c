// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 without userland that makes sixteen domains at once (or at-once=N) and ends them, over and over: a toolstack's
 * work, in a thousandth of its time. Each domain has two vCPUs, small and large extents, a page that dom0 maps, and an
 * event channel each way. Some run all the time, the others wait for dom0's event; the host sleeps meanwhile when told
 * so (sleeps=N in all), until its alarm comes or, without a PL031, until somebody else wakes it. With `quiet` none runs
 * all the time, and the ticks are told that the first and the last of the last batch took to be made, and to be ended.
 * Half of them end themselves, half are destroyed as they run, every third while dom0 still has its page mapped. When
 * they are gone, free memory has to be as before, to the page. Says `domains: N of N`, or first what went wrong, and
 * switches the machine off.
 */
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/xen/grant.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/test/toolstack.h"
#include "lib/string.h"
#include "tests/dom0/clock.h"
#include "tests/dom0/counter.h"

enum { MOST = 512, MEASURED = 16, VCPUS = 2, SMALL_PAGES = 24, LARGE_EXTENTS = 2, LIMIT_S = 60 };
#define SMALL_AT DOMAIN_RAM_GFN
#define LARGE_AT (SMALL_AT + 512)
#define MAILBOXES_AT 2048      /* in the first page, behind the program */

struct subject {
    domid_t id;
    gfn_t page;                    /* where dom0 has its first page mapped */
    struct mailbox *mailboxes;
    evtchn_port_t ports[VCPUS];    /* dom0's ends */
    uint64_t turns[VCPUS];         /* where they stood before the sleep */
};

static struct subject subjects[MOST];
static unsigned at_once;
static bool quiet, clock;
static volatile unsigned events;

static void on_event(evtchn_port_t port)
{
    (void)port;
    events++;
}

/* Prints the error of a call that has to work. */
static bool works(const char *what, long result)
{
    if (result)
        print("domains: %s: error %ld\n", what, result);
    return result == 0;
}

static bool create(struct subject *s)
{
    const struct domain_limits limits = { .vcpus = VCPUS, .max_port = 1023, .pages = (16 << 20) / PAGE_SIZE };

    if (!works("making it", domain_create(&s->id, &limits)))
        return false;
    return works("small extents", domain_populate(s->id, GFN(SMALL_AT), 0, SMALL_PAGES)) &&
           works("large extents", domain_populate(s->id, GFN(LARGE_AT), 9, LARGE_EXTENTS)) &&
           works("mapping its page", foreign_map(s->id, GFN(SMALL_AT), s->page));
}

/* A channel to dom0 for the vCPU, and its mailbox and registers at the start. */
static bool prepare_vcpu(struct subject *s, unsigned n, bool runs)
{
    struct evtchn_alloc_unbound theirs = { .dom = s->id, .remote_dom = 0 };
    struct mailbox *box = &s->mailboxes[n];
    uint64_t box_at = (SMALL_AT << 12) + MAILBOXES_AT + n * sizeof(*box);

    if (!works("alloc_unbound", event_channel_op(EVTCHNOP_alloc_unbound, &theirs)) ||
        !works("bind_interdomain", evtchn_bind_interdomain(s->id, theirs.port, &s->ports[n])))
        return false;
    evtchn_clear(s->ports[n]);   /* binding sets it, and while it stands no event comes */
    evtchn_register(s->ports[n], on_event);
    *box = (struct mailbox){
        .port = theirs.port, .told = runs ? TOLD_TO_RUN : TOLD_TO_WAIT, .ports = box_at, .nr_ports = 1
    };
    return works("setvcpucontext", domain_vcpu_set(s->id, n, SMALL_AT << 12, box_at));
}

static bool runs_always(unsigned i) { return i % (at_once / 2) == 0 && !quiet; }

static bool start(unsigned i)
{
    struct subject *s = &subjects[i];

    s->page = GFN((platform.foreign_base >> 12) + i);
    s->mailboxes = (struct mailbox *)((s->page.gfn << 12) + MAILBOXES_AT);
    if (!create(s))
        return false;
    memcpy((void *)(s->page.gfn << 12), counter_program, (size_t)(counter_program_end - counter_program));
    for (unsigned n = 0; n < VCPUS; n++) {
        if (!prepare_vcpu(s, n, runs_always(i)))
            return false;
    }
    return works("unpausedomain", domain_start(s->id));
}

/* Every vCPU has come by since the counts were noted. */
static bool all_came_by(bool only_those_that_run)
{
    for (unsigned i = 0; i < at_once; i++) {
        for (unsigned n = 0; n < VCPUS; n++) {
            if ((runs_always(i) || !only_those_that_run) && subjects[i].mailboxes[n].turns == subjects[i].turns[n])
                return false;
        }
    }
    return true;
}

static void note_turns(void)
{
    for (unsigned i = 0; i < at_once; i++) {
        for (unsigned n = 0; n < VCPUS; n++)
            subjects[i].turns[n] = subjects[i].mailboxes[n].turns;
    }
}

/* dom0 yields meanwhile: its CPU is theirs, too. */
static bool wait_for_all(const char *what, bool only_those_that_run)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    while (!all_came_by(only_those_that_run)) {
        if (timer_now() > end)
            return works(what, -1);
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

/* Those that run go on afterwards. */
static bool sleep_and_go_on(void)
{
    bool woken;

    irq_disable();
    if (clock) {
        clock_second_begins();
        clock_set_alarm_for_next_second();
        woken = clock_sleep_until_alarm();
    } else {
        woken = clock_sleep_until_woken();
    }
    irq_enable();
    note_turns();
    return woken && wait_for_all("going on after the sleep", true);
}

static bool end_by_itself(struct subject *s)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    for (unsigned n = 0; n < VCPUS; n++) {
        s->mailboxes[n].told = TOLD_TO_END;
        if (!works("send", evtchn_send(s->ports[n])))
            return false;
    }
    while (domain_end_reason(s->id) != SHUTDOWN_poweroff) {
        if (timer_now() > end)
            return works("ending by itself", -1);
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

static bool destroy(unsigned i)
{
    struct subject *s = &subjects[i];
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();
    bool mapped = i % 3 == 0;

    if (i % 2 && !end_by_itself(s))
        return false;
    if (!mapped && !works("unmapping its page", foreign_unmap(s->page)))
        return false;
    if (!works("destroydomain", domain_remove(s->id)) ||
        (mapped && !works("unmapping its page", foreign_unmap(s->page))))
        return false;
    for (unsigned n = 0; n < VCPUS; n++) {
        if (!works("close", evtchn_close(s->ports[n])))
            return false;
    }
    while (domain_exists(s->id)) {
        if (timer_now() > end)
            return works("going away", -1);
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

static struct lap { uint64_t first, last; } making, ending;   /* ticks */

/* Of each of at_once, from `begin` on. */
static void lap_count(struct lap *l, unsigned i, uint64_t begin)
{
    uint64_t ticks = timer_now() - begin;

    if (i == 0)
        *l = (struct lap){ 0 };
    if (i < MEASURED)
        l->first += ticks;
    if (i >= at_once - MEASURED)
        l->last += ticks;
}

static bool batch(unsigned sleeps)
{
    for (unsigned i = 0; i < at_once; i++) {
        uint64_t begin = timer_now();

        memset(subjects[i].turns, 0, sizeof(subjects[i].turns));
        if (!start(i))
            return false;
        lap_count(&making, i, begin);
    }
    if (!wait_for_all("coming by at first", false) || !events)
        return false;
    while (sleeps--) {
        if (!sleep_and_go_on())
            return false;
    }
    for (unsigned i = 0; i < at_once; i++) {
        uint64_t begin = timer_now();

        if (!destroy(i))
            return false;
        lap_count(&ending, i, begin);
    }
    return true;
}

/* A domain that nobody finds any more is freed by the last one that looked at it, in a moment. */
static bool every_page_is_back(uint64_t before)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency(), now;

    while ((now = host_free_pages()) != before) {
        if (timer_now() > end) {
            print("domains: %lu pages are free, of %lu\n", now, before);
            return false;
        }
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

void guest_main(void)
{
    unsigned sleeps = (unsigned)platform_option("sleeps", 0), batches, done = 0;
    uint64_t before;

    at_once = (unsigned)min_u64(platform_option("at-once", 16), MOST);
    batches = ((unsigned)platform_option("domains", 64) + at_once - 1) / at_once;
    quiet = platform_flag("quiet");
    if (platform.foreign_size >> 12 < at_once) {
        print("domains: no room to map their pages\n");
        return;
    }
    clock = clock_find();
    if (clock)
        clock_enable();
    if (!batch(0))   /* dom0's own tables of ports grow once */
        return;
    before = host_free_pages();
    while (done < batches && batch(sleeps / batches) && every_page_is_back(before))
        done++;
    if (quiet)
        print("domains: made %lu %lu ended %lu %lu\n", making.first, making.last, ending.first, ending.last);
    print("domains: %u of %u\n", done * at_once, batches * at_once);
}
