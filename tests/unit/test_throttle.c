// SPDX-License-Identifier: Apache-2.0
/* sources: tools/helper/throttle.c tools/helper/detach.c tools/helper/transfer.c tests/unit/victim.c */
/* A domain that is slowed down gets back its cap, however the one ends that slowed it down. */
#include "tools/helper/throttle.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <xenctrl.h>

#include "tests/unit/victim.h"

#define DOMAIN 7
#define HAD    150

/* The hypervisor, which all processes see. */
static struct world {
    uint16_t weight, cap;
    uint8_t handle;
    bool gone, broken;
    unsigned sets;
} *world;

struct xc_interface_core { int unused; };

xc_interface *xc_interface_open(void *logger, void *dombuild_logger, unsigned open_flags)
{
    static struct xc_interface_core xc;

    (void)logger, (void)dombuild_logger, (void)open_flags;
    return &xc;
}

int xc_interface_close(xc_interface *xc) { (void)xc; return 0; }

int xc_domain_getinfo(xc_interface *xc, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t *info)
{
    (void)xc, (void)max_doms;
    *info = (xc_dominfo_t){ .domid = world->gone ? first_domid + 1 : first_domid, .handle = { world->handle } };
    return 1;
}

int xc_sched_credit2_domain_get(xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit2 *sched)
{
    (void)xc, (void)domid;
    *sched = (struct xen_domctl_sched_credit2){ world->weight, world->cap };
    return 0;
}

int xc_sched_credit2_domain_set(xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit2 *sched)
{
    (void)xc, (void)domid;
    errno = EIO;
    if (world->broken)
        return -1;
    world->weight = sched->weight;
    world->cap = sched->cap;
    world->sets++;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    world = shared_new(sizeof(*world));
    *world = (struct world){ .weight = 256, .cap = HAD, .handle = 1 };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(world, sizeof(*world));
}

static bool throttle(const void *cap) { return throttle_set(NULL, DOMAIN, *(const uint16_t *)cap) == 0; }

/* The guardian is not our child: its last deed is awaited. */
static void await_cap(uint16_t cap)
{
    for (unsigned i = 0; i < 10000 && __atomic_load_n(&world->cap, __ATOMIC_SEQ_CST) != cap; i++)
        usleep(1000);
    assert_int_equal(world->cap, cap);
}

static void what_it_may_use_is_its_cap_or_its_vcpus(void **state)
{
    unsigned cap;

    (void)state;
    assert_int_equal(throttle_full(NULL, DOMAIN, 4, &cap), 0);
    assert_int_equal(cap, HAD);
    assert_int_equal(throttle_full(NULL, DOMAIN, 1, &cap), 0);
    assert_int_equal(cap, 100);
    world->cap = 0;
    assert_int_equal(throttle_full(NULL, DOMAIN, 4, &cap), 0);
    assert_int_equal(cap, 400);
}

static void it_gets_back_its_cap_and_keeps_its_weight(void **state)
{
    (void)state;
    assert_int_equal(throttle_end(), 0);   /* nothing was begun */
    assert_int_equal(throttle_set(NULL, DOMAIN, 75), 0);
    assert_int_equal(world->cap, 75);
    assert_int_equal(throttle_set(NULL, DOMAIN, 37), 0);
    assert_int_equal(world->cap, 37);
    world->weight = 99;                    /* somebody's */
    assert_int_equal(throttle_end(), 0);
    assert_int_equal(world->cap, HAD);
    assert_int_equal(world->weight, 99);
    assert_int_equal(throttle_end(), 0);
    assert_int_equal(world->sets, 3);
}

static void it_gets_it_back_from_one_who_was_killed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        pid_t pid = victim_start(throttle, &(uint16_t){ 75 });

        assert_int_equal(world->cap, 75);
        /* a terminal's signal, which reaches the whole group, is not the guardian's end */
        victim_end(i ? -pid : pid, i ? SIGTERM : SIGKILL);
        await_cap(HAD);
    }
}

static void what_somebody_else_has_set_is_left(void **state)
{
    (void)state;
    assert_int_equal(throttle_set(NULL, DOMAIN, 75), 0);
    world->cap = 42;
    assert_int_equal(throttle_end(), 0);
    assert_int_equal(world->cap, 42);
}

static void a_domain_that_took_its_number_is_left(void **state)
{
    (void)state;
    assert_int_equal(throttle_set(NULL, DOMAIN, 75), 0);
    world->handle = 2;
    assert_int_equal(throttle_end(), 0);
    assert_int_equal(world->cap, 75);
    world->handle = 1;
    assert_int_equal(throttle_set(NULL, DOMAIN, 50), 0);
    world->gone = true;
    assert_int_equal(throttle_end(), 0);
    assert_int_equal(world->cap, 50);
    assert_int_equal(throttle_set(NULL, DOMAIN, 50), -ESRCH);
}

static void what_does_not_work_is_told(void **state)
{
    (void)state;
    world->broken = true;
    assert_int_equal(throttle_set(NULL, DOMAIN, 75), -EIO);
    assert_int_equal(world->cap, HAD);
    world->broken = false;
    assert_int_equal(throttle_set(NULL, DOMAIN, 75), 0);
    world->broken = true;
    assert_int_equal(throttle_end(), -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_it_may_use_is_its_cap_or_its_vcpus),
        TEST(it_gets_back_its_cap_and_keeps_its_weight),
        TEST(it_gets_it_back_from_one_who_was_killed),
        TEST(what_somebody_else_has_set_is_left),
        TEST(a_domain_that_took_its_number_is_left),
        TEST(what_does_not_work_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
