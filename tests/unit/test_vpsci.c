// SPDX-License-Identifier: Apache-2.0
/* sources: hypervisor/vm/arm64/vpsci.c hypervisor/vm/arm64/vptp.c hypervisor/vm/vcpu_power.c tests/unit/fakes.c */
/*
 * A guest's CPU_ON and CPU_OFF from several vCPUs at once. The scheduler is played: a vCPU that is on is resident at
 * once, and one that went off stays resident until somebody waits for it; another caller acts in that very moment.
 * Whatever the order, a vCPU is never reset while it is resident, and of several callers one starts it.
 */
#include "fakes.h"

#include <pthread.h>
#include <unistd.h>

#include "arch/psci.h"
#include "base/options.h"
#include "cpu/speculation.h"
#include "vm/arm64/vpsci.h"

#define ENTRY  0x1000
#define ROUNDS 5000

struct options options;
static struct domain *d;
static uint64_t time_of_day;
static unsigned resets;                  /* atomic, as the rest */
static void (*while_waited_for)(struct vcpu *v);

static int64_t psci(struct vcpu *caller, uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    caller->regs.x[0] = function;
    caller->regs.x[1] = a;
    caller->regs.x[2] = b;
    caller->regs.x[3] = c;
    vpsci_call(caller);
    return (int64_t)caller->regs.x[0];
}

static void resident(struct vcpu *v, bool is) { __atomic_store_n(&v->sched.running, is, __ATOMIC_SEQ_CST); }

void sched_wake(struct sched_vcpu *s) { resident(container_of(s, struct vcpu, sched), true); }
void sched_sleep(struct sched_vcpu *s) { (void)s; }

void sched_sleep_sync(struct sched_vcpu *s)
{
    struct vcpu *v = container_of(s, struct vcpu, sched);
    void (*act)(struct vcpu *) = while_waited_for;

    while_waited_for = NULL;
    if (act) {
        resident(v, false);
        act(v);
    }
    if (vcpu_is_on(v))
        return;   /* it runs, or will again: there is nothing to wait for */
    while (__atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST))
        usleep(1);
}

void vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t context_id)
{
    assert_false(__atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST));
    assert_int_equal(entry, ENTRY);
    __atomic_store_n(&v->regs.x[20], context_id, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&resets, 1, __ATOMIC_SEQ_CST);
}

bool p2m_lookup(struct p2m *p2m, gfn_t gfn, struct p2m_entry *e)
{
    (void)p2m;
    e->type = gfn.gfn == ENTRY >> PAGE_SHIFT ? P2M_RAM_RW : P2M_INVALID;
    return e->type != P2M_INVALID;
}

int64_t speculation_features(uint32_t function) { (void)function; return PSCI_NOT_SUPPORTED; }
bool domain_shutdown(struct domain *dying, unsigned reason) { return dying && reason; }
void vcpu_block(struct vcpu *v) { (void)v; }
void vcpu_suspend(struct vcpu *v) { (void)v; }
void vcpu_restart(struct vcpu *v, uint64_t entry, uint64_t context) { (void)v; (void)entry; (void)context; }

static int setup(void **state)
{
    (void)state;
    fake_reset();
    resets = 0;
    while_waited_for = NULL;
    d = fake_domain(1, 4, 0);
    for (unsigned i = 0; i < 4; i++)
        d->vcpus[i]->core.vmpidr = i;
    d->vcpus[0]->power = VCPU_ON;
    resident(d->vcpus[0], true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_release(d);
    fake_domain_free(d);
    fake_assert_nothing_left();
    return 0;
}

static void a_vcpu_goes_on_and_off(void **state)
{
    struct vcpu *v = d->vcpus[1];

    (void)state;
    assert_int_equal(psci(d->vcpus[0], PSCI_AFFINITY_INFO_64, 1, 0, 0), PSCI_AFFINITY_OFF);
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 1, ENTRY, 7), PSCI_SUCCESS);
    assert_int_equal(v->regs.x[20], 7);
    assert_int_equal(psci(d->vcpus[0], PSCI_AFFINITY_INFO_64, 1, 0, 0), PSCI_AFFINITY_ON);
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 1, ENTRY, 8), PSCI_ALREADY_ON);
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 1, ENTRY + 2, 8), PSCI_INVALID_ADDRESS);
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 9, ENTRY, 8), PSCI_INVALID_PARAMETERS);
    psci(v, PSCI_CPU_OFF, 0, 0, 0);
    assert_int_equal(psci(d->vcpus[0], PSCI_AFFINITY_INFO_64, 1, 0, 0), PSCI_AFFINITY_OFF);
    assert_int_equal(resets, 1);
}

uint64_t wallclock_of(const struct domain *of, uint64_t *counter)
{
    assert_ptr_equal(of, d);
    *counter = UINT64_C(0x123456789a);
    return time_of_day;
}

static void expect_answer(struct vcpu *v, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    assert_int_equal(v->regs.x[0], x0);
    assert_int_equal(v->regs.x[1], x1);
    assert_int_equal(v->regs.x[2], x2);
    assert_int_equal(v->regs.x[3], x3);
}

/* As Linux's drivers/firmware/smccc/kvm_guest.c and drivers/ptp/ptp_kvm_common.c ask. */
static void the_time_of_day_is_told_as_kvm_tells_it_where_it_is_offered(void **state)
{
    struct vcpu *v = d->vcpus[0];

    (void)state;
    assert_int_equal(psci(v, 0x8600ff01, 0, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(psci(v, 0x86000001, 0, 0, 0), PSCI_NOT_SUPPORTED);
    options.guest_ptp = true;
    psci(v, 0x8600ff01, 0, 0, 0);
    expect_answer(v, 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d);
    psci(v, 0x86000000, 1, 2, 3);
    expect_answer(v, 3, 0, 0, 0);
    assert_int_equal(psci(v, 0x86000001, 0, 0, 0), PSCI_NOT_SUPPORTED);   /* dom0 has not said yet */
    time_of_day = UINT64_C(0x18e9f1a2b3c4d5e6);
    psci(v, 0x86000001, 0, 0, 0);
    expect_answer(v, 0x18e9f1a2, 0xb3c4d5e6, 0x12, 0x3456789a);
    psci(v, 0x86000001, UINT64_C(1) << 32 | 1, 0, 0);
    expect_answer(v, 0x18e9f1a2, 0xb3c4d5e6, 0x12, 0x3456789a);
    assert_int_equal(psci(v, 0x86000001, 2, 0, 0), PSCI_NOT_SUPPORTED);
    assert_int_equal(psci(v, 0x86000002, 0, 0, 0), PSCI_NOT_SUPPORTED);
    d->privileged = true;
    assert_int_equal(psci(v, 0x8600ff01, 0, 0, 0), PSCI_NOT_SUPPORTED);
    d->privileged = false;
    options.guest_ptp = false;
}

static int64_t second_result;

/* The first caller saw it off and waits; the second starts it, it runs, goes off, and is on its way from its CPU. */
static void second_caller(struct vcpu *v)
{
    second_result = psci(d->vcpus[2], PSCI_CPU_ON_64, v->id, ENTRY, 2);
    if (second_result == PSCI_SUCCESS)
        psci(v, PSCI_CPU_OFF, 0, 0, 0);
    assert_int_equal(psci(d->vcpus[2], PSCI_AFFINITY_INFO_64, v->id, 0, 0),
                     second_result == PSCI_SUCCESS ? PSCI_AFFINITY_OFF : PSCI_AFFINITY_ON_PENDING);
}

static void who_waits_for_a_vcpu_to_leave_its_cpu_has_it(void **state)
{
    (void)state;
    while_waited_for = second_caller;
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 1, ENTRY, 1), PSCI_SUCCESS);
    assert_int_equal(second_result, PSCI_ON_PENDING);
    assert_int_equal(d->vcpus[1]->regs.x[20], 1);
    assert_int_equal(resets, 1);
}

static void a_toolstack_waits_for_who_is_starting_it(void **state)
{
    struct vcpu *v = d->vcpus[1];

    (void)state;
    vcpu_claim_paused(v);
    assert_int_equal(psci(d->vcpus[0], PSCI_CPU_ON_64, 1, ENTRY, 1), PSCI_ON_PENDING);
    vcpu_release(v, false);
    assert_int_equal(v->power, VCPU_OFF);
    vcpu_claim_paused(d->vcpus[0]);
    vcpu_go_off(d->vcpus[0]);
    assert_int_equal(d->vcpus[0]->power, VCPU_COMING);   /* claimed: not its own any more */
    vcpu_release(d->vcpus[0], true);
}

static unsigned successes;
static bool over;

static void *starter(void *arg)
{
    struct vcpu *caller = arg;

    for (unsigned i = 0; i < ROUNDS; i++)
        if (psci(caller, PSCI_CPU_ON_64, 3, ENTRY, i) == PSCI_SUCCESS)
            __atomic_fetch_add(&successes, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* The vCPU's CPU: a started vCPU goes off at once, and leaves a moment later. */
static void *target(void *arg)
{
    struct vcpu *v = arg;

    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        if (!vcpu_is_on(v) || !__atomic_load_n(&v->sched.running, __ATOMIC_SEQ_CST))
            continue;
        vcpu_go_off(v);
        usleep(1);
        resident(v, false);
    }
    return NULL;
}

static void three_callers_and_one_that_goes_off_at_once(void **state)
{
    pthread_t starters[3], one;

    (void)state;
    over = false;
    successes = 0;
    pthread_create(&one, NULL, target, d->vcpus[3]);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&starters[i], NULL, starter, d->vcpus[i]);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(starters[i], NULL);
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    pthread_join(one, NULL);
    assert_true(successes > 0);
    assert_int_equal(successes, resets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vcpu_goes_on_and_off, setup, teardown),
        cmocka_unit_test_setup_teardown(the_time_of_day_is_told_as_kvm_tells_it_where_it_is_offered, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_for_a_vcpu_to_leave_its_cpu_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_toolstack_waits_for_who_is_starting_it, setup, teardown),
        cmocka_unit_test_setup_teardown(three_callers_and_one_that_goes_off_at_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
