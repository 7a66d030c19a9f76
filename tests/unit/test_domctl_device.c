// SPDX-License-Identifier: Apache-2.0
/* sources: tests/unit/domctl_rooms.c tests/unit/fakes.c hypervisor/abi/domctl*.c hypervisor/abi/ctl_bitmap.c */
/* sources: hypervisor/vm/vcpu_context.c hypervisor/vm/arm64/core.c hypervisor/vm/capabilities.c lib/ranges.c */
/* Domctls of devices: whose rights are handed on, what is mapped and bound by them. */
#include "domctl_rooms.h"

static void rights_to_devices_are_only_handed_on(void **state)
{
    struct xen_domctl_iomem_permission *p = &op.u.iomem_permission;

    (void)state;
    begin(XEN_DOMCTL_iomem_permission);
    p->first_mfn = 0x8100;
    p->nr_mfns = 0;
    p->allow_access = 1;
    assert_int_equal(call(), -EINVAL);
    p->nr_mfns = UINT64_MAX;
    assert_int_equal(call(), -EINVAL);
    p->nr_mfns = 0x1000;
    assert_int_equal(call(), -EPERM);   /* leaves the caller's own range */
    p->nr_mfns = 0x10;
    assert_int_equal(call(), 0);
    assert_true(capability_has(guest, CAPABILITY_IOMEM, 0x8100, 0x810f));
    p->allow_access = 0;
    p->nr_mfns = 8;
    assert_int_equal(call(), 0);
    assert_false(capability_has(guest, CAPABILITY_IOMEM, 0x8107, 0x8107));
    assert_true(capability_has(guest, CAPABILITY_IOMEM, 0x8108, 0x810f));

    begin(XEN_DOMCTL_irq_permission);
    op.u.irq_permission.allow_access = 1;
    op.u.irq_permission.pirq = 39;
    assert_int_equal(call(), -EPERM);
    op.u.irq_permission.pirq = 40;
    assert_int_equal(call(), 0);
    assert_true(capability_has(guest, CAPABILITY_IRQ, 40, 40));
}

static void device_memory_is_mapped_by_right_and_in_slices(void **state)
{
    struct xen_domctl_memory_mapping *m = &op.u.memory_mapping;

    (void)state;
    begin(XEN_DOMCTL_memory_mapping);
    m->add_mapping = DPCI_ADD_MAPPING;
    m->first_gfn = 100;
    m->first_mfn = 0x8000;
    assert_int_equal(call(), -EINVAL);
    m->nr_mfns = 513;
    assert_int_equal(call(), -E2BIG);
    m->nr_mfns = 4;
    assert_int_equal(call(), -EPERM);   /* the guest has not been given it */
    capability_grant(guest, CAPABILITY_IOMEM, 0, UINT64_MAX);
    m->first_mfn = 0x8ffe;
    assert_int_equal(call(), -EPERM);   /* the caller has not */
    m->first_mfn = 0x8000;
    assert_int_equal(call(), 0);
    assert_int_equal(fake_type(guest, 103), P2M_DEVICE);
    fake_set_type(guest, 101, P2M_INVALID);
    m->add_mapping = DPCI_REMOVE_MAPPING;
    assert_int_equal(call(), 0);
    assert_int_equal(fake_type(guest, 100), P2M_INVALID);
    assert_int_equal(fake_type(guest, 103), P2M_INVALID);

    m->add_mapping = DPCI_ADD_MAPPING;
    m->first_mfn = fake_mfn(host, 0).mfn;
    capability_grant(host, CAPABILITY_IOMEM, 0, UINT64_MAX);
    m->nr_mfns = 1;
    assert_int_equal(call(), -EPERM);   /* RAM */
    m->first_mfn = 0x8000;
    m->first_gfn = UINT64_MAX;
    m->nr_mfns = 2;
    assert_int_equal(call(), -EINVAL);
}

static void interrupts_are_bound_by_right(void **state)
{
    (void)state;
    begin(XEN_DOMCTL_bind_pt_irq);
    op.u.bind_pt_irq.machine_irq = 40;
    op.u.bind_pt_irq.u.spi.spi = 45;
    assert_int_equal(call(), -EOPNOTSUPP);   /* a PCI interrupt */
    op.u.bind_pt_irq.irq_type = PT_IRQ_TYPE_SPI;
    assert_int_equal(call(), 0);
    assert_int_equal(seen.irq, 40);
    assert_int_equal(seen.intid, 45);
    op.u.bind_pt_irq.machine_irq = 51;
    assert_int_equal(call(), -EPERM);
    op.cmd = XEN_DOMCTL_unbind_pt_irq;
    assert_int_equal(call(), -EPERM);
}

static void the_uart_is_the_builders(void **state)
{
    struct xen_domctl_vuart_op *u = &op.u.vuart_op;

    (void)state;
    begin(XEN_DOMCTL_vuart_op);
    u->gfn = 99;
    assert_int_equal(call(), 0);
    assert_int_equal(u->evtchn, 99);
    u->type = 1;
    assert_int_equal(call(), -EOPNOTSUPP);
    u->cmd = 1;
    assert_int_equal(call(), -EINVAL);
    begin(XEN_DOMCTL_unpausedomain);
    assert_int_equal(call(), 0);
    begin(XEN_DOMCTL_vuart_op);
    assert_int_equal(call(), -EPERM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(rights_to_devices_are_only_handed_on),
        TEST(device_memory_is_mapped_by_right_and_in_slices),
        TEST(interrupts_are_bound_by_right),
        TEST(the_uart_is_the_builders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
