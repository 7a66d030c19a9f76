// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that makes domains, lets tests/guests/fuzz run in them, and destroys them in the middle of everything. Its
 * ramdisk is that guest's image.
 *
 *   seed=S      what is done; the guests' seeds follow from it
 *   rounds=N    how many rounds (default 10)        from=R      begin with round R
 *   life=MS     how long a round is                 domains=N   at a time, at most
 *   calm        nothing is done to domains while they run
 *   guest=TEXT  passed on, with `+` for a space     tell        guests print the plan of each epoch
 *   pulses=B    an emulator that runs one CPU at a time lets them take turns each 1 to 2^B ticks, at random, in every
 *               other round
 *
 * In a round a few domains of random make run for a while beside each other. This side pauses them, looks into their
 * memory, follows their writes, changes the pool for their tables, and destroys one and makes another: then the ports
 * of those that stay have to be connected to somebody. At a round's end all are destroyed, and every page of the
 * machine has to be free that was free before. Says `fuzz: ok` at the end, or `not ok` and why, and switches the
 * machine off.
 */
#include "dormouse/arch/arm64/cpu.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/test/toolstack.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

enum { RAM_PAGES = 8192, KEPT_PAGES = 1024, BLOCK_PAGES = 512, MOST_DOMAINS = 4, LINE = 200 };
#define LOOK_GFN  UINT64_C(0xe0000)       /* where a guest's page is mapped to look at it */
#define SPARE_GFN UINT64_C(0x88000)       /* where guests put memory besides RAM */

static struct {
    struct domain d;
    bool lives, paused, counted, tracked;
    uint64_t seed, until;           /* when it is destroyed, if not before */
    char line[LINE];
    size_t used;
} slots[MOST_DOMAINS];
static uint64_t state, most, pulses;
static uint64_t began, said;            /* on the virtual counter */
static unsigned made, bad;
static char passed_on[256];

static uint64_t draw(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(uint64_t n) { return draw() % n; }
static bool one_in(unsigned n) { return below(n) == 0; }

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

/*
 * In one piece, or in many: QEMU's -icount changes between CPUs where a timer is due, and at last when its own patience
 * ends.
 */
static void sleep_us(uint64_t us)
{
    uint64_t now = timer_now(), end = now + us * timer_frequency() / 1000000;

    irq_disable();
    for (; now < end; now = timer_now()) {
        timer_virtual_set(pulses ? min_u64(end, now + BIT(below(pulses))) : end);
        irq_wait();
    }
    irq_enable();
}

static void fail(const char *what, long r)
{
    bad++;
    print("not ok %s: %ld\n", what, r);
}

/* Prints guests' lines; those that begin with `#` only if asked for. */
static void hear(unsigned i, bool all)
{
    char text[256];
    size_t n;

    while (slots[i].d.console && (n = domain_console_read(&slots[i].d, text, sizeof(text))))
        for (size_t at = 0; at < n; at++) {
            slots[i].line[slots[i].used++] = text[at];
            if (text[at] != '\n' && slots[i].used < LINE - 1)
                continue;
            slots[i].line[slots[i].used] = 0;
            slots[i].used = 0;
            if (all || slots[i].line[0] != '#')
                print("d%u: %s", slots[i].d.id, slots[i].line);
            if (strstr(slots[i].line, "not ok") || strstr(slots[i].line, "unexpected") ||
                strstr(slots[i].line, "panic"))
                bad++;
        }
}

static void make(unsigned i)
{
    static const uint32_t highest_ports[] = { 63, 1023, 1023, 4095 };
    char arguments[320];
    struct domain_plan plan = {
        .image = platform.ramdisk,
        .image_size = platform.ramdisk_size,
        .vcpus = 2 + (unsigned)below(3),
        .ram_pages = RAM_PAGES,
        .spare_pages = (4 + below(28)) * BLOCK_PAGES,
        .pool_pages = DOMAIN_POOL_LEAST + below(3),
        .max_port = highest_ports[below(4)],
        .vuart = one_in(2),
        .arguments = arguments,
    };

    slots[i].seed = below(1000000);
    slots[i].counted = one_in(2);
    snprintf(arguments, sizeof(arguments), "seed=%lu epochs=0 mortal%s%s%s", slots[i].seed,
             slots[i].counted ? " counted" : "", platform_flag("tell") ? " tell " : " ", passed_on);
    long r = domain_build(&slots[i].d, &plan, i);
    if (r) {
        fail("a domain cannot be made", r);
        return;
    }
    made++;
    slots[i].lives = true;
    slots[i].paused = slots[i].tracked = false;
    slots[i].used = 0;
    if (platform_flag("tell"))
        print("# d%u: seed %lu, %u vCPUs, %lu pages in the pool, %lu to spare, ports to %u%s\n", slots[i].d.id,
              slots[i].seed, plan.vcpus, plan.pool_pages, plan.spare_pages, plan.max_port, plan.vuart ? ", vuart" : "");
    slots[i].until = timer_now() + below(BIT(8 + below(6))) * timer_frequency() / 1000;
    domain_start(slots[i].d.id);
}

static bool is_alive(domid_t id)
{
    for (unsigned i = 0; i < MOST_DOMAINS; i++)
        if (slots[i].lives && slots[i].d.id == id)
            return true;
    return false;
}

/* The other end of each connected port is a port of a domain that there is, and is connected with this one. */
static void check_ports(domid_t id)
{
    domid_t remote, back;
    evtchn_port_t at, back_at;
    long r;

    for (evtchn_port_t port = 1; (r = domain_port_peer(id, port, &remote, &at)) >= 0; port++) {
        if (!r || remote == 0)
            continue;
        if (!is_alive(remote) || domain_port_peer(remote, at, &back, &back_at) != 1 || back != id || back_at != port) {
            print("d%u port %u is connected to d%u port %u\n", id, port, remote, at);
            fail("a port is connected to none, or to one that knows nothing of it", (long)port);
            return;
        }
    }
}

/* The invariants of those that live, looked at while they stand still. */
static void check_domains(void)
{
    for (unsigned i = 0; i < MOST_DOMAINS; i++)
        if (slots[i].lives && domain_pause(slots[i].d.id))
            fail("pause", i);
    for (unsigned i = 0; i < MOST_DOMAINS; i++)
        if (slots[i].lives)
            check_ports(slots[i].d.id);
    for (unsigned i = 0; i < MOST_DOMAINS; i++)
        if (slots[i].lives && domain_start(slots[i].d.id))
            fail("unpause", i);
}

static void end(unsigned i)
{
    hear(i, platform_flag("tell"));
    long r = domain_destroy(&slots[i].d);

    if (r)
        fail("a domain cannot be destroyed", r);
    slots[i].lives = false;
    check_domains();
}

/*
 * A domain ends at a moment of its own choice, which it says by powering off, or of ours; for any other reason none
 * ends by itself. One that has lost track of all it may have is of no more use.
 */
static void look_after(unsigned i)
{
    hear(i, platform_flag("tell"));
    int reason = domain_end_reason(slots[i].d.id);

    if (reason >= 0 && reason != SHUTDOWN_poweroff) {
        hear(i, true);
        fail("a domain ended by itself, for reason", reason);
    } else if (reason >= 0 || domain_room(slots[i].d.id) < BLOCK_PAGES ||
               (timer_now() > slots[i].until && !platform_flag("calm"))) {
        end(i);
        make(i);
    }
}

/* A page of a guest's, mapped for a moment; of one that counts, a page that it keeps. */
static void look_into(unsigned i)
{
    const gfn_t ours = GFN(LOOK_GFN);
    uint64_t theirs = slots[i].counted ? DOMAIN_RAM_GFN + below(KEPT_PAGES)
                      : one_in(2)      ? DOMAIN_RAM_GFN + below(RAM_PAGES)
                                       : SPARE_GFN + below(2 * BLOCK_PAGES);

    if (foreign_map(slots[i].d.id, GFN(theirs), ours))
        return;
    (void)*(volatile uint64_t *)(ours.gfn << PAGE_SHIFT);
    sleep_us(below(300));
    if (foreign_unmap(ours))
        fail("a foreign page cannot be unmapped", 0);
}

/*
 * Follows its writes for a while. There may be no page left in its pool for the tables that this takes, and a
 * hypervisor from before it could do this at all is fuzzed without.
 */
static void track(unsigned i)
{
    static uint64_t bitmap[(DOMAIN_RAM_GFN + RAM_PAGES) / 64];
    struct dirty_counts counts;
    bool change = !slots[i].tracked || one_in(4);
    long r = change ? domain_track(slots[i].d.id, !slots[i].tracked)
                    : domain_dirty(slots[i].d.id, bitmap, below(64 * ARRAY_SIZE(bitmap)), !one_in(3), &counts);

    if (r == -ENOSYS && change && !slots[i].tracked)
        return;
    if (r == -ENOMEM && change)
        r = domain_track(slots[i].d.id, false);
    else if (change)
        slots[i].tracked = !slots[i].tracked;
    if (r)
        fail("tracking what a domain writes", r);
}

static void handle(unsigned i)
{
    switch (slots[i].paused ? 1 : below(10)) {
    case 0:
        domain_set_pool(slots[i].d.id, DOMAIN_POOL_LEAST + below(3));
        break;
    case 1:
        if (slots[i].paused ? domain_start(slots[i].d.id) : domain_pause(slots[i].d.id))
            fail("pause", slots[i].paused);
        slots[i].paused = !slots[i].paused;
        break;
    case 2:
        if (slots[i].d.vuart_port)
            evtchn_send(slots[i].d.vuart_port);
        break;
    case 3:
    case 4:
        track(i);
        break;
    default:
        look_into(i);
        break;
    }
}

/* Once a second, so that the listener knows that the machine lives. */
static void say_how_far(uint64_t round)
{
    uint64_t now = timer_now();

    if (now - said < timer_frequency())
        return;
    said = now;
    print("fuzz: round %lu, %u domains so far, %lu s\n", round, made, (now - began) / timer_frequency());
}

static void round_run(uint64_t r)
{
    uint64_t n = 1 + below(most), life = platform_option("life", 500 + below(one_in(4) ? 10000 : 3000));
    uint64_t until = timer_now() + life * timer_frequency() / 1000;

    pulses = one_in(2) ? platform_option("pulses", 0) : 0;
    for (unsigned i = 0; i < n; i++)
        make(i);
    while (timer_now() < until && !bad) {
        unsigned i = (unsigned)below(n);

        say_how_far(r);
        sleep_us(below(16000));
        if (slots[i].lives && !platform_flag("calm"))
            handle(i);
        for (unsigned j = 0; j < n; j++)
            if (slots[j].lives)
                look_after(j);
    }
    for (unsigned i = 0; i < n; i++)
        if (slots[i].lives)
            end(i);
}

/* Our own arguments are one word each, so a plus stands for the space between the guests'. */
static void find_passed_on(void)
{
    const char *p = strstr(platform.bootargs, "guest=");

    for (size_t i = 0; p && i + 1 < sizeof(passed_on) && p[6 + i] && p[6 + i] != ' '; i++)
        passed_on[i] = p[6 + i] == '+' ? ' ' : p[6 + i];
}

void guest_main(void)
{
    uint64_t seed = platform_option("seed", 1), rounds = platform_option("rounds", 10),
             from = platform_option("from", 0);

    most = min_u64(platform_option("domains", 3), MOST_DOMAINS);
    began = timer_now();
    find_passed_on();
    evtchn_own_domid();     /* a domain's first port takes a page that it keeps */
    irq_register(platform.timer_virtual, tick);
    gic_enable(platform.timer_virtual);
    print("fuzz: seed %lu, %lu rounds from %lu, an image of %lu bytes\n", seed, rounds, from, platform.ramdisk_size);
    for (uint64_t r = from; r < from + rounds && !bad; r++) {
        uint64_t before = host_free_pages(), after;

        state = seed * 0x100000001b3 ^ r << 32;
        draw();
        round_run(r);
        after = host_free_pages();
        if (after != before)
            fail("pages are missing", (long)(before - after));
    }
    print(bad ? "fuzz: not ok\n" : "fuzz: ok, %u domains\n", made);
}
