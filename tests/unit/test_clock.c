// SPDX-License-Identifier: Apache-2.0
/* sources: record/record.c hypervisor/base/time.c hypervisor/vm/clock.c hypervisor/vm/shared_info.c */
/* The wall clock that domains read: dom0's word, in each domain's own time. A tick is a microsecond here. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "arch/barrier.h"
#include "arch/relax.h"
#include "arch/sysreg.h"
#include "lib/errno.h"
#include "vm/domain.h"
#include "vm/records.h"

#define SECOND  UINT64_C(1000000)
#define EPOCH_S UINT64_C(1795000000)

static uint64_t now;
struct cpu cpus[MAX_CPUS];
static struct shared_info page[2];
static struct domain first, second;

struct domain *domain_next(struct domain *d) { return !d ? &first : d == &first ? &second : NULL; }
void *frame_alloc_shared(struct frame_owner *o) { (void)o; return calloc(1, sizeof(struct shared_info)); }
void frame_free_shared(void *va) { free(va); }
mfn_t virt_to_mfn(const void *va) { return MFN((uintptr_t)va >> PAGE_SHIFT); }
int p2m_map(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr, enum p2m_type type)
{
    (void)p2m;
    (void)gfn;
    (void)mfn;
    (void)nr;
    (void)type;
    return 0;
}
int p2m_unmap_exact(struct p2m *p2m, gfn_t gfn, mfn_t mfn, uint64_t nr)
{
    (void)p2m;
    (void)gfn;
    (void)mfn;
    (void)nr;
    return 0;
}
void vtimer_begin(struct vcpu *v) { (void)v; }
void vtimer_shift(struct vcpu *v, uint64_t ticks) { (void)v; (void)ticks; }

uint64_t host_read_sysreg(const char *name) { return strcmp(name, "cntpct_el0") ? SECOND : now; }

static int two_domains(void **state)
{
    (void)state;
    now = 1000;
    time_init(0);
    first = (struct domain){ .id = 1, .shared_info.page = &page[0] };
    second = (struct domain){ .id = 2, .shared_info.page = &page[1] };
    memset(page, 0, sizeof(page));
    wallclock_set(0);
    return 0;
}

static uint64_t published_ns(const struct domain *d)
{
    const struct shared_info *s = d->shared_info.page;

    assert_int_equal(s->wc_version % 2, 0);
    return (((uint64_t)s->wc_sec_hi << 32) + s->wc_sec) * 1000000000 + s->wc_nsec;
}

/* As Linux on Arm does it: the published time, and the virtual counter's ticks since. */
static uint64_t date_s(const struct domain *d)
{
    return (published_ns(d) / 1000 + now - d->clock.counter_offset) / SECOND;
}

static void a_domain_reads_the_time_of_day_whenever_it_began(void **state)
{
    uint64_t boot = system_time_boot_counter();

    (void)state;
    wallclock_set(EPOCH_S * 1000000000);
    now = boot + 10 * SECOND;
    clock_begin(&first);
    now = boot + 500 * SECOND;
    clock_begin(&second);
    now = boot + 1000 * SECOND;
    assert_int_equal(date_s(&first), EPOCH_S + 1000);
    assert_int_equal(date_s(&second), EPOCH_S + 1000);
    assert_int_equal(wallclock_at(system_time_ns()), EPOCH_S + 1000);
}

static void a_clock_that_dom0_sets_reaches_all(void **state)
{
    uint64_t boot = system_time_boot_counter();
    uint32_t version;

    (void)state;
    now = boot + 10 * SECOND;
    clock_begin(&first);
    clock_begin(&second);
    version = page[0].wc_version;
    wallclock_set((EPOCH_S + 5) * 1000000000 + 250000000);
    assert_true(page[0].wc_version != version);
    assert_int_equal(published_ns(&first) % 1000000000, 250000000);
    assert_int_equal(date_s(&first), EPOCH_S + 15);
    assert_int_equal(date_s(&second), EPOCH_S + 15);
}

static void a_domain_that_stood_still_reads_the_right_time(void **state)
{
    uint64_t boot = system_time_boot_counter(), counter;

    (void)state;
    wallclock_set(EPOCH_S * 1000000000);
    now = boot + 10 * SECOND;
    clock_begin(&first);
    now = boot + 600 * SECOND;
    clock_stop(&first);
    now = boot + 3600 * SECOND;
    clock_continue(&first, true);   /* its counter did not count that */
    assert_int_equal(now - first.clock.counter_offset, 590 * SECOND);
    assert_int_equal(date_s(&first), EPOCH_S + 3600);
    assert_int_equal(wallclock_of(&first, &counter), (EPOCH_S + 3600) * 1000000000);
    assert_int_equal(counter, 590 * SECOND);
    clock_set_time_offset(&first, -60);
    assert_int_equal(wallclock_of(&first, &counter), (EPOCH_S + 3540) * 1000000000);
    clock_set_time_offset(&first, 0);
}

static void before_dom0_sets_it_nobody_knows_the_time(void **state)
{
    uint64_t counter;

    (void)state;
    now = system_time_boot_counter() + 10 * SECOND;
    assert_int_equal(wallclock_at(system_time_ns()), 0);
    assert_int_equal(wallclock_of(&first, &counter), 0);
}

static jmp_buf waits;
static bool waited;

static void end_wait(void) { longjmp(waits, 1); }

/* Another CPU, which has to wait. */
static void take_apart(void)
{
    host_between_writes = NULL;
    host_relax = end_wait;
    if (setjmp(waits))
        waited = true;
    else
        shared_info_destroy(&first);
    host_relax = NULL;
}

/* The address sanitizer sees a write into the page of a domain that has gone. */
static void the_clock_is_not_told_to_a_page_that_has_gone(void **state)
{
    (void)state;
    assert_int_equal(shared_info_create(&first), 0);
    waited = false;
    host_between_writes = take_apart;
    wallclock_set(EPOCH_S);
    assert_true(waited);
    shared_info_destroy(&first);
    assert_null(first.shared_info.page);
    wallclock_set(EPOCH_S);
}

/* --- Saved, and restored on a machine whose counter stands elsewhere --- */

static bool suspended;
static unsigned char stream[256];
static const struct record_kind *const kinds[] = { &clock_record };
static const struct record_table table = { kinds, 1 };
static struct record_fault fault;

bool domain_awaits_resume(struct domain *d) { (void)d; return suspended; }
bool domain_is_suspended(const struct domain *d) { (void)d; return false; }
unsigned record_count_one(const void *d) { (void)d; return 1; }

static size_t save(struct domain *d)
{
    struct record_writer w = { stream, sizeof(stream), 0, NULL };

    assert_int_equal(records_save(&table, d, &w, &fault), 0);
    return w.used;
}

static int restore(struct domain *d, size_t size)
{
    bool begun;

    return records_restore(&table, d, stream, size, &begun, &fault);
}

/*
 * The first domain ran for 1000 s, and 600 s later (by the wall) the second goes on in its place; it has been paused
 * for the last 200.
 */
static void away(int64_t wall_s, int64_t machine_s)
{
    uint64_t boot = system_time_boot_counter();
    size_t size;

    wallclock_set(EPOCH_S * 1000000000);
    now = boot + 10 * SECOND;
    clock_begin(&first);
    first.pause.started = true;
    first.clock.time_offset_seconds = 7;
    now = boot + 1010 * SECOND;
    size = save(&first);
    now = boot + (uint64_t)(1010 + machine_s) * SECOND;
    wallclock_set((uint64_t)((int64_t)EPOCH_S + wall_s - machine_s) * 1000000000);
    assert_int_equal(restore(&second, size), 0);
    now += 5 * SECOND;
    clock_begin(&second);
}

static void a_domain_that_was_held_sees_nothing_of_the_time_away(void **state)
{
    (void)state;
    suspended = false;
    away(600, 600);
    assert_int_equal(now - second.clock.counter_offset, 1000 * SECOND);
    assert_int_equal(date_s(&second), EPOCH_S + 1010 + 605 + 7);
}

static void one_that_suspended_itself_sees_it_up_to_its_first_step(void **state)
{
    (void)state;
    suspended = true;
    away(600, 600);
    assert_int_equal(now - second.clock.counter_offset, (1000 + 605) * SECOND);
    assert_int_equal(date_s(&second), EPOCH_S + 1010 + 605 + 7);
}

/* The other machine was switched on only a moment ago: the domain's counter is ahead of its. */
static void also_on_a_machine_that_has_counted_less(void **state)
{
    (void)state;
    suspended = true;
    away(600, -1000);
    assert_int_equal(now - second.clock.counter_offset, (1000 + 605) * SECOND);
    assert_int_equal(date_s(&second), EPOCH_S + 1010 + 605 + 7);
}

static void a_clock_that_went_back_hides_nothing_that_was_counted(void **state)
{
    (void)state;
    suspended = true;
    away(-5000, 600);
    assert_int_equal(now - second.clock.counter_offset, 1000 * SECOND);
}

static void what_never_ran_again_is_saved_as_it_was(void **state)
{
    unsigned char before[sizeof(stream)];
    size_t size;

    (void)state;
    suspended = true;
    away(600, 600);
    memcpy(before, stream, sizeof(stream));
    first.pause.started = false;
    suspended = false;
    size = save(&second);
    assert_int_equal(second.pause.started, 0);
    assert_memory_equal(stream, before, size);
}

/* A stream may say any number; the sanitizer sees one that cannot be turned round. */
static void a_counter_may_be_as_far_from_the_machines_as_there_is(void **state)
{
    (void)state;
    for (int64_t beyond = -1; beyond <= 1; beyond++) {
        first.clock.counter_offset = system_time_boot_counter() + (UINT64_C(1) << 63) + (uint64_t)beyond;
        wallclock_update(&first);
        (void)published_ns(&first);
    }
}

static void another_frequency_is_refused(void **state)
{
    size_t size;

    (void)state;
    size = save(&first);
    stream[24 + 16]++;
    assert_int_equal(restore(&second, size), -EOPNOTSUPP);
    assert_string_equal(fault.why, "is of a host whose counter has another frequency");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_domain_reads_the_time_of_day_whenever_it_began, two_domains),
        cmocka_unit_test_setup(a_clock_that_dom0_sets_reaches_all, two_domains),
        cmocka_unit_test_setup(a_domain_that_stood_still_reads_the_right_time, two_domains),
        cmocka_unit_test_setup(the_clock_is_not_told_to_a_page_that_has_gone, two_domains),
        cmocka_unit_test_setup(before_dom0_sets_it_nobody_knows_the_time, two_domains),
        cmocka_unit_test_setup(a_domain_that_was_held_sees_nothing_of_the_time_away, two_domains),
        cmocka_unit_test_setup(one_that_suspended_itself_sees_it_up_to_its_first_step, two_domains),
        cmocka_unit_test_setup(also_on_a_machine_that_has_counted_less, two_domains),
        cmocka_unit_test_setup(a_clock_that_went_back_hides_nothing_that_was_counted, two_domains),
        cmocka_unit_test_setup(what_never_ran_again_is_saved_as_it_was, two_domains),
        cmocka_unit_test_setup(a_counter_may_be_as_far_from_the_machines_as_there_is, two_domains),
        cmocka_unit_test_setup(another_frequency_is_refused, two_domains),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
