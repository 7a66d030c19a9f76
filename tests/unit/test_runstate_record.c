// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c record/record.c hypervisor/vm/runstate.c */
/* Run states' areas, saved and restored: across two pages, of a guest that gave one away, of a changed stream. */
#include "fakes.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "record/record.h"
#include "vm/records.h"

enum { PAGES = 4, FIRST = 1, SECOND = 3, CROSSING = PAGE_SIZE - 16 };

static const struct record_kind *const kinds[] = { &runstate_record };
static const struct record_table table = { kinds, ARRAY_SIZE(kinds) };
static unsigned char stream[512];
static size_t size;
static struct record_fault fault;
static struct domain *old, *new;
static unsigned locks_held;   /* while the p2m was asked */
static bool gone;             /* the second page, as soon as it has been looked at */

uint64_t system_time_ns(void) { return 1000; }
unsigned record_count_vcpus(const void *d) { return ((const struct domain *)d)->max_vcpus; }

/* The p2m's lock is waited for here, which is not for a holder of a lock that the scheduler waits for. */
bool record_place_is(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    locks_held |= host_locks_held;
    return fake_type(d, gfn.gfn) == P2M_RAM_RW && fake_mfn(d, gfn.gfn).mfn == mfn.mfn;
}

bool record_place_is_ram(struct domain *d, gfn_t gfn)
{
    bool is = gfn.gfn < PAGES && fake_type(d, gfn.gfn) == P2M_RAM_RW;

    if (gone && gfn.gfn == SECOND)
        fake_set_type(d, SECOND, P2M_INVALID);
    return is;
}

static struct domain *domain_new(domid_t id)
{
    struct domain *d = fake_domain(id, 2, PAGES);

    for (unsigned i = 0; i < 2; i++)
        runstate_vcpu_init(d->vcpus[i]);
    return d;
}

static void domain_end(struct domain *d)
{
    for (unsigned i = 0; i < 2; i++)
        runstate_vcpu_destroy(d->vcpus[i]);
    fake_assert_refs(d, PAGES, 1);
    fake_domain_release(d);
    fake_domain_free(d);
}

/* The first vCPU has an area across two pages, which are not neighbours. */
static int start(void **state)
{
    (void)state;
    fake_reset();
    gone = false;
    old = domain_new(1);
    new = domain_new(2);
    return runstate_set_area(old->vcpus[0], (gfn_t[2]){ GFN(FIRST), GFN(SECOND) }, CROSSING);
}

static int end(void **state)
{
    (void)state;
    domain_end(old);
    domain_end(new);
    fake_assert_nothing_left();
    return 0;
}

static int save(void)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };
    int error = records_save(&table, old, &w, &fault);

    size = w.used;
    return error;
}

static int restore(const void *from)
{
    bool begun;

    return records_restore(&table, new, from, size, &begun, &fault);
}

static void an_area_that_crosses_a_page_is_where_it_was(void **state)
{
    uint64_t offline;

    (void)state;
    locks_held = 0;
    assert_int_equal(save(), 0);
    assert_int_equal(locks_held, 0);
    assert_int_equal(restore(stream), 0);
    memcpy(&offline, (char *)fake_page(new, SECOND) + 24, sizeof(offline));   /* time[OFFLINE], 40 bytes in */
    assert_int_equal(offline, old->vcpus[0]->runstate.time[RUNSTATE_OFFLINE]);
    fake_assert_refs(new, 1, 1);
}

static void who_gave_a_page_of_it_away_has_no_area_any_more(void **state)
{
    (void)state;
    fake_set_type(old, SECOND, P2M_INVALID);
    assert_int_equal(save(), 0);
    fake_set_type(old, SECOND, P2M_RAM_RW);
    assert_int_equal(restore(stream), 0);
    assert_null(new->vcpus[0]->runstate.area);
    fake_assert_refs(new, PAGES, 1);
    assert_int_equal(new->vcpus[0]->runstate.time[RUNSTATE_OFFLINE], old->vcpus[0]->runstate.time[RUNSTATE_OFFLINE]);
}

static void memory_that_goes_while_it_is_restored_is_held_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(save(), 0);
    gone = true;
    assert_int_equal(restore(stream), -EFAULT);
    fake_set_type(new, SECOND, P2M_RAM_RW);
    fake_assert_refs(new, PAGES, 1);
}

/* Restored as something or refused, and then everything of it can be taken apart. */
static void any_bit_may_be_another(void **state)
{
    (void)state;
    assert_int_equal(save(), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        unsigned char *changed = malloc(size);

        memcpy(changed, stream, size);
        changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        (void)!restore(changed);
        free(changed);
        domain_end(new);
        new = domain_new(2);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(an_area_that_crosses_a_page_is_where_it_was),
        TEST(who_gave_a_page_of_it_away_has_no_area_any_more),
        TEST(memory_that_goes_while_it_is_restored_is_held_by_nobody),
        TEST(any_bit_may_be_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
