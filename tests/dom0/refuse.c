// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that asks for the impossible: a domain that cannot be saved, and one that records do not fit into. Its ramdisk
 * is the guest, tests/guests/record. The hypervisor's answers are looked at here, its words on the console by the test.
 * Says `refuse: done` or `not ok` and why, and switches the machine off.
 */
#include "tests/dom0/checking.h"

#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { A_DEVICE = 0x9010000 >> PAGE_SHIFT };   /* the virt board's clock */

static unsigned char records[CHECKING_MOST_BYTES], again[CHECKING_MOST_BYTES];
static uint32_t size;

static void answers(const char *what, long answer, long wanted)
{
    if (answer != wanted)
        print("# %s is answered with %ld\n", what, answer);
    works(what, answer != wanted);
}

static long get(const struct domain *d)
{
    uint32_t room = sizeof(again);

    return domain_records_get(d->id, again, &room);
}

static void what_cannot_be_saved(const struct domain *d)
{
    answers("a save of one that runs", get(d), -EINVAL);
    works("pause", domain_pause(d->id));
    works("iomem_permission", domain_allow_device(d->id, MFN(A_DEVICE), true));
    answers("a save with a device", get(d), -EOPNOTSUPP);
    works("iomem_permission", domain_allow_device(d->id, MFN(A_DEVICE), false));
    size = sizeof(records);
    works("a save without it", domain_records_get(d->id, records, &size));
    uint32_t room = size - 1;
    answers("a save without room", domain_records_get(d->id, again, &room), -ENOBUFS);
}

/* A domain of this plan, which something was done to before, refuses the records with `wanted`. */
static void is_refused(const char *what, const struct domain_plan *plan, long (*before)(struct domain *d), long wanted)
{
    struct domain d;

    if (!works("building", domain_build_empty(&d, plan, 1)))
        return;
    if (before)
        works("before", before(&d));
    answers(what, domain_records_set(d.id, records, size), wanted);
    works("destroying", domain_destroy(&d));
}

static long restore(struct domain *d) { return domain_records_set(d->id, records, size); }
static long start(struct domain *d) { return domain_start(d->id); }

static long open_port(struct domain *d)
{
    struct evtchn_alloc_unbound a = { .dom = d->id, .remote_dom = 5 };

    return event_channel_op(EVTCHNOP_alloc_unbound, &a);
}

static void what_does_not_fit(void)
{
    struct domain_plan plan = *checking_plan(true);

    is_refused("records, twice", &plan, restore, -EBUSY);
    is_refused("records of a domain that has run", &plan, start, -EINVAL);
    is_refused("a port that is another", &plan, open_port, -EBUSY);
    plan.max_port = 3;
    is_refused("more ports than it may have", &plan, NULL, -EBADMSG);
    plan.max_port = 1023;
    plan.vcpus--;
    is_refused("fewer vCPUs", &plan, NULL, -EINVAL);
    plan.vcpus++;
    plan.vuart = true;
    is_refused("a UART more", &plan, NULL, -EINVAL);
}

/* A domain with an emulated UART that has not run, saved and restored. */
static void a_uart(void)
{
    struct domain_plan plan = *checking_plan(false);
    struct domain d;

    plan.vuart = true;
    if (!works("building", domain_build_empty(&d, &plan, 2)))
        return;
    size = sizeof(records);
    works("a save with a UART", domain_records_get(d.id, records, &size));
    works("destroying", domain_destroy(&d));
    is_refused("a UART fewer", checking_plan(false), NULL, -EINVAL);
    is_refused("the same UART", &plan, NULL, 0);
}

void guest_main(void)
{
    uint64_t before;
    struct domain d;

    checking_begin();
    before = host_free_pages();
    if (guest_begin(&d, checking_plan(true), 0)) {
        what_cannot_be_saved(&d);
        what_does_not_fit();
        works("destroying the guest", domain_destroy(&d));
        a_uart();
    }
    works("pages are missing", (long)(before - host_free_pages()));
    print(all_worked() ? "refuse: done\n" : "refuse: not ok\n");
}
