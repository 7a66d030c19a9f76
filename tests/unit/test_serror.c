// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/entry/serror.c */
/* System errors: who is told, and when the host cannot go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/ras.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/panic.h"
#include "entry/serror.h"
#include "vm/domain.h"
#include "vm/vcpu.h"

#define ARCHITECTURAL(aet) ((uint64_t)(aet) << 10 | DFSC_ASYNCHRONOUS)
#define AET_UNRECOVERABLE 1
#define AET_RECOVERABLE   3

struct cpu cpus[MAX_CPUS];
static struct domain domain;
static struct vcpu vcpu = { .domain = &domain };
static uint64_t hcr, disr;
static jmp_buf panicked;

uint64_t host_read_sysreg(const char *name)
{
    assert_string_equal(name, "hcr_el2");
    return hcr;
}

void host_write_sysreg(uint64_t value, const char *name)
{
    if (!strcmp(name, "hcr_el2"))
        hcr = value;
    else
        disr = value;
}

void panic(const char *fmt, ...)
{
    (void)fmt;
    longjmp(panicked, 1);
}

static int with_ras(void **state)
{
    (void)state;
    cpus[0].has_ras = true;
    hcr = HCR_VM;
    return 0;
}

static int without_ras(void **state)
{
    (void)with_ras(state);
    cpus[0].has_ras = false;
    return 0;
}

static bool guest_is_told(uint64_t syndrome)
{
    hcr = HCR_VM;
    serror_of_guest(&vcpu, syndrome);
    assert_int_equal(hcr & ~HCR_VSE, HCR_VM);
    return hcr & HCR_VSE;
}

static void a_guest_is_told_what_cost_it_its_state(void **state)
{
    (void)state;
    assert_true(guest_is_told(ARCHITECTURAL(AET_UNRECOVERABLE)));
    assert_true(guest_is_told(ARCHITECTURAL(AET_RECOVERABLE)));
    assert_true(guest_is_told(SERROR_IDS | 0x123));
    assert_true(guest_is_told(0));   /* uncategorized */
}

static void a_guest_goes_on_after_what_cost_it_nothing(void **state)
{
    (void)state;
    assert_false(guest_is_told(ARCHITECTURAL(AET_CORRECTED)));
    assert_false(guest_is_told(ARCHITECTURAL(AET_RESTARTABLE)));
}

static void the_host_stops_where_an_error_may_be_anywhere(void **state)
{
    (void)state;
    if (setjmp(panicked))
        return;
    serror_of_guest(&vcpu, ARCHITECTURAL(AET_UNCONTAINABLE));
    fail();
}

static void without_ras_a_syndrome_says_nothing_and_the_guest_is_told(void **state)
{
    (void)state;
    assert_true(guest_is_told(ARCHITECTURAL(AET_CORRECTED)));
    assert_true(guest_is_told(ARCHITECTURAL(AET_UNCONTAINABLE)));
}

static void a_deferred_error_is_told_once(void **state)
{
    (void)state;
    disr = ARCHITECTURAL(AET_UNRECOVERABLE);
    serror_deferred(&vcpu, UINT64_C(1) << 31 | ARCHITECTURAL(AET_UNRECOVERABLE));
    assert_int_equal(disr, 0);
    assert_true(hcr & HCR_VSE);
}

static void an_error_of_the_hypervisors_own_is_no_guests(void **state)
{
    (void)state;
    serror_of_el2(UINT64_C(1) << 31 | ARCHITECTURAL(AET_CORRECTED));
    assert_false(hcr & HCR_VSE);
    if (setjmp(panicked))
        return;
    serror_of_el2(UINT64_C(1) << 31 | ARCHITECTURAL(AET_UNRECOVERABLE));
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_guest_is_told_what_cost_it_its_state, with_ras),
        cmocka_unit_test_setup(a_guest_goes_on_after_what_cost_it_nothing, with_ras),
        cmocka_unit_test_setup(the_host_stops_where_an_error_may_be_anywhere, with_ras),
        cmocka_unit_test_setup(without_ras_a_syndrome_says_nothing_and_the_guest_is_told, without_ras),
        cmocka_unit_test_setup(a_deferred_error_is_told_once, with_ras),
        cmocka_unit_test_setup(an_error_of_the_hypervisors_own_is_no_guests, with_ras),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
