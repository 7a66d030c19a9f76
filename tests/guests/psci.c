// SPDX-License-Identifier: Apache-2.0
/*
 * PSCI 1.1 (Arm DEN0022D) and SMCCC (DEN0028) as the hypervisor emulates them, by both conduits, and the life of a
 * vCPU: off, on, off, on again.
 */
#include "dormouse/arch/arm64/psci.h"
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/string.h"
#include "tests/guests/tap.h"

enum { ON = 0, OFF = 1, TOS_NOT_PRESENT = 2 };
#define NO_SUSPEND "has no SYSTEM_SUSPEND"

enum { NO_SUCH_VCPU = 0x77, NO_SUCH_AFFINITY = 0x10000 };

static volatile unsigned started, released;
static volatile uint64_t started_mpidr, started_el, started_daif;

static void worker(void *arg)
{
    (void)arg;
    started_mpidr = sysreg_read(mpidr_el1);
    started_el = sysreg_read(currentel);
    started_daif = sysreg_read(daif);
    started++;
    while (!released)
        ;
}

static long affinity(unsigned vcpu) { return psci_call(PSCI_AFFINITY_INFO_64, vcpu, 0, 0); }

static void discovery(void)
{
    static const struct { uint32_t fn; const char *name; } mandatory[] = {
        { PSCI_VERSION, "features_version" }, { PSCI_CPU_SUSPEND_64, "features_cpu_suspend64" },
        { PSCI_CPU_SUSPEND_32, "features_cpu_suspend32" },
        { PSCI_CPU_OFF, "features_cpu_off" }, { PSCI_CPU_ON_64, "features_cpu_on64" },
        { PSCI_CPU_ON_32, "features_cpu_on32" }, { PSCI_AFFINITY_INFO_64, "features_affinity_info64" },
        { PSCI_AFFINITY_INFO_32, "features_affinity_info32" },
        { PSCI_SYSTEM_OFF, "features_system_off" }, { PSCI_SYSTEM_RESET, "features_system_reset" },
        { PSCI_FEATURES, "features_features" }, { SMCCC_VERSION, "features_smccc_version" },
    };
    long version = psci_call(PSCI_VERSION, 0, 0, 0);

    expect_true("version_is_1_1_or_later_1", version >= 0x10001 && version < 0x20000);
    for (unsigned i = 0; i < ARRAY_SIZE(mandatory); i++)
        expect_equal(mandatory[i].name, psci_call(PSCI_FEATURES, mandatory[i].fn, 0, 0), PSCI_SUCCESS);
    expect_equal("features_of_an_unknown_function", (int32_t)psci_call(PSCI_FEATURES, 0x840000ff, 0, 0),
                 PSCI_NOT_SUPPORTED);
    expect_equal("unknown_function", (int32_t)psci_call(0x840000ff, 0, 0, 0), PSCI_NOT_SUPPORTED);
    expect_equal("unknown_owner", (int32_t)psci_call(0x99990000, 0, 0, 0), PSCI_NOT_SUPPORTED);
    expect_equal("migrate_info_type", psci_call(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), TOS_NOT_PRESENT);
    expect_equal("migrate", (int32_t)psci_call(PSCI_MIGRATE_32, 0, 0, 0), PSCI_NOT_SUPPORTED);
    expect_true("smccc_version_is_1_1_or_later", psci_call(SMCCC_VERSION, 0, 0, 0) >= 0x10001);
    expect_or_xen("arch_features_of_version", psci_call(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0), 0, -1,
                  "unknown to it");
    expect_or_xen("arch_features_of_itself", psci_call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0), 0, -1,
                  "unknown to it");
    expect_equal("arch_features_of_an_unknown_function", (int32_t)psci_call(SMCCC_ARCH_FEATURES, 0x80001234, 0, 0), -1);

    expect_equal("version_by_smc", smc_call(PSCI_VERSION, 0, 0, 0), version);
    expect_equal("unknown_function_by_smc", (int32_t)smc_call(0x840000ff, 0, 0, 0), PSCI_NOT_SUPPORTED);
}

/* SMCCC: a call changes x0 to x3 and nothing else (SMCCC 1.1). */
static void registers_kept(void)
{
    uint64_t sum;

    __asm__ volatile(
        "mov x4, #4\n\tmov x5, #5\n\tmov x6, #6\n\tmov x7, #7\n\tmov x8, #8\n\tmov x9, #9\n\t"
        "mov x16, #16\n\tmov x17, #17\n\t"
        "mov x0, #0x84000000\n\thvc #0\n\t"
        "add x4, x4, x5\n\tadd x6, x6, x7\n\tadd x8, x8, x9\n\tadd x16, x16, x17\n\t"
        "add x4, x4, x6\n\tadd x8, x8, x16\n\tadd %0, x4, x8"
        : "=r"(sum) : : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x16", "x17", "memory");
    expect_equal("a_call_keeps_x4_and_up", sum, 4 + 5 + 6 + 7 + 8 + 9 + 16 + 17);
}

static void cpu_errors(void)
{
    expect_equal("cpu_on_of_nobody", psci_call(PSCI_CPU_ON_64, NO_SUCH_VCPU, platform.ram_base, 0),
                 PSCI_INVALID_PARAMETERS);
    expect_or_xen("cpu_on_of_another_cluster", psci_call(PSCI_CPU_ON_64, NO_SUCH_AFFINITY, platform.ram_base, 0),
                  PSCI_INVALID_PARAMETERS, PSCI_ALREADY_ON, "looks at the lowest affinity level alone");
    expect_equal("cpu_on_of_oneself", psci_call(PSCI_CPU_ON_64, 0, platform.ram_base, 0), PSCI_ALREADY_ON);
    expect_equal("affinity_of_oneself", affinity(0), ON);
    expect_or_xen("affinity_of_nobody", affinity(NO_SUCH_VCPU), PSCI_INVALID_PARAMETERS, OFF, "says off");
    expect_equal("affinity_at_a_level_beyond_the_last", psci_call(PSCI_AFFINITY_INFO_64, 0, 4, 0),
                 PSCI_INVALID_PARAMETERS);
}

static bool start_and_check(unsigned vcpu)
{
    started = 0;
    released = 0;
    return !cpu_start(vcpu, worker, NULL) && wait_until(started, 5000);
}

static void life(void)
{
    if (platform.cpus < 2) {
        skip("life", "one vCPU");
        return;
    }
    expect_equal("a_vcpu_begins_off", affinity(1), OFF);
    expect_true("it_starts", start_and_check(1));
    expect_equal("it_is_itself", started_mpidr & 0xff00ffffff, 1);
    expect_equal("it_starts_at_el1", started_el >> 2, 1);
    expect_or_xen("it_starts_with_all_masked", started_daif >> 6 & 0xf, 0xf, 7, "PSTATE.D is clear");
    expect_equal("running_it_reads_on", affinity(1), ON);
    expect_or_xen("system_suspend_beside_another_vcpu", psci_call(PSCI_SYSTEM_SUSPEND_64, platform.ram_base, 0, 0),
                  PSCI_DENIED, PSCI_NOT_SUPPORTED, NO_SUSPEND);
    expect_equal("on_again_is_refused", psci_call(PSCI_CPU_ON_64, 1, platform.ram_base, 0), PSCI_ALREADY_ON);
    released = 1;
    expect_true("it_goes_off", wait_until(affinity(1) == OFF, 5000));
    expect_true("it_starts_again", start_and_check(1));
    released = 1;
    expect_true("and_goes_off_again", wait_until(affinity(1) == OFF, 5000));
    unsigned n = 0;
    for (unsigned i = 0; i < 50; i++) {
        n += start_and_check(1 + i % (platform.cpus - 1));
        released = 1;
        (void)wait_until(affinity(1 + i % (platform.cpus - 1)) == OFF, 5000);
    }
    expect_equal("fifty_times", n, 50);
}

enum { CALLERS = 3, TARGET = 3, STARTS_MS = 1500 };
static volatile unsigned runs;

/* Counts that it ran, and goes off with an interrupt for it pending. */
static void run_once(void *arg)
{
    (void)arg;
    gic_send_sgi(1, TARGET);
    __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST);
}

static volatile uint64_t succeeded[CALLERS], odd[CALLERS];
static volatile unsigned callers_done;

static void starter(void *arg)
{
    uint64_t end = timer_now() + STARTS_MS * timer_frequency() / 1000;
    unsigned self = (unsigned)(uintptr_t)arg;

    while (timer_now() < end) {
        int32_t r = (int32_t)cpu_start_again(TARGET);

        succeeded[self] += r == PSCI_SUCCESS;
        odd[self] += r != PSCI_SUCCESS && r != PSCI_ALREADY_ON && r != PSCI_ON_PENDING;
    }
    __atomic_fetch_add(&callers_done, 1, __ATOMIC_SEQ_CST);
}

/* A vCPU may be leaving its CPU while several others want it back: each success is one run, from the start. */
static void many_callers(void)
{
    if (platform.cpus <= TARGET || tap_on_stock_xen()) {
        skip("many_callers", "needs four vCPUs, and Torpor");
        return;
    }
    succeeded[0] = !cpu_start(TARGET, run_once, NULL);
    for (unsigned i = 1; i < CALLERS; i++)
        (void)cpu_start(i, starter, (void *)(uintptr_t)i);
    starter(0);
    expect_true("all_callers_come_to_their_end", wait_until(callers_done == CALLERS, 10000));
    expect_true("the_vcpu_that_they_started_is_off", wait_until(affinity(TARGET) == OFF, 5000));
    (void)wait_until(affinity(1) == OFF && affinity(2) == OFF, 5000);
    expect_equal("each_start_of_several_callers_is_one_run", runs, succeeded[0] + succeeded[1] + succeeded[2]);
    expect_true("it_was_started_often", runs > CALLERS);
    expect_equal("callers_are_told_that_it_is_on_or_coming", odd[0] + odd[1] + odd[2], 0);
}

static volatile unsigned ticks;

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
    ticks++;
}

/* Its refusals; that it works is for kernels to show. An entry has to be RAM, and an instruction's address. */
static void system_suspend_errors(void)
{
    static const struct { uint32_t fn; const char *features, *odd, *nowhere; } calls[] = {
        { PSCI_SYSTEM_SUSPEND_64, "features_system_suspend64", "system_suspend64_to_an_odd_address",
          "system_suspend64_to_no_memory" },
        { PSCI_SYSTEM_SUSPEND_32, "features_system_suspend32", "system_suspend32_to_an_odd_address",
          "system_suspend32_to_no_memory" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        expect_or_xen(calls[i].features, psci_call(PSCI_FEATURES, calls[i].fn, 0, 0), PSCI_SUCCESS, PSCI_NOT_SUPPORTED,
                      NO_SUSPEND);
        expect_or_xen(calls[i].odd, psci_call(calls[i].fn, platform.ram_base + 2, 0, 0), PSCI_INVALID_ADDRESS,
                      PSCI_NOT_SUPPORTED, NO_SUSPEND);
        expect_or_xen(calls[i].nowhere, psci_call(calls[i].fn, 0x1000, 0, 0), PSCI_INVALID_ADDRESS, PSCI_NOT_SUPPORTED,
                      NO_SUSPEND);
    }
}

/* A standby state needs no entry point: the call returns when an interrupt is pending. */
static void suspend(void)
{
    irq_register(platform.timer_virtual, tick);
    gic_enable(platform.timer_virtual);
    irq_disable();
    uint64_t at = timer_now() + timer_frequency() / 100;
    timer_virtual_set(at);
    long r = 0;
    while (timer_now() < at && !r)
        r = psci_call(PSCI_CPU_SUSPEND_64, 0, 0, 0);
    expect_equal("cpu_suspend_returns_success", r, PSCI_SUCCESS);
    irq_enable();
    expect_true("and_the_interrupt_that_ended_it_is_taken", wait_until(ticks == 1, 1000));
}

void guest_main(void)
{
    tap_begin("psci");
    expect_true("device_tree_names_a_conduit", platform.psci_method && !strcmp(platform.psci_method, "hvc"));
    discovery();
    registers_kept();
    cpu_errors();
    life();
    many_callers();
    suspend();
    system_suspend_errors();
    tap_end();
}
