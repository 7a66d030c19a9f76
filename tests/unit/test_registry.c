// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/registry.c */
/*
 * Which domains there are: numbers are given out in turn and come back, and a walk sees each once, in order, whoever
 * comes and goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/domain.h"

static unsigned freed;

void *heap_alloc_array(size_t n, size_t size) { return calloc(n, size); }

void domain_free(struct domain *d)
{
    registry_remove(d);
    free(d);
    freed++;
}

static struct domain *new(domid_t wanted)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->refs = 1;
    assert_int_equal(registry_take_id(d, wanted), 0);
    return d;
}

static struct domain *listed(domid_t wanted)
{
    struct domain *d = new(wanted);

    registry_enlist(d);
    return d;
}

static void numbers_are_given_in_turn_and_taken_once(void **state)
{
    struct domain *a = listed(DOMID_ANY), *b = listed(DOMID_ANY), *c = listed(100), other = { 0 };

    (void)state;
    assert_int_equal(b->id, a->id + 1);
    assert_int_equal(registry_take_id(&other, a->id), -EEXIST);
    assert_int_equal(registry_take_id(&other, DOMID_FIRST_RESERVED_), -EINVAL);
    domain_put(a);
    a = listed(DOMID_ANY);   /* not the number that has just come back: a toolstack may still mean the one before */
    assert_int_equal(a->id, b->id + 1);
    domain_put(a);
    domain_put(b);
    domain_put(c);
}

static void when_all_numbers_were_used_the_free_ones_come_again_and_never_0(void **state)
{
    struct domain *last = listed(DOMID_FIRST_RESERVED_ - 1), *d;
    unsigned seen_one = 0;

    (void)state;
    for (unsigned i = 0; i < DOMID_FIRST_RESERVED_; i++) {
        d = new(DOMID_ANY);
        assert_true(d->id != 0 && d != last && d->id != last->id);
        seen_one += d->id == 1;
        domain_put(d);
    }
    assert_true(seen_one >= 1);
    domain_put(last);
}

static void who_is_not_whole_yet_is_not_found(void **state)
{
    struct domain *d = new(7);

    (void)state;
    assert_null(domain_get(7));
    assert_null(domain_get_from(0));
    assert_ptr_equal(domain_of_id(7), d);
    registry_enlist(d);
    assert_ptr_equal(domain_get(7), d);
    domain_put(d);
    domain_put(d);
    assert_null(domain_of_id(7));
    assert_null(domain_get(7));
}

static void a_walk_sees_each_once_in_order(void **state)
{
    static const domid_t ids[] = { 0, 3, 4, 511, 512, 700, 20000, DOMID_FIRST_RESERVED_ - 1 };
    struct domain *all[ARRAY_SIZE(ids)];
    unsigned n = 0;

    (void)state;
    for (unsigned i = ARRAY_SIZE(ids); i-- > 0;)
        all[i] = listed(ids[i]);
    domain_for_each(d) {
        assert_ptr_equal(d, all[n]);
        assert_int_equal(d->refs, 2);
        n++;
    }
    assert_int_equal(n, ARRAY_SIZE(ids));
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        assert_int_equal(all[i]->refs, 1);
        domain_put(all[i]);
    }
    assert_null(domain_get_from(0));
}

static void the_one_at_hand_may_end_in_the_middle_of_a_walk(void **state)
{
    unsigned n = 0;

    (void)state;
    freed = 0;
    for (domid_t i = 1; i <= 5; i++)
        (void)listed(i);
    domain_for_each(d) {
        struct domain *next = domain_get((domid_t)(d->id + 1));

        domain_put(d);   /* its life's */
        if (next && next->id == 3)
            domain_put(next);   /* and that of one that is not reached yet */
        if (next)
            domain_put(next);
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(freed, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_given_in_turn_and_taken_once),
        cmocka_unit_test(when_all_numbers_were_used_the_free_ones_come_again_and_never_0),
        cmocka_unit_test(who_is_not_whole_yet_is_not_found),
        cmocka_unit_test(a_walk_sees_each_once_in_order),
        cmocka_unit_test(the_one_at_hand_may_end_in_the_middle_of_a_walk),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
