// SPDX-License-Identifier: Apache-2.0
/*
 * A dom0 that follows a guest's writes, as a tool does that copies a guest while it runs. Its ramdisk is the image of
 * tests/guests/dirty, which writes as it is told. First each way in which a page becomes dirty, one by one and exactly;
 * then, with all the guest's vCPUs writing at once, round after round, only the pages that were dirty are looked at
 * again, and when the guest has been paused nothing may be other than at the last look. Says `dirty: ok` at the end, or
 * `not ok` and why, and switches the machine off.
 *
 *   rounds=N    how many rounds the storm lasts (default 20)
 *   look=M      instead of all that, the cost of asking, for a guest of M MiB that has written to each 2 MiB of them
 */
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/xen/console.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/grant.h"
#include "dormouse/arch/arm64/platform.h"
#include "dormouse/test/toolstack.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/guests/dirty/mail.h"

#define MAIL_GFN  GFN(0xe0000)       /* where the guest's pages are mapped */
#define LOOK_GFN  GFN(0xe0001)
#define GRANT_GFN GFN(0xe0002)

enum { LIMIT_S = 60, ALL_PAGES = DOMAIN_RAM_GFN + DIRTY_RAM_PAGES };

static struct domain guest;
static volatile struct mail *mail;
static uint64_t bitmap[ALL_PAGES / 64], expected[WINDOW_PAGES / 64], sums[WINDOW_PAGES];
static struct dirty_counts counts;
static unsigned bad;

static void *address(gfn_t gfn) { return (void *)(gfn.gfn << PAGE_SHIFT); }

static void expect(const char *what, uint64_t got, uint64_t wanted)
{
    if (got == wanted)
        return;
    bad++;
    print("not ok %s: got %ld expected %ld\n", what, (long)got, (long)wanted);
}

/* The guest has done it when this returns its answer. */
static long tell(enum mail_command command, uint64_t page, uint64_t count, uint64_t seed)
{
    uint64_t end = timer_now() + (uint64_t)LIMIT_S * timer_frequency(), number = mail->number + 1;

    mail->command = command;
    mail->page = page;
    mail->count = count;
    mail->seed = seed;
    __atomic_store_n(&mail->number, number, __ATOMIC_RELEASE);
    while (__atomic_load_n(&mail->answered, __ATOMIC_ACQUIRE) != number) {
        if (timer_now() > end) {
            print("not ok the guest does not answer to %u\n", command);
            shutdown(SHUTDOWN_crash);
        }
        sched_op(SCHEDOP_yield, NULL);
    }
    return (long)mail->result;
}

static bool bit(const uint64_t *bits, uint64_t n) { return bits[n / 64] >> n % 64 & 1; }
static bool dirty(uint64_t page) { return bit(bitmap, DOMAIN_RAM_GFN + page); }

static unsigned collect(bool clean)
{
    unsigned n = 0;

    memset(bitmap, 0, sizeof(bitmap));
    expect("collecting", (uint64_t)domain_dirty(guest.id, bitmap, ALL_PAGES, clean, &counts), 0);
    for (uint64_t i = 0; i < WINDOW_PAGES; i++)
        n += dirty(WINDOW_PAGE + i);
    return n;
}

/* Cleans, and only `page` was dirty. */
static void expect_one(const char *what, uint64_t page)
{
    expect(what, collect(true), 1);
    expect(what, dirty(page), true);
}

static void expect_none(const char *what) { expect(what, collect(true), 0); }

static void what_the_guest_writes(void)
{
    static uint64_t state;
    unsigned n = 0, wrong = 0;

    expect_none("nothing is dirty to begin with");
    memset(expected, 0, sizeof(expected));
    state = 12345;
    for (unsigned i = 0; i < 500; i++) {
        uint64_t page = mail_page(&state) - WINDOW_PAGE;

        mail_draw(&state);
        n += !bit(expected, page);
        expected[page / 64] |= BIT(page % 64);
    }
    expect("writing", (uint64_t)tell(MAIL_WRITE, 0, 500, 12345), 0);
    for (unsigned clean = 0; clean < 2; clean++) {
        expect("as many pages are dirty as were written", collect(clean), n);
        expect("and are counted", counts.dirty >= n, true);
        for (uint64_t i = 0; i < WINDOW_PAGES; i++)
            wrong += dirty(WINDOW_PAGE + i) != bit(expected, i);
        expect("and are those", wrong, 0);
    }
    expect_none("what was cleaned is clean");
}

static uint64_t sum_of(uint64_t page)
{
    const volatile uint64_t *words = address(LOOK_GFN);
    uint64_t sum = 14695981039346656037u;

    expect("mapping", (uint64_t)foreign_map(guest.id, GFN(DOMAIN_RAM_GFN + page), LOOK_GFN), 0);
    for (unsigned i = 0; i < 512; i++)
        sum = (sum ^ words[i]) * 1099511628211u;
    expect("unmapping", (uint64_t)foreign_unmap(LOOK_GFN), 0);
    return sum;
}

static void what_is_mapped_here(void)
{
    for (uint64_t i = 0; i < 64; i++)
        (void)sum_of(WINDOW_PAGE + i);
    expect_none("who reads makes nothing dirty");
    foreign_map(guest.id, GFN(DOMAIN_RAM_GFN + WINDOW_PAGE + 9), LOOK_GFN);
    expect_none("nor who maps");
    *(volatile uint64_t *)address(LOOK_GFN) = 1;
    expect_one("what is written here", WINDOW_PAGE + 9);
    expect_one("is dirty as long as it is mapped", WINDOW_PAGE + 9);
    foreign_unmap(LOOK_GFN);
    expect_one("and once more", WINDOW_PAGE + 9);
    expect_none("but not for ever");
}

static void what_is_granted(void)
{
    struct gnttab_copy c = { .source.u.gmfn = platform.ram_base >> PAGE_SHIFT,
                             .source.domid = DOMID_SELF,
                             .dest.u.ref = DIRTY_REF,
                             .dest.domid = guest.id,
                             .len = 8,
                             .flags = GNTCOPY_dest_gref };
    struct gnttab_map_grant_ref m = {
        .host_addr = GRANT_GFN.gfn << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = DIRTY_REF, .dom = guest.id
    };
    struct gnttab_unmap_grant_ref u = { .host_addr = m.host_addr };

    c.source.u.gmfn = (uintptr_t)&counts >> PAGE_SHIFT;
    expect("granting", (uint64_t)tell(MAIL_GRANT, WINDOW_PAGE + 70, 0, 0), 0);
    expect_none("a grant alone makes nothing dirty");
    expect("copying", (uint64_t)grant_table_op(GNTTABOP_copy, &c, 1), 0);
    expect("copying", (uint64_t)c.status, GNTST_okay);
    expect_one("a copy", WINDOW_PAGE + 70);
    expect_none("is over when it is over");
    expect("mapping a grant", (uint64_t)grant_table_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    expect("mapping a grant", (uint64_t)m.status, GNTST_okay);
    u.handle = m.handle;
    expect_one("a mapped grant may be written at any time", WINDOW_PAGE + 70);
    expect_one("for as long as it is mapped", WINDOW_PAGE + 70);
    expect("unmapping a grant", (uint64_t)grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    expect_one("a last time", WINDOW_PAGE + 70);
    expect_none("and no more");
    expect("ending the grant", (uint64_t)tell(MAIL_GRANT_END, 0, 0, 0), 0);
}

static void what_the_hypervisor_writes(void)
{
    expect("a hypercall's buffer", (uint64_t)tell(MAIL_HYPERCALL, WINDOW_PAGE + 600, 0, 0), 0);
    expect_one("a hypercall's buffer", WINDOW_PAGE + 600);
    expect("a hypercall's buffer", (uint64_t)tell(MAIL_HYPERCALL, WINDOW_PAGE + 600, 0, 0), 0);
    expect_one("a hypercall's buffer again", WINDOW_PAGE + 600);
    expect("a run state area", (uint64_t)tell(MAIL_RUN_STATE, WINDOW_PAGE + 601, 0, 0), 0);
    expect_one("a run state area", WINDOW_PAGE + 601);
    expect_one("at all times", WINDOW_PAGE + 601);
    expect("another run state area", (uint64_t)tell(MAIL_RUN_STATE, 2000, 0, 0), 0);   /* outside the window */
    expect_one("the old one's last time", WINDOW_PAGE + 601);
    expect_none("the old one");
}

static void what_comes_and_goes(void)
{
    expect("giving back", (uint64_t)tell(MAIL_DECREASE, WINDOW_PAGE + 1000, 0, 0), 0);
    expect_one("what is gone", WINDOW_PAGE + 1000);
    expect_none("for good");
    expect("taking", (uint64_t)tell(MAIL_POPULATE, WINDOW_PAGE + 1000, 0, 0), 0);
    expect_one("what is there again", WINDOW_PAGE + 1000);
    expect_none("for good");
    expect("giving 2 MiB back", (uint64_t)tell(MAIL_DECREASE, WINDOW_PAGE + 1024, 9, 0), 0);
    expect("2 MiB that are gone", collect(true), 512);
    expect("taking 2 MiB", (uint64_t)tell(MAIL_POPULATE, WINDOW_PAGE + 1024, 9, 0), 0);
    expect("2 MiB that are there", collect(true), 512);
    expect_none("for good");
}

static void sum_dirty_pages(void)
{
    for (uint64_t i = 0; i < WINDOW_PAGES; i++)
        if (dirty(WINDOW_PAGE + i))
            sums[i] = sum_of(WINDOW_PAGE + i);
}

/* A copy of the guest, kept true by the bitmap alone. */
static void a_storm(unsigned rounds)
{
    uint64_t pages = 0, writes;
    unsigned wrong = 0;

    for (uint64_t i = 0; i < WINDOW_PAGES; i++)
        sums[i] = sum_of(WINDOW_PAGE + i);
    expect("beginning the storm", (uint64_t)tell(MAIL_STORM, 0, 0, 0), 0);
    for (unsigned i = 0; i < rounds; i++) {
        for (writes = mail->writes; mail->writes < writes + 100;)
            sched_op(SCHEDOP_yield, NULL);
        pages += collect(true);
        sum_dirty_pages();
    }
    expect("pausing", (uint64_t)domain_pause(guest.id), 0);
    pages += collect(true);
    sum_dirty_pages();
    expect_none("what does not run writes nothing");
    for (uint64_t i = 0; i < WINDOW_PAGES; i++)
        wrong += sums[i] != sum_of(WINDOW_PAGE + i);
    expect("pages that are other than they were seen", wrong, 0);
    expect("going on", (uint64_t)domain_start(guest.id), 0);
    expect("ending the storm", (uint64_t)tell(MAIL_CALM, 0, 0, 0), 0);
    print("dirty: %lu writes, %lu dirty pages in %u rounds\n", mail->writes, pages, rounds);
}

/*
 * Ticks for the first write to each of so many pages, and for the next, when nothing has to be noted: to one word of
 * each, which is the cost of noting, and to all words, which is the slowdown of a guest that writes a lot.
 */
static void what_it_costs(void)
{
    enum { PAGES = 512, FIRST = WINDOW_PAGE + 3584 };
    static const struct { unsigned words; const char *what; } writes[] = { { 1, "a word" }, { 512, "all words" } };

    for (unsigned i = 0; i < 2; i++) {
        uint64_t first;

        collect(true);
        tell(MAIL_WRITE_IN_TURN, FIRST, PAGES, writes[i].words);
        first = mail->ticks;
        tell(MAIL_WRITE_IN_TURN, FIRST, PAGES, writes[i].words);
        collect(true);
        print("dirty: %s of %u pages: %lu faults, %lu ticks; %lu ticks to write them again\n", writes[i].what, PAGES,
              counts.faults, first, mail->ticks);
    }
}

static bool build(uint64_t pages)
{
    struct domain_plan plan = {
        .image = platform.ramdisk,
        .image_size = platform.ramdisk_size,
        .vcpus = DIRTY_VCPUS,
        .ram_pages = pages,
        .spare_pages = 512,
        .pool_pages = DOMAIN_POOL_LEAST + 16 + pages / 512,
        .max_port = 63,
        .arguments = "",
    };
    long r = domain_build(&guest, &plan, 0);

    if (!r)
        r = foreign_map(guest.id, GFN(DOMAIN_RAM_GFN + MAIL_PAGE), MAIL_GFN);
    mail = address(MAIL_GFN);
    return !r && !domain_start(guest.id);
}

static void one_guest(unsigned rounds)
{
    expect("building a guest", build(DIRTY_RAM_PAGES), true);
    expect("nothing is tracked", (uint64_t)domain_dirty(guest.id, bitmap, ALL_PAGES, true, &counts), (uint64_t)-EINVAL);
    expect("tracking", (uint64_t)domain_track(guest.id, true), 0);
    expect("tracking what is tracked", (uint64_t)domain_track(guest.id, true), (uint64_t)-EINVAL);
    what_the_guest_writes();
    what_is_mapped_here();
    what_is_granted();
    what_the_hypervisor_writes();
    what_comes_and_goes();
    what_it_costs();
    a_storm(rounds);
    expect("no more tracking", (uint64_t)domain_track(guest.id, false), 0);
    expect("writing untracked", (uint64_t)tell(MAIL_WRITE, 0, 5000, 1), 0);
    expect("tracking again", (uint64_t)domain_track(guest.id, true), 0);
    expect_none("nothing is dirty to begin with again");
    expect("writing tracked again", (uint64_t)tell(MAIL_WRITE, 0, 5000, 2), 0);
    expect("a storm to end in", (uint64_t)tell(MAIL_STORM, 0, 0, 0), 0);
    expect("destroying what is tracked", (uint64_t)domain_destroy(&guest), 0);
    foreign_unmap(MAIL_GFN);
}

enum { LOOK_MOST_PAGES = 1 << 20 };

static uint64_t look(uint64_t pages)
{
    static uint64_t bits[(DOMAIN_RAM_GFN + LOOK_MOST_PAGES) / 64];
    uint64_t began = timer_now();

    expect("looking", (uint64_t)domain_dirty(guest.id, bits, DOMAIN_RAM_GFN + pages, true, &counts), 0);
    return timer_now() - began;
}

static void what_a_look_costs(uint64_t pages)
{
    enum { BLOCK = 512, FEW = 64 };
    uint64_t all, nothing, few;

    expect("building a guest", build(pages), true);
    expect("tracking", (uint64_t)domain_track(guest.id, true), 0);
    tell(MAIL_WRITE_EVERY, WINDOW_PAGE, (pages - WINDOW_PAGE) / BLOCK, BLOCK);
    all = look(pages);
    look(pages);   /* with a dirty state of the CPU's tables take one more to get quiet */
    look(pages);
    nothing = look(pages);
    tell(MAIL_WRITE_IN_TURN, WINDOW_PAGE, FEW, 1);
    few = look(pages);
    expect("few pages", counts.dirty >= FEW, true);
    print("dirty: %lu MiB: a look takes %lu ticks when each 2 MiB was written to, %lu after %u pages, %lu after none\n",
          pages >> 8, all, few, FEW, nothing);
    expect("destroying", (uint64_t)domain_destroy(&guest), 0);
    foreign_unmap(MAIL_GFN);
}

void guest_main(void)
{
    uint64_t before, look_mib = platform_option("look", 0);

    if (look_mib) {
        what_a_look_costs(min_u64(look_mib << 8, LOOK_MOST_PAGES));
        print(bad ? "dirty: not ok\n" : "dirty: ok\n");
        return;
    }

    one_guest(1);           /* tables, of ports and others, that a domain keeps once it has needed them */
    before = host_free_pages();
    one_guest((unsigned)platform_option("rounds", 20));
    expect("free pages", host_free_pages(), before);
    print(bad ? "dirty: not ok\n" : "dirty: ok\n");
}
