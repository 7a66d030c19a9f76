// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that saves a running domain at a random moment, restores it into a new one, and asks it whether all is as
 * before; over and over. Its ramdisk is the guest, tests/guests/record.c.
 *
 *   cycles=N    how often (default 20)         seed=S   when, and what is broken
 *
 * At last the guest suspends itself, to be resumed, and to be restored.
 *
 * What a restored domain says of itself before it has run has to be what was restored, byte for byte, but for the time
 * that its vCPUs were off. Of each save a broken copy is tried, too, in a third domain. Says `record: N of N`, or `not
 * ok` and why, and switches the machine off.
 */
#include "tests/guests/record.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/test/toolstack.h"
#include "lib/print.h"
#include "lib/string.h"
#include <xen/io/console.h>

enum {
    VCPUS = 5,
    RAM_PAGES = 2048,
    MOST_BYTES = 256 << 10,
    LIMIT_S = 60,
    RECORD_RUNSTATE_TYPE = 29,
    RECORD_EVTCHN_TYPE = 25
};

struct descriptor { uint16_t type, instance; uint32_t length; };

static unsigned char saved[MOST_BYTES], again[MOST_BYTES], broken[MOST_BYTES];
static uint64_t state;
static unsigned bad;

static uint64_t draw(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool works(const char *what, long r)
{
    if (r) {
        bad++;
        print("not ok %s: %ld\n", what, r);
    }
    return !r;
}

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

static void sleep_us(uint64_t us)
{
    uint64_t end = timer_now() + us * timer_frequency() / 1000000;

    irq_disable();
    while (timer_now() < end) {
        timer_virtual_set(end);
        irq_wait();
    }
    irq_enable();
}

static volatile struct record_words *words_of(const struct domain *d)
{
    return (volatile struct record_words *)((char *)d->console + RECORD_WORDS_AT);
}

static void hear(struct domain *d)
{
    char text[256];
    size_t n;

    while ((n = domain_console_read(d, text, sizeof(text) - 1))) {
        text[n] = 0;
        print("%s", text);
    }
}

static bool wait_until(struct domain *d, const char *what, const volatile uint32_t *word, uint32_t value)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    while (*word != value && !words_of(d)->wrong && timer_now() < end) {
        hear(d);
        sleep_us(500);
    }
    hear(d);
    return works(what, *word != value || words_of(d)->wrong);
}

static const struct domain_plan *plan(void)
{
    static struct domain_plan p = {
        .vcpus = VCPUS, .ram_pages = RAM_PAGES, .pool_pages = DOMAIN_POOL_LEAST + 4, .max_port = 1023, .arguments = "",
    };

    p.image = platform.ramdisk;
    p.image_size = platform.ramdisk_size;
    return &p;
}

static bool save(const struct domain *d, void *buffer, uint32_t *size)
{
    uint32_t needed = 0;

    if (!works("gethvmcontext, the size", domain_records_get(d->id, NULL, &needed)))
        return false;
    *size = MOST_BYTES;
    if (!works("gethvmcontext", domain_records_get(d->id, buffer, size)))
        return false;
    return works("the size is not what was said", *size != needed);
}

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

/* Whatever is done to a stream: it is refused or taken, and the domain can be destroyed. */
static bool try_broken(uint32_t size, unsigned window)
{
    struct domain d;

    for (unsigned flips = 1 + (unsigned)(draw() % 4); flips; flips--) {
        uint64_t at = draw() % size;

        broken[at] ^= (unsigned char)(1u << draw() % 8);
    }
    if (!works("building a third domain", domain_build_empty(&d, plan(), window)))
        return false;
    if (draw() % 4 == 0)
        size = (uint32_t)(draw() % size);
    if (domain_records_set(d.id, broken, size) == 0) {
        domain_start(d.id);
        sleep_us(300);
    }
    return works("destroying a third domain", domain_destroy(&d));
}

/* The domain in *d is another one afterwards. */
static bool cycle(struct domain *d)
{
    struct domain next;
    uint32_t size, size_again;

    sleep_us(draw() % 5000);
    if (!works("pause", domain_pause(d->id)) || !save(d, saved, &size))
        return false;
    hear(d);
    if (!works("building", domain_build_empty(&next, plan(), d->window ^ 1)) ||
        !works("copying", domain_copy_memory(d, &next, RAM_PAGES)))
        return false;
    memcpy(broken, saved, size);
    if (!works("destroying", domain_destroy(d)) || !try_broken(size, 2))
        return false;
    if (!works("sethvmcontext", domain_records_set(next.id, saved, size)) || !save(&next, again, &size_again) ||
        !are_same(size, size_again))
        return false;
    *d = next;
    words_of(d)->generation++;
    return works("unpause", domain_start(d->id)) &&
           wait_until(d, "the guest checks", &words_of(d)->checked, words_of(d)->generation);
}

/* Tells the guest to suspend itself, and waits until it has. */
static bool suspend(struct domain *d)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    words_of(d)->suspend++;
    while (domain_end_reason(d->id) != SHUTDOWN_suspend && timer_now() < end)
        sleep_us(500);
    return works("the guest suspends itself", domain_end_reason(d->id) != SHUTDOWN_suspend);
}

static bool answers(struct domain *d, int32_t answer)
{
    return wait_until(d, "the guest goes on", &words_of(d)->answered, words_of(d)->suspend) &&
           works("the call's result", words_of(d)->answer != answer);
}

static bool check_once(struct domain *d)
{
    words_of(d)->generation++;
    return wait_until(d, "the guest checks", &words_of(d)->checked, words_of(d)->generation);
}

/* In its own domain it reads 1 and has everything, in a new one 0. */
static bool suspend_and_resume(struct domain *d)
{
    return suspend(d) && works("resumedomain", domain_resume(d->id)) && answers(d, 1) && check_once(d);
}

static bool suspend_and_restore(struct domain *d)
{
    struct domain next;
    uint32_t size;

    if (!suspend(d) || !save(d, saved, &size) || !works("building", domain_build_empty(&next, plan(), d->window ^ 1)) ||
        !works("copying", domain_copy_memory(d, &next, RAM_PAGES)) || !works("destroying", domain_destroy(d)) ||
        !works("sethvmcontext", domain_records_set(next.id, saved, size)))
        return false;
    *d = next;
    return works("unpause", domain_start(d->id)) && answers(d, 0) && check_once(d);
}

void guest_main(void)
{
    uint64_t cycles = platform_option("cycles", 20), done = 0, before, after;
    struct domain d;

    state = platform_option("seed", 1);
    evtchn_own_domid();     /* a domain's first port takes a page that it keeps */
    irq_register(platform.timer_virtual, tick);
    gic_enable(platform.timer_virtual);
    before = host_free_pages();
    if (!works("building the first domain", domain_build(&d, plan(), 0)) || !works("starting it", domain_start(d.id)) ||
        !wait_until(&d, "the guest fills", &words_of(&d)->filled, 1))
        return;
    uint64_t began = timer_now();
    while (done < cycles && cycle(&d))
        done++;
    if (done && !bad)
        print("# record: %lu ms a cycle\n", (timer_now() - began) * 1000 / timer_frequency() / done);
    if (done == cycles && suspend_and_resume(&d))
        suspend_and_restore(&d);
    works("destroying the last domain", domain_destroy(&d));
    after = host_free_pages();
    if (after != before)
        works("pages are missing", (long)(before - after));
    print(bad ? "record: not ok\n" : "record: %lu of %lu\n", done, cycles);
}
