// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/domctl_rooms.c tests/unit/fakes.c hypervisor/abi/domctl*.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* Domctls of a domain's life: who may, of which domain, in which state; what a new domain's description may say. */
#include "domctl_rooms.h"

#include <stdlib.h>
#include <string.h>

#include "abi/domctl.h"
#include "dev/gic.h"

static void a_call_is_checked_from_outside_in(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_pausedomain);
    assert_int_equal(abi_domctl(8), -EFAULT);
    op.interface_version++;
    assert_int_equal(call(), -EACCES);
    begin(XEN_DOMCTL_pausedomain);
    fake_set_current(guest->vcpus[0]);
    assert_int_equal(call(), -EPERM);
    fake_set_current(host->vcpus[0]);
    op.domain = 9;
    assert_int_equal(call(), -ESRCH);
    op.domain = 0;
    assert_int_equal(call(), -EINVAL);
    assert_int_equal(seen.pauses, 0);
    op.domain = 1;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.pauses, 1);
}

static void operations_that_arm_has_not_say_so(void **state)
{
    static const struct { unsigned cmd; int error; } known[] = {
        { 0, -ENOSYS }, { XEN_DOMCTL_hypercall_init, -ENOSYS },
        { XEN_DOMCTL_sendtrigger, -ENOSYS }, { XEN_DOMCTL_gdbsx_guestmemio, -ENOSYS }, { 87, -ENOSYS },
        { UINT32_MAX, -ENOSYS }, { XEN_DOMCTL_assign_device, -EOPNOTSUPP }, { XEN_DOMCTL_monitor_op, -EOPNOTSUPP },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        begin(known[i].cmd);
        assert_int_equal(call(), known[i].error);
        op.domain = 9;
        assert_int_equal(call(), -ESRCH);
    }
}

static void a_second_domctl_waits_its_turn(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_pausedomain);
    assert_true(domctl_begin());
    assert_int_equal(call(), -ERESTART);
    domctl_end();
    assert_int_equal(call(), 0);
}

static void a_dying_domain_can_only_be_looked_at_and_ended(void **state)
{
    (void)state;
    guest->life = DOMAIN_DYING;
    begin(XEN_DOMCTL_max_vcpus);
    op.u.max_vcpus.max = 2;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_bind_pt_irq);
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_SPI;
    op.u.bind_pt_irq.machine_irq = 40;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    begin(XEN_DOMCTL_destroydomain);
    next_error = -ERESTART;
    assert_int_equal(call(), -ERESTART);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.destructions, 2);
}

static void a_new_domain_gets_what_was_asked(void **state)
{
    (void)state;
    begin_create();
    op.u.createdomain.arch.nr_spis = 33;
    op.u.createdomain.max_evtchn_port = UINT32_MAX;
    assert_int_equal(call(), 0);
    assert_int_equal(op.domain, 1);
    assert_int_equal(seen.wanted, 0xffff);
    assert_int_equal(seen.config.max_vcpus, 2);
    assert_int_equal(seen.config.nr_spis, 64);
    assert_int_equal(seen.config.max_event_ports, (1 << 17) - 1);
    assert_int_equal(seen.config.max_grant_frames, 64);
    assert_int_equal(seen.config.max_maptrack_frames, 1024);
    assert_false(seen.config.privileged || seen.config.direct_mapped);
    assert_int_equal(op.u.createdomain.arch.gic_version, XEN_DOMCTL_CONFIG_GIC_V3);
    assert_int_equal(op.u.createdomain.arch.clock_frequency, 62500000);

    begin_create();
    op.domain = 1234;
    op.u.createdomain.max_grant_frames = 7;
    op.u.createdomain.max_maptrack_frames = 0;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wanted, 1234);
    assert_int_equal(seen.config.max_grant_frames, 7);
    assert_int_equal(seen.config.max_maptrack_frames, 0);
    begin_create();
    op.domain = DOMID_FIRST_RESERVED;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wanted, 0xffff);
    begin_create();
    next_error = -EEXIST;
    assert_int_equal(call(), -EEXIST);
}

#define REFUSED(error, statement) \
    do { \
        struct xen_domctl_createdomain *c = &op.u.createdomain; \
        begin_create(); \
        statement; \
        assert_int_equal(call(), error); \
        assert_int_equal(seen.creations, 0); \
    } while (0)

static void a_new_domain_that_cannot_be_is_refused(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        REFUSED(-EINVAL, c->flags ^= 1u << bit);
    REFUSED(-EINVAL, c->iommu_opts = 1);
    REFUSED(-EINVAL, c->vmtrace_size = 4096);
    REFUSED(-EINVAL, c->max_vcpus = 0);
    REFUSED(-EINVAL, c->max_vcpus = DOMAIN_MAX_VCPUS + 1);
    REFUSED(-EINVAL, c->max_grant_frames = 0);
    REFUSED(-EINVAL, c->max_grant_frames = 65);
    REFUSED(-EINVAL, c->max_maptrack_frames = 1025);
    REFUSED(-EINVAL, c->grant_opts = 0);
    REFUSED(-EINVAL, c->grant_opts = 2);
    REFUSED(-EINVAL, c->grant_opts = 0x11);
    REFUSED(-ESRCH, c->cpupool_id = 1);
    REFUSED(-EINVAL, c->arch.gic_version = 3);
    REFUSED(-ENODEV, c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V2);
    REFUSED(-EINVAL, c->arch.tee_type = XEN_DOMCTL_CONFIG_TEE_OPTEE);
    REFUSED(-EINVAL, c->arch.nr_spis = VGIC_MAX_SPIS + 1);
    REFUSED(-EINVAL, c->arch.nr_spis = UINT32_MAX);
}

static void a_gicv2_serves_eight(void **state)
{
    (void)state;
    gic.version = 2;
    REFUSED(-EINVAL, c->max_vcpus = 9);
    REFUSED(-ENODEV, c->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_V3);
    begin_create();
    op.u.createdomain.max_vcpus = 8;
    assert_int_equal(call(), 0);
    assert_int_equal(op.u.createdomain.arch.gic_version, XEN_DOMCTL_CONFIG_GIC_V2);
    gic.version = 3;
}

static void vcpus_are_made_in_slices(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        free(guest->vcpus[i]);
        guest->vcpus[i] = NULL;
    }
    begin(XEN_DOMCTL_max_vcpus);
    op.u.max_vcpus.max = 3;
    assert_int_equal(call(), -EINVAL);
    op.u.max_vcpus.max = 2;
    next_error = -ENOMEM;
    assert_int_equal(call(), -ENOMEM);
    fake_preempt_every(1);
    assert_int_equal(call(), -ERESTART);
    assert_int_equal(seen.vcpus_made, 1);
    assert_int_equal(call(), 0);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.vcpus_made, 2);
}

static void info_says_what_a_domain_does(void **state)
{
    struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

    (void)state;
    guest->shutdown.down = true;
    guest->shutdown.reason = 3;
    guest->pause.by_controller = 1;
    begin(XEN_DOMCTL_getdomaininfo);
    op.domain = 0;   /* the first from there on */
    assert_int_equal(call(), 0);
    assert_int_equal(op.domain, 1);
    assert_int_equal(info->domain, 1);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_shutdown | XEN_DOMINF_paused |
                                      3 << XEN_DOMINF_shutdownshift);
    assert_int_equal(info->nr_online_vcpus, 1);
    assert_int_equal(info->max_vcpu_id, 1);
    assert_int_equal(info->cpu_time, 201);
    assert_int_equal(info->outstanding_pages, 3);

    guest->shutdown.down = false;
    guest->pause.by_controller = 0;
    guest->vcpus[0]->blocked = true;
    guest->vcpus[1]->sched.running = true;   /* not online: does not count */
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_blocked);
    guest->vcpus[1]->power = VCPU_ON;
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_running);
    guest->life = DOMAIN_DEAD;
    guest->vcpus[0]->power = guest->vcpus[1]->power = VCPU_OFF;
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_dying);
}

static void a_suspended_domain_shows_as_paused_and_resume_wakes_it(void **state)
{
    struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;

    (void)state;
    guest->vcpus[0]->power = VCPU_ON;
    guest->vcpus[0]->blocked = true;
    seen.suspended = true;
    begin(XEN_DOMCTL_getdomaininfo);
    assert_int_equal(call(), 0);
    assert_int_equal(info->flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_blocked | XEN_DOMINF_paused);
    begin(XEN_DOMCTL_resumedomain);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wakes, 1);
    assert_int_equal(seen.resumes, 0);
    begin(XEN_DOMCTL_unpausedomain);
    assert_int_equal(call(), 0);   /* it was paused too: that first */
    assert_int_equal(seen.wakes, 1);
    next_error = -EINVAL;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.wakes, 2);
    seen.suspended = false;
    next_error = -EINVAL;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_resumedomain);
    assert_int_equal(call(), 0);
    assert_int_equal(seen.resumes, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_call_is_checked_from_outside_in),
        TEST(operations_that_arm_has_not_say_so),
        TEST(a_second_domctl_waits_its_turn),
        TEST(a_dying_domain_can_only_be_looked_at_and_ended),
        TEST(a_new_domain_gets_what_was_asked),
        TEST(a_new_domain_that_cannot_be_is_refused),
        TEST(a_gicv2_serves_eight),
        TEST(vcpus_are_made_in_slices),
        TEST(info_says_what_a_domain_does),
        TEST(a_suspended_domain_shows_as_paused_and_resume_wakes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
