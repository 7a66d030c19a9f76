// SPDX-License-Identifier: Apache-2.0
#include "tests/dom0/checking.h"

#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/xen/evtchn.h"
#include <xen/io/console.h>

enum { LIMIT_S = 60 };

static uint64_t state;
static unsigned bad;

uint64_t draw(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

void checking_begin(void)
{
    state = platform_option("seed", 1);
    evtchn_own_domid();     /* a domain's first port takes a page that it keeps */
    irq_register(platform.timer_virtual, tick);
    gic_enable(platform.timer_virtual);
}

void sleep_us(uint64_t us)
{
    uint64_t end = timer_now() + us * timer_frequency() / 1000000;

    irq_disable();
    while (timer_now() < end) {
        timer_virtual_set(end);
        irq_wait();
    }
    irq_enable();
}

bool works(const char *what, long r)
{
    if (r) {
        bad++;
        print("not ok %s: %ld\n", what, r);
    }
    return !r;
}

bool all_worked(void) { return !bad; }

struct domain_plan *checking_plan(bool fifo)
{
    static struct domain_plan p = {
        .vcpus = RECORD_VCPUS, .ram_pages = CHECKING_RAM_PAGES, .pool_pages = DOMAIN_POOL_LEAST + 4, .max_port = 1023,
    };

    p.image = platform.ramdisk;
    p.image_size = platform.ramdisk_size;
    p.arguments = fifo ? "fifo" : "";
    return &p;
}

volatile struct record_words *words_of(const struct domain *d)
{
    return (volatile struct record_words *)((char *)d->console + RECORD_WORDS_AT);
}

void hear(struct domain *d)
{
    char text[256];
    size_t n;

    while ((n = domain_console_read(d, text, sizeof(text) - 1))) {
        text[n] = 0;
        print("%s", text);
    }
}

bool wait_until(struct domain *d, const char *what, const volatile uint32_t *word, uint32_t value)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency();

    while (*word != value && !words_of(d)->wrong && timer_now() < end) {
        hear(d);
        sleep_us(500);
    }
    hear(d);
    return works(what, *word != value || words_of(d)->wrong);
}

bool guest_begin(struct domain *d, const struct domain_plan *plan, unsigned window)
{
    return works("building the guest", domain_build(d, plan, window)) && works("starting it", domain_start(d->id)) &&
           wait_until(d, "the guest fills", &words_of(d)->filled, 1);
}

bool guest_checks(struct domain *d)
{
    words_of(d)->generation++;
    return wait_until(d, "the guest checks", &words_of(d)->checked, words_of(d)->generation);
}

bool guest_save(const struct domain *d, void *buffer, uint32_t *size)
{
    uint32_t needed = 0;

    if (!works("gethvmcontext, the size", domain_records_get(d->id, NULL, &needed)))
        return false;
    *size = CHECKING_MOST_BYTES;
    if (!works("gethvmcontext", domain_records_get(d->id, buffer, size)))
        return false;
    return works("the size is not what was said", *size != needed);
}
