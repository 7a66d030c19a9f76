// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/base/stack_guard.c */
/*
 * Spinlocks: one at a time, nobody forgotten, nobody lets newcomers in before those that wait; and the value of the
 * stack protector.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "arch/lock.h"
#include "base/panic.h"
#include "base/time.h"

#define THREADS 8
#define TIMES   20000

static struct spinlock lock = SPINLOCK_INIT;
static unsigned long counter, entered;
static uint64_t now;

uint64_t counter_now(void) { return now; }

static void assert_quiet(void)
{
    assert_int_equal(lock.word, 0);
    assert_int_equal(lock.next - lock.owner, 0);
}

static void *count(void *data)
{
    (void)data;
    for (unsigned i = 0; i < TIMES; i++) {
        spin_lock(&lock);
        counter++;
        spin_unlock(&lock);
    }
    return NULL;
}

static void one_at_a_time_and_all_come_through(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    /* Tickets wrap on the way. */
    lock.next = lock.owner = UINT8_MAX - 5;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter, THREADS * TIMES);
    assert_int_equal(lock.word, 0);
}

static void *enter_once(void *data)
{
    (void)data;
    spin_lock(&lock);
    __atomic_fetch_add(&entered, 1, __ATOMIC_SEQ_CST);
    spin_unlock(&lock);
    return NULL;
}

/* The one that lets go does not get it again before those that have waited meanwhile. */
static void who_waits_comes_before_newcomers(void **state)
{
    pthread_t waiters[3];

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        entered = 0;
        spin_lock(&lock);
        for (unsigned i = 0; i < ARRAY_SIZE(waiters); i++)
            assert_int_equal(pthread_create(&waiters[i], NULL, enter_once, NULL), 0);
        while (__atomic_load_n(&lock.word, __ATOMIC_ACQUIRE) != SPIN_HELD + ARRAY_SIZE(waiters) * SPIN_WAITER)
            usleep(10);
        spin_unlock(&lock);
        while (!spin_trylock(&lock))
            ;
        assert_int_equal(__atomic_load_n(&entered, __ATOMIC_SEQ_CST), ARRAY_SIZE(waiters));
        spin_unlock(&lock);
        for (unsigned i = 0; i < ARRAY_SIZE(waiters); i++)
            pthread_join(waiters[i], NULL);
    }
}

/* A waiter that has its turn does not run: the next take the lock all the same, and the order goes on behind them. */
static void a_turn_that_nobody_takes_is_passed_over(void **state)
{
    (void)state;
    lock = (struct spinlock){ .next = 7, .owner = 5 };   /* 5 and 6 are away */
    lock.word = 2 * SPIN_WAITER;
    spin_lock(&lock);
    assert_int_equal(lock.owner, 8);
    assert_int_equal(lock.word, SPIN_HELD + 2 * SPIN_WAITER);
    spin_unlock(&lock);
    lock.word = 0;   /* they have come meanwhile */
    spin_lock(&lock);
    spin_unlock(&lock);
    assert_quiet();
}

static void the_stack_guard_differs_from_start_to_start(void **state)
{
    uint64_t before = __stack_chk_guard;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t other;

        now = i;
        stack_guard_init(i % 2 ? 0x1234567890abcdef : 0);
        other = __stack_chk_guard;
        stack_guard_init(1);
        if (other == before || other == __stack_chk_guard || other & 0xff)
            fail();
        before = other;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_and_all_come_through),
        cmocka_unit_test(who_waits_comes_before_newcomers),
        cmocka_unit_test(a_turn_that_nobody_takes_is_passed_over),
        cmocka_unit_test(the_stack_guard_differs_from_start_to_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
