// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that saves a running domain at a random moment, restores it into a new one, and asks it whether all is as
 * before; over and over. Its ramdisk is the guest, tests/guests/record.
 *
 *   cycles=N    how often (default 20)         seed=S   when, and what is broken
 *   fifo        the guest has FIFO event channels
 *
 * At last the guest suspends itself: to be resumed; by PSCI SYSTEM_SUSPEND, and is saved while it sleeps; and to be
 * restored.
 *
 * The records of a restored domain before it has run have to be the restored ones, byte for byte, but for the time
 * that its vCPUs were off. After each cycle as many pages are free as before. Of each save a broken copy is tried, too,
 * in a third domain, while the second runs and dom0's other vCPU makes calls of its own about the third. Says
 * `record: N of N`, or `not ok` and why, and switches the machine off.
 */
#define __XEN_TOOLS__ 1
#include "tests/dom0/checking.h"

#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/console.h"
#include <xen/domctl.h>
#include "lib/string.h"

enum { RECORD_RUNSTATE_TYPE = 29 };

struct descriptor { uint16_t type, instance; uint32_t length; };

static unsigned char saved[CHECKING_MOST_BYTES], again[CHECKING_MOST_BYTES], broken[CHECKING_MOST_BYTES];
static const struct domain_plan *plan;

/* --- dom0's other vCPU: disturbs all that is done to one domain --- */

static volatile uint32_t victim, victim_size;   /* 0: none */
static volatile uint32_t disturbing;            /* it is at it */

static void disturb_once(unsigned i)
{
    static unsigned char buffer[4096];
    static struct xen_domctl op;
    static const uint32_t commands[] = {
        XEN_DOMCTL_sethvmcontext, XEN_DOMCTL_gethvmcontext, XEN_DOMCTL_gethvmcontext_partial, XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,
    };

    memset(&op, 0, sizeof(op));
    op.cmd = commands[i % ARRAY_SIZE(commands)];
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = (domid_t)victim;
    if (op.cmd == XEN_DOMCTL_gethvmcontext_partial) {
        op.u.hvmcontext_partial.type = 16 + i / ARRAY_SIZE(commands) % 20;
        op.u.hvmcontext_partial.bufsz = sizeof(buffer);
        set_xen_guest_handle(op.u.hvmcontext_partial.buffer, buffer);
    } else {
        op.u.hvmcontext.size = op.cmd == XEN_DOMCTL_sethvmcontext ? victim_size : 0;
        set_xen_guest_handle(op.u.hvmcontext.buffer, broken);
    }
    if (op.domain)
        hypercall2(__HYPERVISOR_domctl, (uintptr_t)&op, 0);
}

static void disturb(void *arg)
{
    (void)arg;
    for (unsigned i = 0;; i++) {
        disturbing = victim;
        if (victim)
            disturb_once(i);
        else
            sched_op(SCHEDOP_yield, NULL);
    }
}

static void set_victim(domid_t id, uint32_t size)
{
    victim_size = size;
    victim = id;
    while (disturbing != id)
        sched_op(SCHEDOP_yield, NULL);
}

/* Changes the copy of a stream: bits, or where it ends. */
static uint32_t break_copy(uint32_t size)
{
    for (unsigned flips = (unsigned)(draw() % 4); flips; flips--)
        broken[draw() % size] ^= (unsigned char)(1u << draw() % 8);
    return draw() % 4 == 0 ? (uint32_t)(draw() % size) : size;
}

/* However a stream is broken, it is refused or taken, and the domain can be destroyed, by now or in the middle. */
static bool try_broken(uint32_t size)
{
    struct domain d;

    if (!works("building a third domain", domain_build_empty(&d, plan, 2)))
        return false;
    size = break_copy(size);
    if (platform.cpus > 1)
        set_victim(d.id, size);
    if (domain_records_set(d.id, broken, size) == 0) {
        domain_start(d.id);
        sleep_us(300);
    }
    if (!works("destroying a third domain", domain_destroy(&d)))
        return false;
    if (platform.cpus > 1)
        set_victim(0, 0);
    return true;
}

/* --- Cycles --- */

static bool is_timeless(unsigned type) { return type != RECORD_RUNSTATE_TYPE; }

/* Both streams record by record. */
static bool are_same(uint32_t size, uint32_t size_again)
{
    if (!works("another size", (long)size_again - (long)size))
        return false;
    for (uint32_t at = 0; at < size;) {
        struct descriptor *was = (void *)(saved + at), *is = (void *)(again + at);
        uint32_t n = (uint32_t)sizeof(*was) + was->length;

        if (memcmp(was, is, sizeof(*was)) || (is_timeless(was->type) && memcmp(was, is, n))) {
            uint32_t i = 0;

            while (saved[at + i] == again[at + i])
                i++;
            print("# record type %u instance %u differs at byte %u: %x, %x\n", was->type, was->instance, i,
                  saved[at + i], again[at + i]);
            return works("a restored domain has other records", 1);
        }
        at += n;
    }
    return true;
}

/* The domain in *d, which does not run, is another one afterwards, which has not run. */
static bool move(struct domain *d, uint32_t *size)
{
    struct domain next;
    uint32_t size_again;

    if (!guest_save(d, saved, size))
        return false;
    hear(d);
    if (!works("building", domain_build_empty(&next, plan, d->window ^ 1)) ||
        !works("copying", domain_copy_memory(d, &next, CHECKING_RAM_PAGES)) ||
        !works("destroying", domain_destroy(d)) ||
        !works("sethvmcontext", domain_records_set(next.id, saved, *size)))
        return false;
    *d = next;
    if (words_of(d)->suspend != words_of(d)->answered)
        return true;    /* its time went on */
    return guest_save(d, again, &size_again) && are_same(*size, size_again);
}

static bool cycle(struct domain *d)
{
    uint32_t size;

    sleep_us(draw() % 5000);
    if (!works("pause", domain_pause(d->id)) || !move(d, &size))
        return false;
    memcpy(broken, saved, size);
    return works("unpause", domain_start(d->id)) && try_broken(size) && guest_checks(d);
}

/* All cycles, and after each as much is free as after the first. */
static uint64_t run_cycles(struct domain *d, uint64_t cycles)
{
    uint64_t free = 0, began = timer_now(), done = 0;

    while (done < cycles && cycle(d)) {
        uint64_t now = host_free_pages();

        if (done && !works("pages are missing after a cycle", (long)(free - now)))
            break;
        free = now;
        done++;
    }
    if (done == cycles)
        print("# record: %lu ms a cycle, %lu pages free after each\n",
              (timer_now() - began) * 1000 / timer_frequency() / cycles, free);
    return done;
}

/* --- The guest's own suspends --- */

static bool suspend(struct domain *d)
{
    words_of(d)->suspend++;
    for (unsigned tries = 0; domain_end_reason(d->id) != SHUTDOWN_suspend && tries < 100000; tries++)
        sleep_us(500);
    return works("the guest suspends itself", domain_end_reason(d->id) != SHUTDOWN_suspend);
}

static bool answers(struct domain *d, int32_t answer)
{
    return wait_until(d, "the guest goes on", &words_of(d)->answered, words_of(d)->suspend) &&
           works("the call's result", words_of(d)->answer != answer);
}

/* In its own domain it reads 1 and has everything, in a new one 0. */
static bool suspend_and_resume(struct domain *d)
{
    return suspend(d) && works("resumedomain", domain_resume(d->id)) && answers(d, 1) && guest_checks(d);
}

static bool suspend_and_restore(struct domain *d)
{
    uint32_t size;

    return suspend(d) && move(d, &size) && works("unpause", domain_start(d->id)) && answers(d, 0) && guest_checks(d);
}

static bool falls_asleep(struct domain *d)
{
    for (unsigned tries = 0; !domain_shows_paused(d->id) && !words_of(d)->wrong && tries < 100000; tries++)
        sleep_us(500);
    hear(d);
    return works("the guest sleeps", !domain_shows_paused(d->id) || words_of(d)->wrong);
}

/* Restored it sleeps on, until somebody wakes it. */
static bool sleep_and_restore(struct domain *d)
{
    uint32_t size;

    words_of(d)->sleep++;
    if (!falls_asleep(d) || !works("pause", domain_pause(d->id)) || !move(d, &size) ||
        !works("unpause", domain_start(d->id)))
        return false;
    sleep_us(2000);
    return works("it sleeps on", words_of(d)->slept == words_of(d)->sleep || !domain_shows_paused(d->id)) &&
           works("resumedomain", domain_resume(d->id)) &&
           wait_until(d, "the guest wakes", &words_of(d)->slept, words_of(d)->sleep) && guest_checks(d);
}

void guest_main(void)
{
    uint64_t cycles = platform_option("cycles", 20), done, before, after;
    struct domain d;

    checking_begin();
    plan = checking_plan(platform_flag("fifo"));
    if (platform.cpus > 1)
        cpu_start(1, disturb, NULL);
    before = host_free_pages();
    if (!guest_begin(&d, plan, 0))
        return;
    done = run_cycles(&d, cycles);
    if (done == cycles && suspend_and_resume(&d) && sleep_and_restore(&d))
        suspend_and_restore(&d);
    works("destroying the last domain", domain_destroy(&d));
    after = host_free_pages();
    if (after != before)
        works("pages are missing", (long)(before - after));
    if (all_worked())
        print("record: %lu of %lu\n", done, cycles);
    else
        print("record: not ok\n");
}
