// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/capabilities.c lib/ranges.c */
/* A domain's capabilities against a model that is an array of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/relax.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/domain.h"

static long bytes;
static bool fail;
static void (*meanwhile)(void);   /* another CPU's act when memory has been freed */

void *heap_alloc_array(size_t n, size_t size)
{
    if (fail)
        return NULL;
    bytes += (long)(n * size);
    return calloc(n, size);
}

void heap_free(void *p, size_t size)
{
    if (p)
        bytes -= (long)size;
    free(p);
    if (p && meanwhile)
        meanwhile();
}

/* Numbers of the model, put where overflow lurks: at 0, or up to the largest number. */
#define N 200
static bool model[N];
static uint64_t base;

static uint32_t random_below(uint32_t n)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static struct domain d;
static const struct ranges *const s = &d.capabilities.of[CAPABILITY_IOMEM];

static bool has(uint64_t first, uint64_t last) { return capability_has(&d, CAPABILITY_IOMEM, first, last); }
static int grant(uint64_t first, uint64_t last) { return capability_grant(&d, CAPABILITY_IOMEM, first, last); }
static int revoke(uint64_t first, uint64_t last) { return capability_revoke(&d, CAPABILITY_IOMEM, first, last); }

static void assert_agrees(void)
{
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(has(base + i, base + i), model[i]);
    for (unsigned i = 0; i < s->count; i++) {
        assert_true(s->at[i].first <= s->at[i].last);
        if (i)   /* sorted, and a gap between */
            assert_true(s->at[i - 1].last + 1 < s->at[i].first);
    }
    assert_true(s->count <= s->capacity);
}

static bool model_all(unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        if (!model[i])
            return false;
    return true;
}

static void random_changes(uint64_t at, bool with_failures)
{
    base = at;
    memset(model, 0, sizeof(model));
    for (unsigned n = 0; n < 20000; n++) {
        unsigned first = random_below(N), last = min_u64(N - 1, first + random_below(random_below(8) ? 4 : 60));
        bool add = random_below(2);
        int err;

        assert_int_equal(has(base + first, base + last), model_all(first, last));
        fail = with_failures && random_below(2);
        err = add ? grant(base + first, base + last) : revoke(base + first, base + last);
        fail = false;
        if (!err)
            memset(model + first, add, last - first + 1);
        else
            assert_true(with_failures && err == -ENOMEM);   /* and nothing has changed */
        if (n % 16 == 0)
            assert_agrees();
    }
    assert_agrees();
    capabilities_free(&d);
    assert_int_equal(s->count, 0);
    assert_int_equal(bytes, 0);
}

static void random_changes_agree_with_the_model(void **state)
{
    (void)state;
    random_changes(0, false);
    random_changes(1000, false);
    random_changes(UINT64_MAX - N + 1, false);
}

static void no_memory_changes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        random_changes(UINT64_MAX - N + 1, true);
}

static void the_whole_range_can_be_had(void **state)
{
    (void)state;
    assert_int_equal(grant(0, UINT64_MAX), 0);
    assert_int_equal(grant(5, 9), 0);
    assert_int_equal(s->count, 1);
    assert_true(has(0, UINT64_MAX));
    assert_int_equal(revoke(0, 0), 0);
    assert_int_equal(revoke(UINT64_MAX, UINT64_MAX), 0);
    assert_true(has(1, UINT64_MAX - 1));
    assert_false(capabilities_are_none(&d));
    assert_int_equal(revoke(0, UINT64_MAX), 0);
    assert_int_equal(s->count, 0);
    assert_true(capabilities_are_none(&d));
    capabilities_free(&d);
}

static void a_range_that_ends_before_it_begins_is_refused(void **state)
{
    (void)state;
    assert_int_equal(grant(5, 4), -EINVAL);
    assert_int_equal(revoke(5, 4), -EINVAL);
    assert_int_equal(grant(0, 9), 0);
    assert_false(has(5, 4));
    capabilities_free(&d);
}

static jmp_buf waits;
static bool waited;

static void end_wait(void) { longjmp(waits, 1); }

/* Another CPU, which has to wait. */
static void map_device(void)
{
    meanwhile = NULL;
    host_relax = end_wait;
    if (setjmp(waits))
        waited = true;
    else
        assert_true(has(10, 10));
    host_relax = NULL;
}

/* The address sanitizer sees a look into a list that has grown away. */
static void a_guest_may_map_while_the_toolstack_grants(void **state)
{
    (void)state;
    waited = false;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(grant(i * 10, i * 10 + 4), 0);
    meanwhile = map_device;
    for (unsigned i = 8; i < 40; i++)
        assert_int_equal(grant(i * 10, i * 10 + 4), 0);
    assert_true(waited);
    capabilities_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_the_model),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(the_whole_range_can_be_had),
        cmocka_unit_test(a_guest_may_map_while_the_toolstack_grants),
        cmocka_unit_test(a_range_that_ends_before_it_begins_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
