// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 without userland that makes sixteen domains at once and ends them, over and over: what a toolstack does, in a thousandth of its
 * time. Each domain has two vCPUs, small and large extents, a page that dom0 maps, and an event channel each way. Some run all the
 * time, the others wait for dom0's event; the host sleeps meanwhile when told so (sleeps=N in all). Half of them end themselves, half are
 * destroyed as they run, every third while dom0 still has its page mapped. When they are gone, free memory has to be what it
 * was, to the page. Says `domains: N of N`, or first what went wrong, and switches the machine off.
 */
#define __XEN_TOOLS__ 1   /* the toolstack's half of Xen's headers */
#include "dormouse/hypercall.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

#include "dormouse/arm64/timer.h"
#include "dormouse/arm64/trap.h"
#include "dormouse/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/evtchn.h"
#include "dormouse/grant.h"
#include "dormouse/platform.h"
#include "lib/string.h"
#include "tests/dom0/clock.h"

enum { AT_ONCE = 16, VCPUS = 2, SMALL_PAGES = 24, LARGE_EXTENTS = 2, LIMIT_S = 60 };
#define SMALL_AT (GUEST_RAM0_BASE >> 12)
#define LARGE_AT (SMALL_AT + 512)

/* A vCPU's part of the page that a domain and dom0 share. The program below knows the offsets. */
struct mailbox {
    uint32_t port;             /* 0: it sends on this one */
    uint32_t reason;           /* 4: SHUTDOWN_poweroff, when it is told to end */
    volatile uint64_t turns;   /* 8: how often it came by */
    volatile uint64_t told;    /* 16: TOLD_* */
    uint64_t ports;            /* 24: of struct sched_poll: where the number of the port is, */
    uint32_t nr_ports, pad;    /* 32: */
    uint64_t timeout;          /* 40 */
    uint64_t unused[2];
};
enum { TOLD_TO_WAIT, TOLD_TO_RUN, TOLD_TO_END };
#define MAILBOXES_AT 2048      /* in the page, behind the program */

/* Of each vCPU, with the MMU off; x0: its mailbox. Counts, sends, and waits, yields, or ends the domain. */
extern const char program[], program_end[];
__asm__("    .section .rodata\n"
        "program:\n"
        "    mov  x19, x0\n"
        "1:  ldr  x1, [x19, #8]\n"
        "    add  x1, x1, #1\n"
        "    str  x1, [x19, #8]\n"
        "    mov  x0, #4\n"              /* EVTCHNOP_send */
        "    mov  x1, x19\n"
        "    mov  x16, #32\n"            /* __HYPERVISOR_event_channel_op */
        "    hvc  #0xea1\n"
        "    ldr  x2, [x19, #16]\n"
        "    cmp  x2, #2\n"
        "    b.eq 3f\n"
        "    mov  x0, #3\n"              /* SCHEDOP_poll */
        "    add  x1, x19, #24\n"
        "    cbz  x2, 2f\n"
        "    mov  x0, #0\n"              /* SCHEDOP_yield */
        "2:  mov  x16, #29\n"            /* __HYPERVISOR_sched_op */
        "    hvc  #0xea1\n"
        "    b    1b\n"
        "3:  mov  x0, #2\n"              /* SCHEDOP_shutdown */
        "    add  x1, x19, #4\n"
        "    mov  x16, #29\n"
        "    hvc  #0xea1\n"
        "    b    3b\n"
        "program_end:\n"
        "    .previous\n");

struct subject {
    domid_t id;
    gfn_t page;                    /* where dom0 has its first page mapped */
    struct mailbox *mailboxes;
    evtchn_port_t ports[VCPUS];    /* dom0's ends */
    uint64_t turns[VCPUS];         /* where they stood before the sleep */
};

/* The hypervisor's table of domains has a page for so many numbers, from the first domain on that gets one of them. */
enum { IDS_A_PAGE = 512 };

static struct subject subjects[AT_ONCE];
static domid_t highest_id;
static volatile unsigned events;
static struct xen_domctl domctl_args;
static struct xen_sysctl sysctl_args;

static void on_event(evtchn_port_t port)
{
    (void)port;
    events++;
}

static long domctl(uint32_t cmd, domid_t id)
{
    domctl_args.cmd = cmd;
    domctl_args.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl_args.domain = id;
    return hypercall3(__HYPERVISOR_domctl, (uintptr_t)&domctl_args, 0, 0);
}

static uint64_t free_pages(void)
{
    memset(&sysctl_args, 0, sizeof(sysctl_args));
    sysctl_args.cmd = XEN_SYSCTL_physinfo;
    sysctl_args.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall3(__HYPERVISOR_sysctl, (uintptr_t)&sysctl_args, 0, 0) ? 0 : sysctl_args.u.physinfo.free_pages;
}

/* Says what a call that has to work said instead. */
static bool works(const char *what, long result)
{
    if (result)
        print("domains: %s: error %ld\n", what, result);
    return result == 0;
}

static bool create(struct subject *s)
{
    memset(&domctl_args, 0, sizeof(domctl_args));
    domctl_args.u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, .max_vcpus = VCPUS, .max_evtchn_port = 1023,
        .max_grant_frames = 4, .max_maptrack_frames = 4, .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    if (!works("createdomain", domctl(XEN_DOMCTL_createdomain, 0)))
        return false;
    s->id = domctl_args.domain;
    if (s->id > highest_id)
        highest_id = s->id;
    domctl_args.u.max_vcpus.max = VCPUS;
    if (!works("max_vcpus", domctl(XEN_DOMCTL_max_vcpus, s->id)))
        return false;
    domctl_args.u.max_mem.max_memkb = 16 << 10;
    return works("max_mem", domctl(XEN_DOMCTL_max_mem, s->id));
}

static bool populate(struct subject *s)
{
    static xen_pfn_t gfns[SMALL_PAGES];
    struct xen_memory_reservation small = { .nr_extents = SMALL_PAGES, .domid = s->id };
    struct xen_memory_reservation large = { .nr_extents = LARGE_EXTENTS, .extent_order = 9, .domid = s->id };

    for (unsigned i = 0; i < SMALL_PAGES; i++)
        gfns[i] = SMALL_AT + i;
    set_xen_guest_handle(small.extent_start, gfns);
    if (memory_op(XENMEM_populate_physmap, &small) != SMALL_PAGES)
        return works("small extents", -1);
    for (unsigned i = 0; i < LARGE_EXTENTS; i++)
        gfns[i] = LARGE_AT + i * 512;
    set_xen_guest_handle(large.extent_start, gfns);
    return memory_op(XENMEM_populate_physmap, &large) == LARGE_EXTENTS || works("large extents", -1);
}

static bool map_page(struct subject *s)
{
    xen_ulong_t from = SMALL_AT;
    xen_pfn_t to = s->page.gfn;
    int error = 0;
    struct xen_add_to_physmap_batch map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = s->id,
    };

    set_xen_guest_handle(map.idxs, &from);
    set_xen_guest_handle(map.gpfns, &to);
    set_xen_guest_handle(map.errs, &error);
    return works("mapping its page", memory_op(XENMEM_add_to_physmap_batch, &map)) && works("mapping its page", error);
}

static bool unmap_page(struct subject *s)
{
    struct xen_remove_from_physmap unmap = { .domid = DOMID_SELF, .gpfn = s->page.gfn };

    return works("unmapping its page", memory_op(XENMEM_remove_from_physmap, &unmap));
}

/* A channel to dom0 for the vCPU, and what it starts with. */
static bool prepare_vcpu(struct subject *s, unsigned n, bool runs)
{
    struct evtchn_alloc_unbound theirs = { .dom = s->id, .remote_dom = 0 };
    struct mailbox *box = &s->mailboxes[n];
    uint64_t box_at = (SMALL_AT << 12) + MAILBOXES_AT + n * sizeof(*box);
    static struct vcpu_guest_context context;

    if (!works("alloc_unbound", event_channel_op(EVTCHNOP_alloc_unbound, &theirs)) ||
        !works("bind_interdomain", evtchn_bind_interdomain(s->id, theirs.port, &s->ports[n])))
        return false;
    evtchn_clear(s->ports[n]);   /* binding sets it, and while it stands no event comes */
    evtchn_register(s->ports[n], on_event);
    *box = (struct mailbox){ .port = theirs.port, .told = runs ? TOLD_TO_RUN : TOLD_TO_WAIT, .ports = box_at, .nr_ports = 1 };
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_online;
    context.user_regs.pc64 = SMALL_AT << 12;
    context.user_regs.x0 = box_at;
    context.user_regs.cpsr = PSR_GUEST64_INIT;
    context.sctlr = SCTLR_GUEST_INIT;
    domctl_args.u.vcpucontext.vcpu = n;
    set_xen_guest_handle(domctl_args.u.vcpucontext.ctxt, &context);
    return works("setvcpucontext", domctl(XEN_DOMCTL_setvcpucontext, s->id));
}

static bool start(unsigned i)
{
    struct subject *s = &subjects[i];

    s->page = GFN((platform.grant_base >> 12) + GRANT_FRAMES + i);
    s->mailboxes = (struct mailbox *)((s->page.gfn << 12) + MAILBOXES_AT);
    if (!create(s) || !populate(s) || !map_page(s))
        return false;
    memcpy((void *)(s->page.gfn << 12), program, (size_t)(program_end - program));
    for (unsigned n = 0; n < VCPUS; n++) {
        if (!prepare_vcpu(s, n, i % 8 == 0))
            return false;
    }
    return works("unpausedomain", domctl(XEN_DOMCTL_unpausedomain, s->id));
}

/* Every vCPU has come by since the counts were noted. */
static bool all_came_by(bool only_those_that_run)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        for (unsigned n = 0; n < VCPUS; n++) {
            if ((i % 8 == 0 || !only_those_that_run) && subjects[i].mailboxes[n].turns == subjects[i].turns[n])
                return false;
        }
    }
    return true;
}

static void note_turns(void)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
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
    clock_second_begins();
    clock_set_alarm_for_next_second();
    woken = clock_sleep_until_alarm();
    irq_enable();
    note_turns();
    return woken && wait_for_all("going on after the sleep", true);
}

static long info(const struct subject *s)
{
    long result = domctl(XEN_DOMCTL_getdomaininfo, s->id);

    return result ? result : domctl_args.domain == s->id ? 0 : -1;   /* it tells of the next one when there is no such domain */
}

static bool end_by_itself(struct subject *s)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    for (unsigned n = 0; n < VCPUS; n++) {
        s->mailboxes[n].told = TOLD_TO_END;
        if (!works("send", evtchn_send(s->ports[n])))
            return false;
    }
    while (info(s) == 0 && !(domctl_args.u.getdomaininfo.flags & XEN_DOMINF_shutdown)) {
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
    if (!mapped && !unmap_page(s))
        return false;
    if (!works("destroydomain", domctl(XEN_DOMCTL_destroydomain, s->id)) || (mapped && !unmap_page(s)))
        return false;
    for (unsigned n = 0; n < VCPUS; n++) {
        if (!works("close", evtchn_close(s->ports[n])))
            return false;
    }
    while (info(s) == 0) {
        if (timer_now() > end)
            return works("going away", -1);
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

static bool batch(unsigned sleeps)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        memset(subjects[i].turns, 0, sizeof(subjects[i].turns));
        if (!start(i))
            return false;
    }
    if (!wait_for_all("coming by at first", false) || !events)
        return false;
    while (sleeps--) {
        if (!sleep_and_go_on())
            return false;
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        if (!destroy(i))
            return false;
    }
    return true;
}

/* A domain that nobody finds any more is freed by whoever looked at it last, in a moment. */
static bool every_page_is_back(uint64_t before)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency(), now, ids = highest_id / IDS_A_PAGE;

    while ((now = free_pages()) != before - ids) {
        if (timer_now() > end) {
            print("domains: %lu pages are free, of %lu and %lu for numbers\n", now, before, ids);
            return false;
        }
        sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}

void guest_main(void)
{
    unsigned batches = ((unsigned)platform_option("domains", 64) + AT_ONCE - 1) / AT_ONCE, done = 0;
    unsigned sleeps = (unsigned)platform_option("sleeps", 0);
    uint64_t before;

    if (!clock_find()) {
        print("domains: there is no PL031\n");
        return;
    }
    clock_enable();
    if (!batch(0))   /* dom0's own tables of ports grow once */
        return;
    before = free_pages();
    while (done < batches && batch(sleeps / batches) && every_page_is_back(before))
        done++;
    print("domains: %u of %u\n", done * AT_ONCE, batches * AT_ONCE);
}
