// SPDX-License-Identifier: Apache-2.0
/*
 * The shared memory in which the hypervisor tells a vCPU about itself: vcpu_info, run states and the wall clock
 * (xen/include/public/vcpu.h, xen.h).
 */
#include "dormouse/arch/arm64/gic.h"
#include "dormouse/arch/arm64/timer.h"
#include "dormouse/arch/arm64/trap.h"
#include "dormouse/dormouse.h"
#include "dormouse/xen/evtchn.h"
#include "dormouse/arch/arm64/platform.h"
#include "lib/errno.h"
#include "tests/guests/tap.h"

static struct vcpu_runstate_info runstates[2] __attribute__((aligned(128)));

static void tick(unsigned intid)
{
    (void)intid;
    timer_virtual_stop();
}

static void sleep_ms(unsigned ms)
{
    uint64_t at = timer_now() + ms * timer_frequency() / 1000;

    irq_disable();
    timer_virtual_set(at);
    while (timer_now() < at)
        irq_wait();
    irq_enable();
}

static long runstate_register(unsigned vcpu, void *where)
{
    struct vcpu_register_runstate_memory_area a;

    a.addr.p = 0;
    a.addr.v = where;
    return vcpu_op(VCPUOP_register_runstate_memory_area, vcpu, &a);
}

static uint64_t sum(const struct vcpu_runstate_info *r)
{
    return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

static void run_states(void)
{
    struct vcpu_runstate_info *r = &runstates[0], old;
    enum { SLEEP_MS = 500, MS = 1000000 };   /* long beside the time that a busy build machine takes from a vCPU */

    expect_equal("register_runstate_area", runstate_register(0, r), 0);
    expect_equal("a_running_vcpu_reads_running", r->state, RUNSTATE_running);
    expect_true("it_has_run", r->state_entry_time > 0);
    old = *r;
    uint64_t before = timer_now();
    sleep_ms(SLEEP_MS);
    uint64_t slept = (timer_now() - before) * 1000 / (timer_frequency() / 1000000);
    expect_true("sleep_counts_as_blocked",
                r->time[RUNSTATE_blocked] - old.time[RUNSTATE_blocked] >= (SLEEP_MS / 2) * MS);
    expect_true("not_more_than_was_slept", r->time[RUNSTATE_blocked] - old.time[RUNSTATE_blocked] <= slept);
    expect_true("entry_time_follows", r->state_entry_time > old.state_entry_time);
    expect_true("times_add_up_to_the_time_that_passed",
                sum(r) - sum(&old) == r->state_entry_time - old.state_entry_time);
    expect_equal("update_mark_is_off_unless_asked_for", r->state_entry_time >> 63, 0);

    expect_equal("update_mark_can_be_asked_for",
                 hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    sleep_ms(2);
    expect_equal("update_mark_is_off_outside_updates", r->state_entry_time >> 63, 0);
    expect_equal("it_can_be_given_up",
                 hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
    expect_equal("an_unknown_assist", hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 63), -EINVAL);
    runstate_register(0, (void *)0x30000000ul);     /* refused or not, nothing comes of it */
    sleep_ms(2);
    expect_equal("runstate_area_again", runstate_register(0, r), 0);
    expect_equal("runstate_of_no_vcpu", runstate_register(500, r), -ENOENT);
}

static void vcpu_infos_once(void)
{
    static char page[2 * 4096] __attribute__((aligned(4096)));
    struct vcpu_register_vcpu_info v = { .mfn = (uintptr_t)page >> PAGE_SHIFT, .offset = 0 };

    expect_true("vcpu_info_is_registered_once", vcpu_op(VCPUOP_register_vcpu_info, 0, &v) < 0);
    if (platform.cpus < 2) {
        skip("vcpu_info_of_another", "one vCPU");
        return;
    }
    v.offset = 4096 - 8;
    expect_true("vcpu_info_must_not_cross_a_page", vcpu_op(VCPUOP_register_vcpu_info, 1, &v) < 0);
    v.offset = 3;
    expect_true("vcpu_info_must_be_aligned", vcpu_op(VCPUOP_register_vcpu_info, 1, &v) < 0);
    v.offset = 4096;
    expect_true("vcpu_info_must_begin_in_its_page", vcpu_op(VCPUOP_register_vcpu_info, 1, &v) < 0);
    v.offset = 0, v.mfn = 0x30000;
    expect_equal("vcpu_info_needs_a_page", vcpu_op(VCPUOP_register_vcpu_info, 1, &v), -EINVAL);
    v.mfn = 1ul << 50;
    expect_equal("vcpu_info_needs_an_address", vcpu_op(VCPUOP_register_vcpu_info, 1, &v), -EINVAL);
    v.mfn = (uintptr_t)page >> PAGE_SHIFT;
    expect_equal("vcpu_info_of_no_vcpu", vcpu_op(VCPUOP_register_vcpu_info, 500, &v), -ENOENT);
    expect_equal("vcpu_info_of_another_that_is_off", vcpu_op(VCPUOP_register_vcpu_info, 1, &v), 0);
    struct vcpu_info *i = (struct vcpu_info *)page;
    expect_true("a_new_vcpu_info_has_an_upcall_pending", i->evtchn_upcall_pending);
}

/* arch-arm.h: exactly vcpu_info and runstate registration exist on Arm. */
static void others_do_not_exist(void)
{
    static uint64_t buffer[16];

    expect_equal("vcpuop_is_up", vcpu_op(VCPUOP_is_up, 0, buffer), -EINVAL);
    expect_equal("vcpuop_initialise", vcpu_op(VCPUOP_initialise, 1, buffer), -EINVAL);
    expect_equal("vcpuop_singleshot_timer", vcpu_op(VCPUOP_set_singleshot_timer, 0, buffer), -EINVAL);
    expect_equal("vcpuop_send_nmi", vcpu_op(VCPUOP_send_nmi, 0, NULL), -EINVAL);
    expect_equal("vcpuop_unknown", vcpu_op(99, 0, buffer), -EINVAL);
}

static void wall_clock(void)
{
    enum { YEAR_2020 = 1577836800 };

    expect_equal("wall_clock_is_not_being_changed", shared_info->wc_version & 1, 0);
    uint64_t s = (uint64_t)shared_info->wc_sec_hi << 32 | shared_info->wc_sec;
    expect_true("wall_clock_is_set", s > YEAR_2020);
    expect_true("nanoseconds_are_less_than_a_second", shared_info->wc_nsec < 1000000000);
}

void guest_main(void)
{
    tap_begin("vcpu");
    irq_register(platform.timer_virtual, tick);
    gic_enable(platform.timer_virtual);
    vcpu_infos_once();
    run_states();
    others_do_not_exist();
    wall_clock();
    tap_end();
}
