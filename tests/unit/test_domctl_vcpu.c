// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/domctl_rooms.c tests/unit/fakes.c hypervisor/abi/domctl*.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* Domctls of vCPUs: what registers, affinities and shares may be set, and how they come back. */
#include "domctl_rooms.h"

#include <string.h>

static void registers_go_in_and_come_out_the_same(void **state)
{
    struct vcpu_guest_context in, out;
    struct vcpu *v = guest->vcpus[1];

    (void)state;
    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), -ENODATA);
    op.u.vcpucontext.vcpu = 2;
    assert_int_equal(call(), -EINVAL);

    for (size_t i = 0; i < sizeof(in); i++)
        ((uint8_t *)&in)[i] = (uint8_t)(i * 7);
    in.flags = VGCF_online;
    in.user_regs.cpsr = PSR_GUEST64_INIT;
    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&in;
    assert_int_equal(call(), 0);
    assert_true(v->power == VCPU_ON && v->initialised);
    assert_int_equal(v->regs.x[0], in.user_regs.x0);
    assert_int_equal(v->regs.x[30], in.user_regs.x30);

    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), 0);
    assert_memory_equal(&out.user_regs, &in.user_regs, offsetof(struct vcpu_guest_core_regs, spsr_el1));
    assert_int_equal(out.user_regs.spsr_el1, in.user_regs.spsr_el1);
    assert_int_equal(out.user_regs.sp_el0, in.user_regs.sp_el0);
    assert_int_equal(out.user_regs.sp_el1, in.user_regs.sp_el1);
    assert_int_equal(out.user_regs.elr_el1, in.user_regs.elr_el1);
    assert_int_equal(out.sctlr, in.sctlr);
    assert_int_equal(out.ttbcr, in.ttbcr);
    assert_int_equal(out.ttbr0, in.ttbr0);
    assert_int_equal(out.ttbr1, in.ttbr1);
    assert_int_equal(out.flags, VGCF_online);

    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    assert_int_equal(call(), 0);
    assert_false(v->power != VCPU_OFF || v->initialised);
    assert_int_equal(v->regs.x[30], 0);
    begin(XEN_DOMCTL_getvcpucontext);
    op.u.vcpucontext.vcpu = 1;
    op.u.vcpucontext.ctxt.q = (uintptr_t)&out;
    assert_int_equal(call(), -ENODATA);
    assert_int_equal(seen.pauses, seen.unpauses);
}

static void only_64_bit_guest_states_are_taken(void **state)
{
    struct vcpu_guest_context c = { .flags = VGCF_online };

    (void)state;
    begin(XEN_DOMCTL_setvcpucontext);
    op.u.vcpucontext.ctxt.q = (uintptr_t)&c;
    for (unsigned mode = 0; mode < 32; mode++) {
        c.user_regs.cpsr = mode;
        assert_int_equal(call(), mode == 0 || mode == 4 || mode == 5 ? 0 : -EINVAL);
    }
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(20);   /* IL */
    assert_int_equal(call(), -EINVAL);
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(21);   /* SS */
    assert_int_equal(call(), -EINVAL);
    c.user_regs.cpsr = PSR_GUEST64_INIT | BIT(63);
    assert_int_equal(call(), -EINVAL);
    op.u.vcpucontext.ctxt.q = 8;
    assert_int_equal(call(), -EFAULT);
    begin(XEN_DOMCTL_set_address_size);
    op.u.address_size.size = 32;
    assert_int_equal(call(), -EINVAL);
    op.u.address_size.size = 64;
    assert_int_equal(call(), 0);
}

static void affinities_come_back_as_they_act(void **state)
{
    uint8_t hard[16] = { 0xfe, 0xff }, soft[16] = { 0x03 };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;

    (void)state;
    memset(hard + 8, 0xee, 8);
    begin(XEN_DOMCTL_setvcpuaffinity);
    assert_int_equal(call(), -EINVAL);   /* neither */
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    a->cpumap_hard.bitmap.q = (uintptr_t)hard;
    a->cpumap_hard.nr_bits = 96;
    a->cpumap_soft.bitmap.q = (uintptr_t)soft;
    a->cpumap_soft.nr_bits = 2;
    assert_int_equal(call(), 0);
    assert_true(seen.hard == ((cpu_mask)0xeeeeeeee << 64 | 0xfffe));
    assert_true(seen.soft == 3);
    assert_int_equal(hard[0], 0xe);   /* of four CPUs */
    assert_int_equal(hard[1], 0);
    assert_int_equal(hard[11], 0);
    assert_int_equal(hard[12], 0xee);
    assert_int_equal(soft[0], 2);

    memset(hard, 0, sizeof(hard));
    assert_int_equal(call(), -EINVAL);   /* no CPU */
    a->vcpu = 2;
    assert_int_equal(call(), -ESRCH);

    begin(XEN_DOMCTL_getvcpuaffinity);
    assert_int_equal(call(), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard.bitmap.q = (uintptr_t)hard;
    a->cpumap_hard.nr_bits = 8;
    assert_int_equal(call(), 0);
    assert_int_equal(hard[0], 0xe);
    a->cpumap_hard.nr_bits = UINT32_MAX;
    assert_int_equal(call(), -EINVAL);
    a->cpumap_hard.nr_bits = 8;
    a->cpumap_hard.bitmap.q = 8;
    assert_int_equal(call(), -EFAULT);
}

static void shares_are_those_of_credit2(void **state)
{
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;

    (void)state;
    begin(XEN_DOMCTL_scheduler_op);
    s->sched_id = XEN_SCHEDULER_CREDIT;
    assert_int_equal(call(), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    assert_int_equal(call(), -EINVAL);
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(call(), 0);
    assert_int_equal(s->u.credit2.weight, 256);
    assert_int_equal(s->u.credit2.cap, 10);
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 0;
    s->u.credit2.cap = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.weight, 256);
    assert_int_equal(seen.cap, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(registers_go_in_and_come_out_the_same),
        TEST(only_64_bit_guest_states_are_taken),
        TEST(affinities_come_back_as_they_act),
        TEST(shares_are_those_of_credit2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
