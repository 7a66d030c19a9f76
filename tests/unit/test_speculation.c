// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/cpu/speculation.c */
/* Which vectors a CPU gets, what is switched on, and what guests are told, by CPU and firmware (Arm DEN0070). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/psci.h"
#include "arch/sysreg.h"
#include "base/cpu.h"
#include "base/printk.h"
#include "cpu/cpu.h"
#include "cpu/speculation.h"
#include "dev/psci.h"
#include "lib/errno.h"
#include "mm/vmid.h"

#define A57 0x411fd070
#define A53 0x410fd034
#define N1  0x413fd0c1

char vectors[1], vectors_hardened[1], vectors_ras[1], vectors_ras_hardened[1];   /* cpu/cpu.h has them without a size */
struct cpu cpus[MAX_CPUS];
static uint64_t midr, pfr0, pfr1, mmfr1, vbar;
static int32_t answers[3];    /* of the firmware, to _1, _2, _3 */
static unsigned switched_on, asked, lines;
static bool shares;           /* what the last CPU said of VMIDs */
static int refused;           /* its answer */

uint64_t host_read_sysreg(const char *name)
{
    if (!strcmp(name, "midr_el1"))
        return midr;
    return !strcmp(name, "id_aa64pfr0_el1") ? pfr0 : !strcmp(name, "id_aa64pfr1_el1") ? pfr1 : mmfr1;
}

void host_write_sysreg(uint64_t value, const char *name)
{
    assert_string_equal(name, "vbar_el2");
    vbar = value;
}

int32_t psci_arch_features(uint32_t function)
{
    asked++;
    return answers[function == SMCCC_ARCH_WORKAROUND_1 ? 0 : function == SMCCC_ARCH_WORKAROUND_2 ? 1 : 2];
}

void psci_arch_workaround_2(void) { switched_on++; }

int vmid_cpu_on(bool may_share)
{
    shares = may_share;
    return refused;
}

void printk(const char *fmt, ...)
{
    (void)fmt;
    lines++;
}

/* From now on another CPU is this one. */
static void cpu_is(uint64_t name, int32_t one, int32_t two, int32_t three)
{
    static unsigned count;

    assert_true(count < MAX_CPUS);
    host_cpu = count++;
    this_cpu()->id = host_cpu;
    midr = name;
    answers[0] = one;
    answers[1] = two;
    answers[2] = three;
    pfr0 = pfr1 = mmfr1 = 0;
    switched_on = 0;
}

static bool hardened(void) { return vbar == (uint64_t)vectors_hardened; }

/* One after the other, for an answer seen once is remembered. */
static void each_cpu_gets_what_it_needs_and_guests_the_answer_of_the_worst(void **state)
{
    (void)state;
    cpu_is(A53, -1, -1, -1);
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_false(hardened());
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_1), 1);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_3), 1);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_2), -2);

    cpu_is(N1, -1, -1, -1);      /* a later one: CSV2_3, and SSBS */
    pfr0 = UINT64_C(3) << 56;
    pfr1 = 2 << 4;
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_false(hardened());
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_1), 1);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_3), 1);
    speculation_report();
    assert_int_equal(lines, 0);

    cpu_is(A57, -1, -1, -1);     /* with old firmware nothing can be done, and everybody hears of it */
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_false(hardened());
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_1), PSCI_NOT_SUPPORTED);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_2), PSCI_NOT_SUPPORTED);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_3), PSCI_NOT_SUPPORTED);
    speculation_report();
    assert_int_equal(lines, 1);

    cpu_is(A57, 0, 0, -1);
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_true(hardened());
    assert_int_equal(this_cpu()->workaround, SMCCC_ARCH_WORKAROUND_1);
    assert_int_equal(switched_on, 1);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_1), 0);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_3), PSCI_NOT_SUPPORTED);

    cpu_is(A57, 0, 1, 0);
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_int_equal(this_cpu()->workaround, SMCCC_ARCH_WORKAROUND_3);
    assert_int_equal(switched_on, 0);
    assert_int_equal(speculation_features(SMCCC_ARCH_WORKAROUND_3), 0);
    assert_int_equal(speculation_features(SMCCC_VERSION), PSCI_NOT_SUPPORTED);
}

static void a_cpu_with_ras_gets_vectors_that_tell_whose_an_error_is(void **state)
{
    (void)state;
    cpu_is(N1, 1, 1, 1);
    this_cpu()->has_ras = true;
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_int_equal(vbar, (uint64_t)vectors_ras);
    cpu_is(N1, 0, 0, 0);
    this_cpu()->has_ras = true;
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_int_equal(vbar, (uint64_t)vectors_ras_hardened);
}

/* A host sleep takes its vectors from it, and what the firmware switched on for it: not what the firmware is. */
static void a_cpu_that_comes_back_asks_the_firmware_nothing(void **state)
{
    (void)state;
    cpu_is(A57, 0, 0, 0);
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_int_equal(switched_on, 1);
    vbar = asked = 0;
    assert_int_equal(speculation_cpu_stage.on(), 0);
    assert_int_equal(asked, 0);
    assert_true(hardened());
    assert_int_equal(switched_on, 2);
}

/* Domains may have a VMID with others unless it is all that keeps their branch predictions apart. */
static void a_cpu_that_tells_guests_apart_by_vmid_alone_forbids_to_share_one(void **state)
{
    static const struct { uint64_t midr, csv2; int32_t one, three; bool shares; } cpus_of[] = {
        { N1,  1, 1,  1,  false },
        { A57, 1, -1, -1, false },
        { A57, 1, -1, 0,  true },    /* the workaround goes with every entry */
        { A57, 0, 0,  -1, true },
        { A57, 0, -1, -1, true },    /* open as it is */
        { A53, 1, -1, -1, true },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus_of); i++) {
        cpu_is(cpus_of[i].midr, cpus_of[i].one, 1, cpus_of[i].three);
        pfr0 = cpus_of[i].csv2 << 56;
        assert_int_equal(speculation_cpu_stage.on(), 0);
        assert_int_equal(shares, cpus_of[i].shares);
    }
    refused = -EXDEV;
    lines = 0;
    assert_int_equal(speculation_cpu_stage.on(), -EXDEV);
    assert_int_equal(lines, 1);
    refused = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cpu_gets_what_it_needs_and_guests_the_answer_of_the_worst),
        cmocka_unit_test(a_cpu_with_ras_gets_vectors_that_tell_whose_an_error_is),
        cmocka_unit_test(a_cpu_that_tells_guests_apart_by_vmid_alone_forbids_to_share_one),
        cmocka_unit_test(a_cpu_that_comes_back_asks_the_firmware_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
