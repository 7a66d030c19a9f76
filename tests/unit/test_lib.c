// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/fakes.c */
/* lib/: lists and bitmaps against a plain model, and the freestanding printing against the C library's. */
#include "fakes.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/bitmap.h"
#include "lib/list.h"

/* The functions under test have the C library's names: here they get others. */
#define vsnprintf our_vsnprintf
#define snprintf  our_snprintf
int our_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int our_snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
#include "lib/print.c"
#undef vsnprintf
#undef snprintf

struct item {
    int value;
    struct list node;
};

static void assert_order(struct list *head, const int *values, unsigned n)
{
    unsigned i = 0;

    list_for_each(item, head, struct item, node)
        assert_int_equal(item->value, values[i++]);
    assert_int_equal(i, n);
    for (struct list *l = head->prev; l != head; l = l->prev)
        assert_int_equal(list_entry(l, struct item, node)->value, values[--i]);
    assert_int_equal(i, 0);
}

static void a_list_keeps_the_order_of_its_operations(void **state)
{
    struct list head = LIST_INIT(head);
    struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 }, d = { .value = 4 };

    (void)state;
    assert_true(list_empty(&head));
    list_push_back(&head, &b.node);
    list_push_front(&head, &a.node);
    list_push_back(&head, &d.node);
    list_insert_before(&d.node, &c.node);
    assert_order(&head, (int[]){ 1, 2, 3, 4 }, 4);
    list_remove(&b.node);
    list_remove(&b.node);   /* a second time is harmless */
    assert_order(&head, (int[]){ 1, 3, 4 }, 3);
    assert_ptr_equal(list_first(&head, struct item, node), &a);
    list_for_each_safe(item, &head, struct item, node)
        list_remove(&item->node);
    assert_true(list_empty(&head));
}

static void a_bitmap_does_what_an_array_of_bools_does(void **state)
{
    enum { BITS = 150 };
    uint64_t map[BITMAP_WORDS(BITS)] = { 0 };
    bool model[BITS] = { false };

    (void)state;
    assert_int_equal(BITMAP_WORDS(64), 1);
    assert_int_equal(BITMAP_WORDS(65), 2);
    for (unsigned step = 0; step < 5000; step++) {
        unsigned n = fake_random_below(BITS), from = fake_random_below(BITS + 1);
        bool value = fake_random_below(2);
        unsigned first = from;

        switch (fake_random_below(4)) {
        case 0: bitmap_set(map, n); model[n] = true; break;
        case 1: bitmap_clear(map, n); model[n] = false; break;
        case 2: assert_int_equal(bitmap_set_atomic(map, n), model[n]); model[n] = true; break;
        default: assert_int_equal(bitmap_clear_atomic(map, n), model[n]); model[n] = false; break;
        }
        assert_int_equal(bitmap_test(map, n), model[n]);
        while (first < BITS && model[first] != value)
            first++;
        assert_int_equal(bitmap_find(map, BITS, from, value), first);
    }
}

static void assert_prints_alike(const char *fmt, ...)
{
    char ours[200], theirs[200];
    va_list ap, again;
    int n, expected;

    va_start(ap, fmt);
    va_copy(again, ap);
    memset(ours, '#', sizeof(ours));
    n = our_vsnprintf(ours, sizeof(ours), fmt, ap);
    expected = vsnprintf(theirs, sizeof(theirs), fmt, again);
    va_end(ap);
    va_end(again);
    assert_string_equal(ours, theirs);
    assert_int_equal(n, expected);
}

static void printing_agrees_with_the_c_library(void **state)
{
    static const long long numbers[] = { 0,    1,       -1,      9,         10,        255,
                                         4096, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN, 0x123456789abcdef };

    (void)state;
    assert_prints_alike("plain");
    assert_prints_alike("%%");
    assert_prints_alike("%s|%10s|%-10s|%.2s|%10.3s|%-8.1s|", "text", "right", "left", "cut", "both", "xy");
    assert_prints_alike("%c%c%5c|%-5c|", 'a', '%', 'b', 'c');
    assert_prints_alike("%p", (void *)0x1234abcd);
    assert_prints_alike("%.*s|%*d|%-*d|", 3, "abcdef", 6, 42, 6, 42);
    assert_prints_alike("%zu %zd %zx", (size_t)7, (size_t)8, SIZE_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        long long v = numbers[i];

        assert_prints_alike("%d|%i|%u|%x|%X", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v);
        assert_prints_alike("%8d|%-8d|%08d|%3d", (int)v, (int)v, (int)v, (int)v);
        assert_prints_alike("%lld|%llu|%llx|%llX", v, (unsigned long long)v, (unsigned long long)v,
                            (unsigned long long)v);
        assert_prints_alike("%ld|%lu|%lx", (long)v, (unsigned long)v, (unsigned long)v);
        assert_prints_alike("%20lld|%-20lld|%020lld|%016llx", v, v, v, (unsigned long long)v);
        assert_prints_alike("%.5d|%8.5d|%-8.5u|%.12x", (int)v, (int)v, (unsigned)v, (unsigned)v);
    }
}

static void printing_never_leaves_the_buffer(void **state)
{
    char buf[16];

    (void)state;
    for (size_t size = 0; size <= sizeof(buf); size++) {
        memset(buf, '#', sizeof(buf));
        assert_int_equal(our_snprintf(buf, size, "%s %d", "twelve bytes", 123456), 19);
        for (size_t i = size; i < sizeof(buf); i++)
            assert_int_equal(buf[i], '#');
        if (size > 0)
            assert_int_equal(strlen(buf), size - 1);
    }
    assert_int_equal(our_snprintf(NULL, 0, "%100d", 1), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_the_order_of_its_operations),
        cmocka_unit_test(a_bitmap_does_what_an_array_of_bools_does),
        cmocka_unit_test(printing_agrees_with_the_c_library),
        cmocka_unit_test(printing_never_leaves_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
